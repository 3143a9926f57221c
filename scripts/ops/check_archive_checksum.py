#!/usr/bin/env python3
"""Compare the recorded SHA-256 of an assignment's newest archive with the file's own (21_01c.rollout.3)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.archives import answer_on_newest, assignment
from acceptance.probes.storage.metadata import checksum_findings
from acceptance.target.model import Target


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    return answer_on_newest(target, args, checksum_findings, "{task_id}: recorded SHA-256 {sha256} is that of {path}")


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, assignment))
