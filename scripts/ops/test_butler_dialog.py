#!/usr/bin/env python3
"""Send a message to Butler and judge the answer: its content, its session and its mode (21_01a.rollout.1, .3)."""

import argparse
import sys
from dataclasses import asdict, replace

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.staying_data import own_user, until_removed
from acceptance.probes.clients import Clients
from acceptance.probes.dialog import contexts
from acceptance.target.model import Target

EPILOG = (
    "The user is one of the command's own, named after the one that you give; name the one that the answer told to go "
    "on with a session. The conversation stays until the next run, or recover.py, removes it."
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--user-id", required=True, help="who writes, such as test_user")
    parser.add_argument("--message", required=True, help="what is written, such as Hello")
    parser.add_argument("--session-id", help="go on with this conversation (default: begin a new one)")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    user = own_user(target, args.user_id)
    clients = Clients(target)
    turn = clients.butler.say(user, args.message, args.session_id)
    found = turn.findings()
    if not found and turn.session_id is None:
        with clients.database() as mongo:
            turn = replace(turn, session_id=str((contexts.context_after(mongo, turn) or {}).get("session_id", "")))
    if not found and args.session_id:
        found = turn.other_session(args.session_id)
    line = f"user {user}, session {turn.session_id}, mode {turn.mode}, {turn.exchange.elapsed_s:.2f} s: {turn.reply!r}"
    return cli.Answer(found, f"{line}; {until_removed(target)}", asdict(turn))


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
