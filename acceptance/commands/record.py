"""Verify, render, sign, tell and send a run's record, and render an index over many.

Exit codes are the same for all: 0 done; 1 it was changed after the run, or a part could not be done; 2 wrong usage, no
record there, or nothing configured; 141 nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from acceptance.commands.output import to_its_end
from acceptance.commands.record_texts import TEXTS, Changed, attach, log, make_sure, notify
from acceptance.disk import replace_text, require_writable
from acceptance.events import TamperedLog
from acceptance.finding import summary
from acceptance.record import changes_page
from acceptance.record.attachments import attempts
from acceptance.record.changes import audit, missing
from acceptance.record.earlier_runs import Unread
from acceptance.record.history import read_runs
from acceptance.record.history_page import history as history_page
from acceptance.record.publish import SIGNATURE, load
from acceptance.record.publish import render as render_page
from acceptance.record.signing import sign as sign_folder
from acceptance.record.signing import signer
from acceptance.record.verify import NoRecord, not_from_the_log, verify
from acceptance.run_folder import at_work
from acceptance.target.file import TargetError
from acceptance.verdict import Inconclusive


def run(arguments: Sequence[str] | None, reports: Path) -> int:
    """Do what the command line says, and give the exit code."""
    options = _parser(reports).parse_args(arguments)
    return to_its_end(lambda: _done(options))


def _done(options: Namespace) -> int:
    try:
        return int(options.act(options))
    except BrokenPipeError:
        raise
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
        print("".join(f"  {each}\n" for each in attempts(options.folder)), end="")
    return 1 if faults else 0


def render(options: Namespace) -> int:
    """Render the page from the event log alone, after a run that was killed before it could."""
    if since := at_work(options.folder):
        raise Inconclusive(f"{options.folder}: in progress since {since}; nothing was rendered: it does so at its end")
    if found := not_from_the_log(options.folder):
        raise Changed(f"{options.folder}: nothing was rendered, for that would seal what was changed: {summary(found)}")
    outcome, page = load(options.folder).outcome, render_page(options.folder)
    print(json.dumps({"outcome": outcome, "page": str(page)}) if options.json else f"{outcome}: {page}")
    return 0


def sign(options: Namespace) -> int:
    """Sign the manifest with your SSH key; the folder is verified first."""
    make_sure(options.folder, "nothing was signed")
    print(f"SIGNED: {sign_folder(options.folder, options.key)}")
    return 0


def history(options: Namespace) -> int:
    """Render the index over all records of a folder: outcomes, gates over time, checks that flip, time to rollback."""
    page = _page(options.folder, "index.html")
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


def index(options: Namespace) -> int:
    """Verify all records of a folder and list every run with its exceptions: waivers, rollbacks, refusals and so on.

    Renders DIR/changes.html. Exit code 1 when a record is not as its run left it, or is missing.
    """
    page, seen = _page(options.folder, "changes.html"), []
    for each in audit(options.folder):
        seen.append(each)
        print("\n".join(changes_page.text(each)), flush=True)
    absent = missing(options.folder, seen)
    replace_text(page, changes_page.page(seen, absent, datetime.now(UTC).isoformat(timespec="seconds")))
    print("".join(f"MISSING: {each}\n" for each in absent), end="")
    exceptional, unbelieved = sum(bool(each.exceptions) for each in seen), sum(bool(each.faults) for each in seen)
    counted = sum(not each.aside for each in seen)
    print(f"{counted} runs, {exceptional} with exceptions, {unbelieved} not believed: {page}")
    return 1 if unbelieved or absent else 0


def _page(folder: Path, name: str) -> Path:
    """Name the page to render over a folder of records, which must be there and take it."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected the folder of the records, found none")
    require_writable(folder / f".{name}", "nothing was read")
    return folder / name


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
    indexed = command("history", history, nargs="?", default=reports, help="where records are (default: reports/)")
    command("index", index, nargs="?", default=reports, help="where records are (default: reports/)")
    told = command("log", log)
    told.add_argument("--text", choices=TEXTS, default="log", help="which (default: %(default)s)")
    told.add_argument("--append", nargs="?", const="", metavar="FILE", help="append the entry to the deployment log")
    told.add_argument("--this-run", action="store_true", help="tell of this run alone")
    sent = command("notify", notify)
    sent.add_argument("--dry-run", action="store_true", help="show what would be sent and where; send nothing")
    sent.add_argument("--again", action="store_true", help="send it also where this very text was sent")
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
    for each in (checked, rendered, indexed):
        each.add_argument("--json", action="store_true", help="for machines")
    return parser


def _signed(folder: Path, name: str) -> str:
    if name:
        return f"; signed by {name}"
    return "; signature not checked, for that give --allowed-signers" if (folder / SIGNATURE).exists() else ""
