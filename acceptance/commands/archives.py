"""Give the commands that read an assignment's newest archive their arguments and their answer.

Source: `check_archive_checksum.py` and `check_archive_metadata.py` of 21_01c.rollout.3.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from acceptance.commands.cli import Answer
from acceptance.finding import Finding
from acceptance.observe.mongo import database
from acceptance.probes.storage.metadata import Document, newest
from acceptance.target.model import Target


def assignment(parser: argparse.ArgumentParser) -> None:
    """Add the checklist's own argument, and one to narrow it, for `answer_on_newest`."""
    parser.add_argument("--assignment", required=True)
    parser.add_argument("--student-id", help="only this student's archives")


def answer_on_newest(
    target: Target, args: argparse.Namespace, judge: Callable[[Document, Path], list[Finding]], line: str
) -> Answer:
    """Judge the newest document of the assignment that a command was asked about.

    Args:
        target: The deployment.
        args: With what `assignment` added.
        judge: Gives the findings of a document and the storage's root.
        line: The good news; fields of the document stand in braces.
    """
    with database(target) as mongo:
        document, where = newest(mongo, args.assignment, args.student_id), mongo["review_archives"].name
    if document is None:
        whose = f" of {args.student_id}" if args.student_id else ""
        expected, upload = (
            f"a document for assignment {args.assignment}{whose}",
            "upload one with test_review_upload.py",
        )
        next_step = f"with {target.flags['21_01c']}=true, {upload}"
        return Answer([Finding("missing document", where, expected, "none", next_step=next_step)], "")
    findings = judge(document, target.storage.root)
    return Answer(findings, line.format_map(defaultdict(lambda: None, document)), {"document": document})
