#!/usr/bin/env python3
"""Compare metrics with a baseline, every service and measure by a stated test (post24.monitoring.1).

Exit code 0: none is worse; 1: one is; 2: one could not be told, or could not be seen.
"""

import argparse
import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.baseline.collecting import collect
from acceptance.baseline.comparing import compare
from acceptance.baseline.files import load
from acceptance.baseline.readings import Baseline
from acceptance.commands import cli
from acceptance.observe.prometheus import Prometheus
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, Verdict


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only. CURRENT is looked at over as many seconds as the baseline, up to now."
    parser.add_argument("--baseline", type=Path, required=True, help="file of collect_baseline_metrics.py or of a run")
    parser.add_argument("--current", required=True, help="Prometheus, such as http://127.0.0.1:9090, or another file")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    before = load(args.baseline)
    results = compare(before, _current(target, args.current, before.end - before.start))
    worse = [each.finding() for each in results if each.verdict is Verdict.FAIL]
    no_data = [each for each in results if each.verdict is Verdict.INCONCLUSIVE]
    others = "\n".join(f"  {each.explain()}" for each in [*no_data, *(each for each in results if each not in no_data)])
    if no_data and not worse:
        raise Inconclusive(f"{len(no_data)} of {len(results)} comparisons could not be told\n{others}")
    facts = {"comparisons": [each.as_json() for each in results]}
    return cli.Answer(worse, f"{len(results)} comparisons, none is worse\n{others}", facts)


def _current(target: Target, where: str, seconds: float) -> Baseline:
    if where.startswith(("http://", "https://")):
        return collect(target, Prometheus(where, target.http_timeout_s, target.metrics), seconds)
    return load(Path(where))


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
