#!/usr/bin/env python3
"""Ask everything that a deployment night needs of a target, at once and read-only, and tell what to correct.

Takes less than 10 s, changes nothing, and needs no ALLOW_MUTATIONS. Exit code 0 only where all is good and known.
"""

import argparse
import os
import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.planning.collection import CHECKS
from acceptance.stage import load_stages
from acceptance.stages.doctor import LIMIT_S, examine, unproved_logs
from acceptance.target.model import Target

ROOT = Path(__file__).resolve().parents[2]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=LIMIT_S, help=f"longest wait for an answer ({LIMIT_S:g})")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    done = examine(target, load_stages(ROOT / CHECKS).values(), args.seconds)
    line = f"{len(done.asked)} questions about {target.source} in {done.seconds:.1f} s, all of them well"
    line += f"; declared absent, not asked: {', '.join(done.absent)}" if done.absent else ""
    if believed := unproved_logs(target):
        line += (
            f"; not proved, as *_LOG_SHOWS has no requests: that each of {', '.join(believed)} is its service's log, "
        )
        line += "its clock, TRACE_HEADER"
    facts = {"asked": list(done.asked), "absent": list(done.absent), "unproved": believed}
    return cli.Answer(done.findings, line, {**facts, "seconds": round(done.seconds, 1)})


if __name__ == "__main__":
    code = cli.main(__doc__, _act, _arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a question without an answer must not hold up the end
