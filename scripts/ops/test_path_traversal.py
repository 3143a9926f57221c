#!/usr/bin/env python3
"""Run the corpus of path traversals: each must be blocked without effect, and logged (21_01c.security.2)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.hold_target import command_session
from acceptance.finding import about
from acceptance.probes.attacks.attacks import attack
from acceptance.probes.attacks.corpus import cases_to_send
from acceptance.target.model import Target


def _act(target: Target, _: argparse.Namespace) -> cli.Answer:
    cases = cases_to_send(target.storage.attacks)
    with command_session(target) as ours:
        attacks = attack(
            cases,
            ours.uploader,
            target.storage,
            ours.logs,
            attacker=ours.new_id("attacker"),
            victim=ours.new_id("victim"),
            prefix=ours.prefix,
            announce=ours.announce,
            mongo=ours.mongo,
        )
        findings = about("", attacks.findings(), ours.hint())
    some = "" if target.storage.attacks == "all" else "chosen "
    line = (
        f"{len(cases)} of {len(cases)} {some}attacks blocked and logged; nothing outside {target.storage.root} changed"
    )
    return cli.Answer(findings, line, {"cases": len(cases)})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act))
