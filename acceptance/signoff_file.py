"""Read sign-offs and waivers: what only a person can confirm or set aside.

Read from a TOML file::

    ticket = "CHG-2026-11-042"          # the file counts for no other change; needed in a production deployment

    [[signoff]]
    item = "21_01c.deploy.1"
    name = "R. Rivera"
    at = 2026-11-28T02:05:00Z
    note = "PR 812 merged"

    [[waiver]]
    item = "pre.technical.7"
    reason = "scanner down, advisory list read by hand"
    approver = "T. Lead"
    expires = 2026-12-01

Whoever runs the suite waives nothing and accepts nothing: approver is not deployer (design, no 11).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from acceptance.checklist import UnknownItem, item
from acceptance.people import is_name, owner_of, same_person
from acceptance.signoff import SignOff, SignOffs, Waiver, objection
from acceptance.ssh_signature import signed_by
from acceptance.verdict import Inconclusive, Refused

NAMESPACE = "butler-acceptance-sign-off"
OLDEST = timedelta(days=30)
"""An older signature is of another deployment."""


def load_sign_offs(
    path: Path | None,
    operator: str,
    ticket: str = "",
    now: datetime | None = None,
    *,
    needs_ticket: bool = False,
    signers: Path | None = None,
) -> SignOffs:
    """Read a sign-off file; no file is no sign-offs.

    Args:
        path: The file.
        operator: Who runs the suite; a waiver, and the sign-off of an exit gate, needs somebody else.
        ticket: The run's change ticket; a file for another one is refused.
        now: The present, aware; a signature of the future is none.
        needs_ticket: Whether the file must name its ticket: in a production deployment.
        signers: Whose SSH key must have signed the file, as its allowed signers; None where it needs no signature.

    Raises:
        Refused: The file is missing, not TOML, not signed, for another ticket, or an entry is wrong; each is named.
    """
    if path is None:
        return SignOffs({}, {})
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        given = [SignOff(**entry) for entry in raw.get("signoff", [])]
        waivers = [Waiver(**entry) for entry in raw.get("waiver", [])]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError) as error:
        raise Refused(f"{path}: expected [[signoff]] and [[waiver]] entries, found: {error}") from error
    unknown = sorted(raw.keys() - {"ticket", "signoff", "waiver"})
    faults = [f"expected ticket, [[signoff]] and [[waiver]], found {', '.join(unknown)}"] if unknown else []
    if needs_ticket and not raw.get("ticket"):
        faults.append(
            f'expected ticket = "{ticket}" above the first entry, found none; a production deployment needs it'
        )
    if raw.get("ticket") and raw["ticket"] != ticket:
        faults.append(f"it is for ticket {raw['ticket']}, and this run is for {ticket or 'none: give --ticket'}")
    faults += [*_repeated(given, "signed off"), *_repeated(waivers, "waived")]
    faults += [fault for entry in given if (fault := _signature_fault(entry, operator, now or datetime.now(UTC)))]
    faults += [fault for waiver in waivers if (fault := _waiver_fault(waiver, operator))]
    if faults:
        raise Refused(f"{path}: " + "; ".join(faults))
    file = f"{path.name} of {owner_of(path)}"
    if signers:  # guard: sign-offs-that-somebody-else-wrote
        file += f", signed by {_signer(path, signers)}"
    return SignOffs({each.item: each for each in given}, {each.item: each for each in waivers}, file)


def _signer(path: Path, signers: Path) -> str:
    signature = path.with_name(f"{path.name}.sig")
    if not signature.is_file():
        how = f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY {path}"
        raise Refused(f"{path}: expected its signature beside it, {signature.name}, found none; sign it: {how}")
    try:
        return signed_by(path, signature, signers, NAMESPACE)
    except (ValueError, Inconclusive) as error:
        raise Refused(f"{path}: expected a signature that counts, found none: {error}") from error


def _repeated(entries: Iterable[SignOff | Waiver], done: str) -> list[str]:
    counts = Counter(str(each.item) for each in entries)
    return [f"{item_id}: {done} more than once; keep one" for item_id, count in counts.items() if count > 1]


def _signature_fault(entry: SignOff, operator: str, now: datetime) -> str:
    if fault := _form_fault(entry.item, entry.name, entry.note):
        return fault
    if not isinstance(entry.at, datetime) or entry.at.tzinfo is None:
        return f"{entry.item}: expected at = a time with its zone, found {entry.at!r}"
    if entry.at > now:
        return f"{entry.item}: signed at {entry.at}, which is still to come"
    if now - entry.at > OLDEST:
        return f"{entry.item}: expected a signature of the last {OLDEST.days} days, found {entry.at}; sign it again"
    return objection(entry.item, entry.name, operator)


def _waiver_fault(entry: Waiver, operator: str) -> str:
    if fault := _form_fault(entry.item, entry.reason, entry.approver):
        return fault
    if not entry.reason.strip() or not is_name(entry.approver):
        return f"{entry.item}: a waiver needs a reason and an approver"
    if type(entry.expires) is not date:
        return f"{entry.item}: expected expires = a date such as 2026-12-01, found {entry.expires!r}"
    if same_person(entry.approver, operator):
        return f"{entry.item}: {operator} cannot approve a waiver of the own run"
    return ""


def _form_fault(item_id: Any, *texts: Any) -> str:
    if not all(isinstance(each, str) for each in (item_id, *texts)):
        return f"{item_id}: expected texts in quotes, found {[each for each in texts if not isinstance(each, str)]}"
    try:
        item(item_id)
    except UnknownItem as error:
        return str(error)
    return ""
