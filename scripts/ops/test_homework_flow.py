#!/usr/bin/env python3
"""List a student's commits, have one reviewed, and see both on the HW checker's side (21_01b.rollout.1, .3)."""

import argparse
import sys
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.envfile.file import EnvFile
from acceptance.observe.new_path import new_path
from acceptance.probes.clients import Clients
from acceptance.probes.flag_path import path_findings
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.homework.traffic import reviewable
from acceptance.target.model import Target
from acceptance.verdict import Refused

EPILOG = (
    "The student must be known to the HW checker. With --request-review its newest commit is checked again, which "
    "cannot be undone: choose a test student of your own, such as test_user, that the target file names."
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--student-id", required=True, help="such as test_user")
    parser.add_argument("--request-review", action="store_true", help="also have the newest commit reviewed")


def _require_ours(target: Target, student: str) -> None:
    """Refuse to have the commit of somebody reviewed again whom the target file does not name for that."""
    if not target.allow_mutations:
        raise Refused(f"{target.source}: expected ALLOW_MUTATIONS=true, since a review stays; nothing was asked for")
    known = target.known
    if not any(fnmatchcase(student, name) for name in (known.student, known.student_flag_on, *known.soak_students)):
        raise Refused(
            f"{student}: expected a student that HOMEWORK_STUDENT or SOAK_STUDENTS of {target.source} names, since "
            "a review cannot be undone; nothing was asked for; add it there if its commits are nobody's"
        )


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    if args.request_review:
        _require_ours(target, args.student_id)
    clients = Clients(target)
    homework, checker = clients.homework, clients.checker
    checks = checker.checks(DAYS + 1)
    newest = reviewable(checks, args.student_id)[0]
    listing = homework.listing(args.student_id)
    found = [*listing.findings(), *listing.lost(checks), *listing.foreign(checks)]
    facts: dict[str, Any] = {"list": listing.exchange.as_json()}
    done = [f"{len(listing.hashes)} commits listed"]
    if args.request_review and not found:
        requested = homework.request_review(checker, newest, patience_s=target.http_timeout_s)
        found = requested.findings()
        facts["review"] = requested.exchange.as_json() | {"after": asdict(requested.after)}
        done.append(f"review {requested.review_id} of {newest.commit_hash} is at the HW checker, and stays there")
    new = EnvFile(target.env_file).flag(target.flags["21_01b"])
    found = found or path_findings(new_path(target, "21_01b", clients.prometheus), new)
    done.append(f"via the {'new service' if new else 'old client'}")
    return cli.Answer(found, f"{args.student_id}: {', '.join(done)}", facts)


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
