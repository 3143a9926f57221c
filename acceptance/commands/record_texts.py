"""Send what a record says: its texts, its post and e-mail, and its page to the change ticket."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from acceptance.commands import attach as attaching
from acceptance.commands.cli import TARGETS
from acceptance.commands.notify import channels, send_mail, send_post
from acceptance.disk import require_writable
from acceptance.finding import summary
from acceptance.people import who
from acceptance.record import messages
from acceptance.record.earlier_runs import load_whole
from acceptance.record.log_entry import append
from acceptance.record.publish import ATTACHED, load
from acceptance.record.receipts import RECEIPTS, keep_receipt, sent_before
from acceptance.record.verify import verify
from acceptance.target.loading import find_target, load_target
from acceptance.verdict import Inconclusive

TEXTS = ("log", "post", "email", "incident", "delay")


class Changed(Exception):
    """A record is not as its run left it."""


def log(options: Namespace) -> int:
    """Print a text: log entry, #ops-shared post, summary e-mail, a run's rollback incident or delay notice.

    They tell of the run and of the earlier ones with its ticket; an incident and a delay are the run's own. `--append`
    puts the entry into the deployment log of the run's target. All of these records are verified first.
    """
    make_sure(options.folder, "nothing was told")
    record = (load if options.this_run or options.text in ("incident", "delay") else load_whole)(options.folder)
    email = messages.summary_email(record)
    text = {
        "log": messages.deployment_log(record),
        "post": messages.ops_post(record, options.next),
        "email": f"Subject: {email['Subject']}\n\n{email.get_content()}",
        "incident": messages.incident(record),
        "delay": messages.delay(record),
    }[options.text]
    if not text:
        why = {
            "incident": "nothing was rolled back",
            "delay": "the window was enough, and each stage took what was planned",
        }[options.text]
        print(f"{options.folder}: {why}, so there is no {options.text}", file=sys.stderr)
        return 1
    print(text, end="")
    if options.append is not None:
        file = Path(options.append or str(record.facts.target.get("deployment_log") or ""))
        if options.text != "log" or not file.is_file():
            step = "name it with --append FILE, or set DEPLOYMENT_LOG"
            raise Inconclusive(f"nothing was appended: expected --text log and a deployment log, found {file}; {step}")
        print("APPENDED" if append(file, text) else "THERE ALREADY", f": {file}", sep="", file=sys.stderr)
    return 0


def notify(options: Namespace) -> int:
    """Send the post and the e-mail of a deployment, where they are configured; its records are verified first.

    A run never sends by itself: what it says of a deployment is read by its operator before others read it.
    A text is sent once; `--again` sends it once more.
    """
    to = channels(os.environ)
    make_sure(options.folder, "nothing was sent")
    record = load_whole(options.folder)
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
        raise Inconclusive("nothing to send to: set OPS_WEBHOOK_URL, or SMTP_URL, MAIL_TO and MAIL_FROM")
    by, reports = who(os.environ), options.folder.resolve().parent
    require_writable(reports / RECEIPTS, "nothing was sent")
    before = {name: sent_before(reports, name, text) for name, (_, text, _) in chosen.items()}
    codes = [0]
    for name, (address, text, act) in chosen.items():
        if address and (sent := before[name]) and not options.again:
            print(f"SENT BEFORE: {sent}; to send it once more give --again", file=sys.stderr)
        elif address:
            keep = partial(keep_receipt, reports, record, name, text=text, by=by)
            codes.append(_send(name, act, keep))
    return max(codes)


def attach(options: Namespace) -> int:
    """Attach the page to the run's change ticket, by ATTACH_COMMAND of its target file; the folder is verified first.

    The receipt is kept in the folder. A page is attached once; `--again` attaches it once more. Without the command it
    prints what to attach.
    """
    make_sure(options.folder, "nothing was attached")
    record = load(options.folder)
    attachment = attaching.attachment_of(options.folder, record)
    print(attachment)
    if options.dry_run:
        return 0
    target = load_target(find_target(options.target or attachment.target, TARGETS))
    if target.name != attachment.target:
        raise Inconclusive(
            f"expected the target file of {attachment.target}, found {target.name}; nothing was attached"
        )
    if target.attach.command is None:
        raise Inconclusive(f"nothing was attached: {target.source} has no ATTACH_COMMAND; attach these files by hand")
    require_writable(options.folder / ATTACHED, "nothing was attached")
    try:
        done = attaching.attach(options.folder, attachment, target, who(os.environ), again=options.again)
    except Inconclusive as error:
        print(f"NOT ATTACHED: {error}", file=sys.stderr)
        return 1
    print(f"ATTACHED: {done}")
    return 0


def make_sure(folder: Path, otherwise: str) -> None:
    """Refuse a record that was changed after its run.

    Raises:
        Changed: It is not; nothing is to be done with it.
    """
    if found := verify(folder):
        raise Changed(f"{folder}: {otherwise}: {summary(found)}")


def _send(name: str, act: Callable[[], str], keep: Callable[[str], None]) -> int:
    try:
        to = act()
    except Inconclusive as error:
        print(f"NOT SENT: {name}: {error}", file=sys.stderr)
        return 1
    try:
        keep(to)  # before it is said: a terminal that is gone must not cost the receipt
    except OSError as error:
        told = f"its receipt could not be kept ({error}); do not send it again, sign it off"
        print(f"SENT: {name}: {to}; {told}", file=sys.stderr)
        return 1
    print(f"SENT: {name}: {to}")
    return 0
