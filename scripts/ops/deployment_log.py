#!/usr/bin/env python3
"""Print the texts of a deployment: log entry, #ops-shared post, summary e-mail, and a run's rollback incident.

They tell of the run and of the earlier ones with its ticket (docs/record.md, "A deployment of several runs"); an
incident is the run's own. Exit code 0: printed; 1: the text does not exist (no rollback, so no incident), or a record
was changed; 2: usage, or no event log there.
"""

import argparse
import sys
from pathlib import Path

from acceptance.events import TamperedLog
from acceptance.record import messages
from acceptance.record.earlier_runs import Unread, load_whole
from acceptance.record.publish import load

TEXTS = ("log", "post", "email", "incident")


def main(arguments: list[str] | None = None) -> int:
    """Print one text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--text", choices=TEXTS, default="log", help="which (default: %(default)s)")
    parser.add_argument("--next", default="", help="the next deployment, for the post: 'Stage 21_02 (planned: DATE)'")
    parser.add_argument("--this-run", action="store_true", help="tell of this run alone")
    options = parser.parse_args(arguments)
    try:
        record = (load if options.this_run or options.text == "incident" else load_whole)(options.folder)
    except (OSError, TamperedLog, Unread) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2 if isinstance(error, OSError) else 1
    email = messages.summary_email(record)
    text = {
        "log": messages.deployment_log(record),
        "post": messages.ops_post(record, options.next),
        "email": f"Subject: {email['Subject']}\n\n{email.get_content()}",
        "incident": messages.incident(record),
    }[options.text]
    if not text:
        print(f"{options.folder}: nothing was rolled back, so there is no incident", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
