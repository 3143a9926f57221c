#!/usr/bin/env python3
"""Say what a JUnit file holds, for `EVIDENCE_...`: exit code 0 where tests passed and none failed.

Without a file that can be read it gives no answer (127).
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

file = Path(sys.argv[1])
try:
    suites = list(ElementTree.parse(file).iter("testsuite"))  # noqa: S314 - a file of our own CI
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
except (OSError, ElementTree.ParseError) as error:
    print(f"{file}: expected the JUnit file of a run, found none that can be read: {error}")
    sys.exit(127)
told = [datetime.fromisoformat(said) for suite in suites if (said := suite.get("timestamp"))]
at = min((each for each in told if each.tzinfo), default=changed)
ends = [{part.tag for part in case} for suite in suites for case in suite.findall("testcase")]
bad = sum(bool(end & {"failure", "error"}) for end in ends)
passed = sum(not end & {"failure", "error", "skipped"} for end in ends)
print(f"{file.name}: {passed} of {len(ends)} tests passed, {bad} failed, at {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
sys.exit(0 if passed and not bad else 1)
