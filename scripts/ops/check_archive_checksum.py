#!/usr/bin/env python3
"""Compare the recorded SHA-256 of an assignment's newest archive with the file's own (21_01c.rollout.3)."""

import argparse
import sys

from acceptance.cli import Answer, main
from acceptance.conduct.testdata import database
from acceptance.probes.recorded import checksum_findings, newest
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
    findings = checksum_findings(document, target.storage.root)
    line = f"{document['task_id']}: recorded SHA-256 {document.get('sha256')} is that of {document.get('path')}"
    return Answer(findings, line, {"document": document})


if __name__ == "__main__":
    sys.exit(main(__doc__, act, arguments))
