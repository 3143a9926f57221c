#!/usr/bin/env python3
"""Rehearse the rollback of a stage: flag on, flag off, both proved and timed (pre.technical.2)."""

import argparse
import json
import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.hold_target import holding
from acceptance.commands.rollback_drill import drill
from acceptance.finding import Finding
from acceptance.record.publish import DRILL
from acceptance.stage import StageError, load_stage
from acceptance.target.model import Target
from acceptance.verdict import Refused

ROOT = Path(__file__).resolve().parents[2]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", required=True, help="such as 21_01c")
    parser.add_argument("--environment", required=True, choices=("lab", "staging", "production"))
    parser.add_argument("--record-metrics", action="store_true", help="also record the stage's metrics at each step")
    parser.add_argument("--outside-window", default="", metavar="REASON", help="why production is changed outside")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports", metavar="DIR", help="where the record goes")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    if target.kind != args.environment:
        raise Refused(
            f"--environment {args.environment}: expected a target of that kind, found {target.source} with "
            f"TARGET_KIND={target.kind}; name the right one with --target; nothing was changed"
        )
    try:
        stage = load_stage(ROOT / "ops_tests" / f"stage_{args.stage}")
    except StageError as error:
        raise Refused(f"--stage {args.stage}: {error}") from error
    if not stage.flagged:
        raise Refused(f"--stage {args.stage}: expected a stage with a flag, of which there is something to roll back")
    with holding(target, args.reports, args.outside_window) as (run, conductor):
        done = drill(target, stage, conductor, run, record_metrics=args.record_metrics)
    facts = {"run": run.id, "at": run.started.isoformat(), "operator": run.operator, "environment": args.environment}
    account = run.folder / DRILL
    findings = list(done.findings)
    try:
        account.write_text(json.dumps(facts | done.as_json(), indent=1, default=str) + "\n")
    except OSError as error:  # a refusal would say that nothing was changed
        step = "make room, or correct --reports, and repeat the drill"
        findings.append(Finding("no account", str(account), "the account of the drill", str(error), next_step=step))
    line = (
        f"{stage.id} on {target.name}: rolled back in {done.rollback_s or 0:.1f} s, allowed "
        f"{stage.rollback_minutes:g} min; {done.flag} is false, a new process is healthy; documented in {account}"
    )
    return cli.Answer(findings, line, facts | done.as_json() | {"account_file": account})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
