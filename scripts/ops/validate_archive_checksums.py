#!/usr/bin/env python3
"""Compare every archive recorded of late with its file on disk (rollback plan, data check)."""

import argparse
import sys
from datetime import UTC, datetime

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.units import duration
from acceptance.observe.mongo import database
from acceptance.probes.storage.metadata import checksum_findings, recent
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recent", type=duration, default=duration("1h"), help="how far back: 30m, 1h, 2d")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    since = datetime.now(UTC) - args.recent
    with database(target) as mongo:
        documents, where = list(recent(mongo, since)), mongo["review_archives"].name
    if not documents:
        raise Inconclusive(
            f"nothing to validate: no document in {where} since {since:%Y-%m-%d %H:%M} UTC; "
            "look further back with --recent, or see whether the new adapter records what it stores"
        )
    findings = [finding for document in documents for finding in checksum_findings(document, target.storage.root)]
    line = f"{len(documents)} of {len(documents)} archives since {since:%Y-%m-%d %H:%M} UTC are as recorded"
    return cli.Answer(findings, line, {"archives": len(documents), "since": since})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
