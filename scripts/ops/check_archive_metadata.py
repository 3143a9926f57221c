#!/usr/bin/env python3
"""See that size, checksum and upload time of an assignment's newest archive are recorded (21_01c.rollout.3)."""

import argparse
import sys
from datetime import UTC, datetime

from acceptance.cli import Answer, main
from acceptance.conduct.testdata import database
from acceptance.probes.recorded import checksum_findings, metadata_findings, newest
from acceptance.target.model import Target


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the checklist's own argument, and one to narrow it."""
    parser.add_argument("--assignment", required=True)
    parser.add_argument("--student-id", help="only this student's archives")


def act(target: Target, args: argparse.Namespace) -> Answer:
    """Look at the newest document and its file."""
    with database(target) as mongo:
        document = newest(mongo, args.assignment, args.student_id)
    if document is None:
        whose = f" of {args.student_id}" if args.student_id else ""
        missing = f"expected a document for assignment {args.assignment}{whose} in review_archives, found none"
        return Answer([f"{missing}; with {target.flags['21_01c']}=true, upload one with test_review_upload.py"], "")
    root = target.storage.root
    findings = metadata_findings(document, root, datetime.now(UTC)) or checksum_findings(document, root)
    facts = ("size_bytes", "sha256", "uploaded_at")
    line = f"{document['task_id']}: " + ", ".join(f"{name} {document.get(name)}" for name in facts)
    return Answer(findings, line, {"document": document})


if __name__ == "__main__":
    sys.exit(main(__doc__, act, arguments))
