"""Verify, render, sign, tell and send a run's record, and render an index over many.

Exit codes are the same for all: 0 done; 1 it was changed after the run, or a part could not be done; 2 wrong usage, no
record there, or nothing configured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from acceptance.commands import attach as attaching
from acceptance.commands.cli import TARGETS
from acceptance.commands.notify import channels, send_mail, send_post
from acceptance.events import TamperedLog
from acceptance.finding import summary
from acceptance.people import who
from acceptance.record import messages
from acceptance.record.earlier_runs import Unread, load_whole
from acceptance.record.history import read_runs
from acceptance.record.history_page import history as history_page
from acceptance.record.log_entry import append
from acceptance.record.publish import SIGNATURE, load, replace_text
from acceptance.record.publish import render as render_page
from acceptance.record.receipts import keep_receipt
from acceptance.record.signing import sign as sign_folder
from acceptance.record.signing import signer
from acceptance.record.verify import NoRecord, verify
from acceptance.target.model import TargetError, find_target, load_target
from acceptance.verdict import Inconclusive

TEXTS = ("log", "post", "email", "incident", "delay")


class Changed(Exception):
    """A record is not as its run left it."""


def run(arguments: Sequence[str] | None, reports: Path) -> int:
    """Do what the command line says, and give the exit code."""
    options = _parser(reports).parse_args(arguments)
    try:
        return int(options.act(options))
    except (Changed, TamperedLog, Unread) as error:
        print(f"CHANGED: {error}", file=sys.stderr)
        return 1
    except (NoRecord, Inconclusive, TargetError, OSError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2


def verify_record(options: Namespace) -> int:
    """Check that no byte changed since the run: manifest, chain of the log, what follows from it, signature."""
    faults, name = [str(each) for each in verify(options.folder)], ""
    try:
        name = signer(options.folder, options.allowed_signers) if options.allowed_signers else ""
    except ValueError as error:
        faults.append(str(error))
    if options.json:
        facts = {"folder": str(options.folder), "intact": not faults, "faults": faults, "signed_by": name or None}
        print(json.dumps(facts))
    elif faults:
        print(f"CHANGED: {options.folder}: {'; '.join(faults)}")
    else:
        print(f"INTACT: {options.folder}: every file is as the run left it{_signed(options.folder, name)}")
    return 1 if faults else 0


def render(options: Namespace) -> int:
    """Render the page from the event log alone, after a run that was killed before it could."""
    outcome, page = load(options.folder).outcome, render_page(options.folder)
    print(json.dumps({"outcome": outcome, "page": str(page)}) if options.json else f"{outcome}: {page}")
    return 0


def sign(options: Namespace) -> int:
    """Sign the manifest with your SSH key; the folder is verified first."""
    _make_sure(options.folder, "nothing was signed")
    print(f"SIGNED: {sign_folder(options.folder, options.key)}")
    return 0


def history(options: Namespace) -> int:
    """Render the index over all records of a folder: outcomes, gates over time, checks that flip, time to rollback."""
    page = options.folder / "index.html"
    runs, unreadable = read_runs(options.folder)
    replace_text(page, history_page(runs, unreadable))
    told = {
        "unreadable": [each for each in unreadable if each.record],
        "no_record": [each for each in unreadable if not each.record],
    }
    if options.json:
        broken = {name: [{"folder": each.folder, "why": each.why} for each in found] for name, found in told.items()}
        print(json.dumps({"page": str(page), "runs": len(runs), **broken}))
    else:
        print(f"{len(runs)} runs, {len(told['unreadable'])} folders could not be read: {page}")
        for each in unreadable:
            print(f"  {each.folder}: {each.why}", file=sys.stderr)
    return 1 if told["unreadable"] else 0


def log(options: Namespace) -> int:
    """Print a text: log entry, #ops-shared post, summary e-mail, a run's rollback incident or delay notice.

    They tell of the run and of the earlier ones with its ticket; an incident and a delay are the run's own. `--append`
    puts the entry into the deployment log of the run's target.
    """
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
        why = {"incident": "nothing was rolled back", "delay": "the window was enough"}[options.text]
        print(f"{options.folder}: {why}, so there is no {options.text}", file=sys.stderr)
        return 1
    print(text, end="")
    if options.append is not None:
        file = Path(options.append or str(record.facts.target.get("deployment_log") or ""))
        if options.text != "log" or not file.is_file():
            raise Inconclusive(f"nothing was appended: expected --text log and a deployment log, found {file}")
        append(file, text)
        print(f"APPENDED: {file}", file=sys.stderr)
    return 0


def notify(options: Namespace) -> int:
    """Send the post and the e-mail of a deployment, where they are configured; its records are verified first.

    A run never sends by itself: what it says of a deployment is read by its operator before others read it.
    """
    to = channels(os.environ)
    _make_sure(options.folder, "nothing was sent")
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
    return max(
        _send(name, act, lambda to, name=name, text=text: keep_receipt(reports, record, name, to, text, by))  # type: ignore[misc]
        for name, (address, text, act) in chosen.items()
        if address
    )


def attach(options: Namespace) -> int:
    """Attach the page to the run's change ticket, by ATTACH_COMMAND of its target file; the folder is verified first.

    The receipt is kept in the folder. A page is attached once; `--again` attaches it once more. Without the command it
    prints what to attach.
    """
    _make_sure(options.folder, "nothing was attached")
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
    if before := attaching.already(options.folder, attachment):
        print("\n".join(map(str, before)), file=sys.stderr)
    if before and not options.again:
        print("NOT ATTACHED: look at the ticket; to attach it once more give --again", file=sys.stderr)
        return 1
    try:
        print(f"ATTACHED: {attaching.attach(options.folder, attachment, target, who(os.environ))}")
    except Inconclusive as error:
        print(f"NOT ATTACHED: {error}", file=sys.stderr)
        return 1
    return 0


def _parser(reports: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: Callable[[Namespace], int], **where: object) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=(act.__doc__ or "").partition("\n")[0], description=act.__doc__)
        added.set_defaults(act=act)
        added.add_argument("folder", type=Path, **({"help": "the run's folder below reports/"} | where))  # type: ignore[arg-type]
        return added

    checked = command("verify", verify_record)
    checked.add_argument(
        "--allowed-signers", type=Path, metavar="FILE", help="who may sign; then a signature is needed"
    )
    rendered = command("render", render)
    signed = command("sign", sign)
    signed.add_argument("--key", type=Path, required=True, help="private key, or the public key of one in ssh-agent")
    index = command("history", history, nargs="?", default=reports, help="where records are (default: reports/)")
    told = command("log", log)
    told.add_argument("--text", choices=TEXTS, default="log", help="which (default: %(default)s)")
    told.add_argument("--append", nargs="?", const="", metavar="FILE", help="append the entry to the deployment log")
    told.add_argument("--this-run", action="store_true", help="tell of this run alone")
    sent = command("notify", notify)
    sent.add_argument("--dry-run", action="store_true", help="show what would be sent and where; send nothing")
    sent.add_argument("--only", choices=("post", "email"), help="one of the two, such as after the other arrived")
    to_ticket = command("attach", attach)
    to_ticket.add_argument(
        "--target", default="", help="target file: a name in targets/, or a path (default: the run's)"
    )
    to_ticket.add_argument(
        "--again", action="store_true", help="attach it also where it was, or may have been, attached"
    )
    to_ticket.add_argument("--dry-run", action="store_true", help="show what would be attached; attach nothing")
    for each in (told, sent):
        each.add_argument("--next", default="", help="the next deployment, for the post: 'Stage 21_02 (planned: DATE)'")
    for each in (checked, rendered, index):
        each.add_argument("--json", action="store_true", help="for machines")
    return parser


def _make_sure(folder: Path, otherwise: str) -> None:
    if found := verify(folder):
        raise Changed(f"{folder}: {otherwise}: {summary(found)}")


def _signed(folder: Path, name: str) -> str:
    if name:
        return f"; signed by {name}"
    return "; signature not checked, for that give --allowed-signers" if (folder / SIGNATURE).exists() else ""


def _send(name: str, act: Callable[[], str], keep: Callable[[str], None]) -> int:
    try:
        to = act()
        print(f"SENT: {name}: {to}")
        keep(to)
    except Inconclusive as error:
        print(f"NOT SENT: {name}: {error}", file=sys.stderr)
        return 1
    return 0
