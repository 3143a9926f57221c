#!/usr/bin/env python3
"""Upload a test archive as a student would, and find it on disk, byte for byte (21_01c.rollout.1 and .3).

The student is one of the command's own, named after the one that you give, so that nobody's archive is overwritten.
The archive stays, for the checklist's next lines look at it, until the next run or `recover.py` removes it.
"""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.staying_data import own_user, until_removed
from acceptance.finding import Finding
from acceptance.probes.archives.archives import good
from acceptance.probes.clients import Clients
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--student-id", required=True)
    parser.add_argument("--assignment-id", required=True)


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    where, student = target.source, own_user(target, args.student_id)
    archive = good()
    answer = Clients(target).uploader.send(Upload(student, args.assignment_id, archive))
    said = answer.explain().replace("\n", " ")
    if answer.status is None or answer.status in {401, 404, 405, 408, 429}:
        raise Inconclusive(f"the upload was not looked at: {said}; check API_URL in {where}, and the service")
    copies = [path for root in {target.storage.root, target.storage.legacy_root} for path in copies_of(archive, root)]
    facts = {"student_id": student, "sha256": archive.sha256, "size": archive.size, "paths": copies, "answer": said}
    if (answer.status, len(copies)) != (201, 1):
        found = f"copies: {list(map(str, copies))}; {said}"
        return cli.Answer([Finding("not stored", "the archive", "201 and one copy on disk", found)], "", facts)
    line = f"{student}/{args.assignment_id}: {archive.size} bytes, SHA-256 {archive.sha256}, in {copies[0]}"
    return cli.Answer([], f"{line}; {until_removed(target)}", facts)


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
