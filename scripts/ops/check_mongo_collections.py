#!/usr/bin/env python3
"""Check that a collection holds documents, and that the newest have the fields of the contract (21_01a.rollout.1)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.observe.collections import FIELDS, look_at
from acceptance.observe.mongo import database
from acceptance.target.model import Target


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only."
    parser.add_argument("--collection", required=True, choices=FIELDS, help="such as dialog_contexts")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    with database(target) as mongo:
        seen = look_at(mongo, args.collection)
    line = f"{args.collection}: {seen.count} documents, the newest {seen.read} have the contract's fields"
    return cli.Answer(seen.findings, line, {"count": seen.count, "read": seen.read})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
