#!/usr/bin/env python3
"""Collect the baseline of all services from Prometheus into a file, for compare_metrics.py (21_00.checklist.2)."""

import argparse
import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.baseline.collecting import collect
from acceptance.baseline.files import figures, gaps, save
from acceptance.commands import cli
from acceptance.probes.clients import Clients
from acceptance.target.model import Target


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only, and sends no traffic: what the services did in that time is what there is."
    parser.add_argument("--epic", type=int, choices=[21], default=21, help="the epic (21)")
    parser.add_argument("--output", type=Path, required=True, help="such as /tmp/epic21_baseline.json")
    parser.add_argument("--seconds", type=float, help="how far back to look (default: 3600, in the lab its soak)")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    prometheus = Clients(target).prometheus
    found = collect(target, prometheus, args.seconds or target.soak_seconds or 3600)
    save(found, args.output)
    told = figures(found)
    services = told["services"].items()
    counts = [f"{name} {sum(calls['total'] for calls in each['calls'].values())} calls" for name, each in services]
    line = f"{args.output}: {found.end - found.start:g} s in {told['windows']} windows: {', '.join(counts)}"
    return cli.Answer(gaps(found), line, told)


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
