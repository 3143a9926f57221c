#!/usr/bin/env python3
"""See that size, checksum and upload time of an assignment's newest archive are recorded (21_01c.rollout.3)."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.archives import answer_on_newest, assignment
from acceptance.finding import Finding
from acceptance.probes.storage.metadata import Document, checksum_findings, metadata_findings
from acceptance.target.model import Target


def findings(document: Document, root: Path) -> list[Finding]:
    """Say what the metadata lack; where they are all there, whether the digest is also true."""
    return metadata_findings(document, root, datetime.now(UTC)) or checksum_findings(document, root)


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    line = "{task_id}: size_bytes {size_bytes}, sha256 {sha256}, uploaded_at {uploaded_at}"
    return answer_on_newest(target, args, findings, line)


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, assignment))
