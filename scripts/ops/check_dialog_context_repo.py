#!/usr/bin/env python3
"""Check that a conversation's context can be retrieved, and that the new repository saved it (21_01a.rollout.3)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.finding import Finding
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.probes.dialog import contexts
from acceptance.target.model import Target


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only."
    parser.add_argument("--session-id", required=True, help="as test_butler_dialog.py named it")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    clients = Clients(target)
    with clients.database() as mongo:
        context = contexts.context_of(mongo, args.session_id)
    found = contexts.findings(context, None, [])
    job = target.services["bot"].job
    saved = 0 if found else poll(lambda: contexts.saves(clients.prometheus, job), bool, target.scrape_patience_s)
    if not found and not saved:
        expected = f"a successful save in {clients.prometheus.own(contexts.OPERATIONS)}"
        none, flag = "none: the context is there, but not via the repository", target.flags["21_01a"]
        question = f"is {flag} true, and was the bot restarted since?"
        found = [Finding("old path at work", job, expected, none, next_step=question)]
    facts = {} if context is None else dict(context)
    line = f"user {facts.get('user_id')}, step {facts.get('step_count')}; the repository saved {saved} contexts"
    return cli.Answer(found, f"session {args.session_id}: {line}", {"context": facts, "saved": saved})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
