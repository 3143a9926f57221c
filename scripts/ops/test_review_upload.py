#!/usr/bin/env python3
"""Upload a test archive as a student would, and find it on disk, byte for byte (21_01c.rollout.1 and .3).

The archive stays, for the checklist's next lines look at it.
"""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.cli import Answer, main
from acceptance.finding import Finding
from acceptance.probes.archives.archives import good
from acceptance.probes.clients import Clients
from acceptance.probes.storage.directory import copies_of
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, Refused


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the checklist's own arguments."""
    parser.add_argument("--student-id", required=True)
    parser.add_argument("--assignment-id", required=True)


def act(target: Target, args: argparse.Namespace) -> Answer:
    """Upload, and judge by what is on disk."""
    where = target.source
    if not target.allow_mutations:
        raise Refused(f"{where}: expected ALLOW_MUTATIONS=true, since this uploads an archive; nothing was sent")
    if target.student_ids == "numeric" and not args.student_id.isdigit():
        raise Refused(f"--student-id {args.student_id}: expected digits, as STUDENT_IDS=numeric of {where} says")
    archive = good()
    answer = Clients(target).uploader.send(Upload(args.student_id, args.assignment_id, archive))
    said = answer.explain().replace("\n", " ")
    if answer.status is None or answer.status in {401, 404, 405, 408, 429}:
        raise Inconclusive(f"the upload was not looked at: {said}; check API_URL in {where}, and the service")
    copies = [path for root in {target.storage.root, target.storage.legacy_root} for path in copies_of(archive, root)]
    facts = {"sha256": archive.sha256, "size": archive.size, "paths": copies, "answer": said}
    if (answer.status, len(copies)) != (201, 1):
        found = f"copies: {list(map(str, copies))}; {said}"
        return Answer([Finding("not stored", "the archive", "201 and one copy on disk", found)], "", facts)
    line = f"{args.student_id}/{args.assignment_id}: {archive.size} bytes, SHA-256 {archive.sha256}, in {copies[0]}"
    return Answer([], f"{line}; the archive stays there", facts)


if __name__ == "__main__":
    sys.exit(main(__doc__, act, arguments))
