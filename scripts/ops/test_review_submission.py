#!/usr/bin/env python3
"""Submit work for review and follow it to the published report (21_01d.rollout.1, .3)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.staying_data import own_user, until_removed
from acceptance.envfile.file import EnvFile
from acceptance.observe.new_path import new_path
from acceptance.probes.clients import Clients
from acceptance.probes.flag_path import path_findings
from acceptance.target.model import Target

EPILOG = (
    "The student is one of the command's own, named after the one that you give; the report is published to it. All of "
    "it stays until the next run, or recover.py, removes it."
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--student-id", required=True, help="such as test_user")
    parser.add_argument("--assignment", required=True, help="such as hw03")
    parser.add_argument("--within", type=float, default=90.0, help="longest wait in seconds (default: %(default)g)")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    clients = Clients(target)
    with clients.database() as mongo:
        reviews = clients.reviews(mongo)
        submitted = reviews.submit(own_user(target, args.student_id), args.assignment)
        review = reviews.follow(submitted, args.within, target.http_timeout_s)
    found = review.findings()
    new = EnvFile(target.env_file).flag(target.flags["21_01d"])
    if not found:
        found = path_findings(new_path(target, "21_01d", clients.prometheus), new)
    path = "decomposed" if new else "monolithic"
    taken = f"{review.seconds:.2f} s" if review.seconds is not None else "no time known"
    line = f"{submitted.task_id}: rate limit checked, log analysis appended, report persisted and published, {taken}"
    told = f"{line}, by the {path} use case; student {submitted.student_id}: {until_removed(target)}"
    return cli.Answer(found, told, review.as_json())


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
