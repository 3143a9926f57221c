#!/usr/bin/env python3
"""Check that RateLimiter, LogAnalysisPipeline and ReportPublisher are all healthy (21_01d.monitor.2)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.probes.clients import Clients
from acceptance.probes.reviews.pipeline import COMPONENTS, component_findings
from acceptance.target.model import Target


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only."


def _act(target: Target, _: argparse.Namespace) -> cli.Answer:
    worker = Clients(target).caller("worker")
    return cli.Answer(component_findings(worker), f"{', '.join(COMPONENTS)}: all healthy", {"components": COMPONENTS})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
