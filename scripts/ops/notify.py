#!/usr/bin/env python3
"""Send a deployment's post to #ops-shared and its summary by e-mail, where they are configured (docs/record.md).

A run never sends by itself: what it says of a deployment is read by its operator before others read it.
The texts tell of the run and of the earlier ones with its ticket; all of their folders are verified first, and not
changed. Exit code 0: sent, or shown by --dry-run; 1: something was not sent, or a record was changed; 2: usage, no
record, or nothing is configured.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from acceptance.commands.notify import channels, send_mail, send_post
from acceptance.record import messages
from acceptance.record.earlier_runs import Unread, load_whole
from acceptance.record.verify import NoRecord, verify
from acceptance.verdict import Inconclusive


def main(arguments: list[str] | None = None) -> int:
    """Send the texts of one deployment, each to where it belongs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent and where; send nothing")
    parser.add_argument("--only", choices=("post", "email"), help="one of the two, such as after the other arrived")
    parser.add_argument("--next", default="", help="the next deployment, for the post: 'Stage 21_02 (planned: DATE)'")
    options = parser.parse_args(arguments)
    try:
        to = channels(os.environ)
        if faults := verify(options.folder):
            print(f"CHANGED: {options.folder}: nothing was sent: {'; '.join(faults)}", file=sys.stderr)
            return 1
        record = load_whole(options.folder)
    except Unread as error:
        print(f"CHANGED: nothing was sent: {error}", file=sys.stderr)
        return 1
    except (NoRecord, Inconclusive, OSError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    post, email = messages.ops_post(record, options.next), messages.summary_email(record, to.sender, to.recipients)
    plans: dict[str, tuple[str, str, Callable[[], str]]] = {
        "post": (to.webhook, post, lambda: send_post(to.webhook, post)),
        "email": (to.smtp, f"Subject: {email['Subject']}\n\n{email.get_content()}", lambda: send_mail(to.smtp, email)),
    }
    chosen = {name: plan for name, plan in plans.items() if options.only in (None, name)}
    if options.dry_run:
        for name, (address, text, _) in chosen.items():
            print(f"--- {name}, {'would be sent' if address else 'not configured'}:\n{text}")
        return 0
    if not any(address for address, _, _ in chosen.values()):
        print("ERROR: nothing to send to: set OPS_WEBHOOK_URL, or SMTP_URL, MAIL_TO and MAIL_FROM", file=sys.stderr)
        return 2
    return max([_send(name, act) for name, (address, _, act) in chosen.items() if address])


def _send(name: str, act: Callable[[], str]) -> int:
    try:
        print(f"SENT: {name}: {act()}")
    except Inconclusive as error:
        print(f"NOT SENT: {name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
