"""Read the deployment checklist as data: its lines, their order and words, and what a run made of each.

The lines come from `deployment_checklist.md`; `acceptance/data/checklist_items.tsv` gives them ids and says who
answers them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

from acceptance.verdict import Verdict, worst


def _rows(name: str) -> Iterator[list[str]]:
    text = files("acceptance").joinpath("data", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines()[1:] if line)


CHAPTERS: Mapping[str, str] = {row[0]: row[1] for row in _rows("checklist_chapters.tsv")}
"""The first part of an item id -> the document's heading, in document order."""


@dataclass(frozen=True)
class Item:
    """One line of the checklist.

    Attributes:
        id: Such as `21_01c.exit.3`.
        line: Line of `deployment_checklist.md`, from 1.
        level: `top`, or `sub` for an indented line that belongs to the `top` line above it.
        answered_by: A check, a person (a sign-off), or a document that the suite writes.
        text: The document's words, Markdown marks of emphasis removed.
    """

    id: str
    line: int
    level: str
    answered_by: Literal["check", "person", "document"]
    text: str

    @property
    def chapter(self) -> str:
        """The part before the first dot, a key of `CHAPTERS`."""
        return self.id.partition(".")[0]


class UnknownItem(Exception):
    """An item id that the checklist does not have."""

    def __init__(self, item_id: str) -> None:
        near = difflib.get_close_matches(item_id, [item.id for item in load_items()], n=3, cutoff=0.5)
        hint = f"nearest: {', '.join(near)}" if near else f"chapters: {', '.join(CHAPTERS)}"
        super().__init__(
            f"expected an id of acceptance/data/checklist_items.tsv, found {item_id!r}; {hint}. "
            "Correct the id where it is named."
        )


class State(StrEnum):
    """What a run made of one item."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_RUN = "NOT RUN"
    NOT_APPLICABLE = "NOT APPLICABLE"
    AWAITING = "AWAITING"
    WAIVED = "WAIVED"


class NamesItems(Protocol):
    """A check as `status` needs it: finished or only expected (then its verdict is NOT RUN)."""

    @property
    def nodeid(self) -> str: ...  # noqa: D102
    @property
    def phase(self) -> str: ...  # noqa: D102
    @property
    def items(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def verdict(self) -> Verdict: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class ItemStatus:
    """The state of one item, why, and the node ids of the checks that name it."""

    state: State
    why: str
    checks: tuple[str, ...] = ()


@cache
def load_items() -> tuple[Item, ...]:
    """Read all items in document order."""
    rows = _rows("checklist_items.tsv")
    return tuple(Item(ident, int(line), level, by, words) for ident, line, level, by, words in rows)  # type: ignore[arg-type]


def _answered_by(whom: str) -> frozenset[str]:
    return frozenset(item.id for item in load_items() if item.answered_by == whom)


SIGN_OFFS = _answered_by("person")
"""Items that only a person can confirm: no probe sees a phone list, a reviewed plan or a merged request.

What the checklist calls a manual test is a probe's where one can do it. `tests/unit/commands/test_coverage.py` holds
this set to the markers of the checks.
"""

OWN_RECORDS = frozenset({"pre.technical.2", "21_01c.preflight.2", "acceptance.8"})
"""Of these, what our own records answer; a person is asked where there are none."""

GENERATED = _answered_by("document")
"""Items that the suite answers with a document of its own: `acceptance.record.messages`."""


BY_COMMAND = tuple(
    item.id for item in load_items() if item.answered_by != "check" or item.id in ("pre.technical.1", "pre.technical.7")
)
"""Items that a command may answer in a person's place; of two of them a person is asked where a check cannot see."""

OWN_SUITES = ("21_00.checklist.3", "post.validation.1")
"""Items that name a suite of Butler's own: a command may run it beside our checks, never in place of one."""


def item(item_id: str) -> Item:
    """Give one item.

    Raises:
        UnknownItem: The checklist has no such id.
    """
    for each in load_items():
        if each.id == item_id:
            return each
    raise UnknownItem(item_id)


def accepts(item_id: str) -> bool:
    """Tell whether an item accepts a stage or the deployment: its approver is not the deployer (design, no 11)."""
    chapter, _, rest = item_id.partition(".")
    return chapter == "acceptance" or rest.startswith("exit.")


def status(
    items: Iterable[Item],
    checks: Iterable[NamesItems],
    *,
    signed: Collection[str] = (),
    waived: Collection[str] = (),
    chapters: Collection[str] = (),
) -> dict[str, ItemStatus]:
    """Fold checks, sign-offs and waivers into one state per item; pure.

    An item passes only if at least one check of it passed and no other says less. A check whose part is declared absent
    says nothing, nor does one that had nothing to ask, for a stated reason. A parent line needs its own check: its
    sub-lines do not speak for it. A waiver never gives PASS, and never hides one.

    Args:
        items: The lines to judge.
        checks: All checks of the run, also those that never ran.
        signed: Ids that a person signed off: counts where only a person can tell, never instead of a check.
        waived: Ids with a valid waiver.
        chapters: Chapters that belong to this run: a sign-off missing there is AWAITING, elsewhere NOT RUN.

    Returns:
        Item id -> status, in the order given.
    """
    naming: dict[str, list[NamesItems]] = {}
    for check in checks:
        for item_id in dict.fromkeys(check.items):
            naming.setdefault(item_id, []).append(check)
    result = {}
    for each in items:
        named = naming.get(each.id, [])
        skipped = [check for check in named if check.verdict is Verdict.SKIPPED]
        if each.id in waived or _by_hand(each, named) or len(skipped) == len(named):
            skipped = []  # a waiver or a person has left them out, or nothing else is left
        asked = [check for check in named if check not in skipped]
        found = _judge(each, asked, each.id in signed, each.chapter in chapters)
        if skipped:
            nodeids = tuple(check.nodeid for check in named)
            found = ItemStatus(found.state, f"{found.why}; {len(skipped)} skipped: {skipped[0].reason}", nodeids)
        if each.id in waived and found.state is not State.PASS:
            found = ItemStatus(State.WAIVED, f"waived; without the waiver {found.state}: {found.why}", found.checks)
        result[each.id] = found
    return result


AWAITING = "AWAITING"
"""How the reason of a check begins that waits for a person, or for a text that a person sends."""


def asks(phase: str, reason: str) -> bool:
    """Tell whether a check only asks for a signature: by its phase, or by the reason that it gave without one."""
    return phase == "signoff" or reason.startswith(AWAITING)


def _by_hand(item: Item, checks: Sequence[NamesItems]) -> bool:
    return item.id in SIGN_OFFS or any(asks(check.phase, check.reason) for check in checks)


def _judge(item: Item, checks: Sequence[NamesItems], signed: bool, in_run: bool) -> ItemStatus:
    nodeids = tuple(check.nodeid for check in checks)
    verdicts = [check.verdict for check in checks]
    by_hand = _by_hand(item, checks)
    found = worst(verdicts)
    if found is Verdict.FAIL or (found is Verdict.INCONCLUSIVE and (signed or not by_hand)):
        return ItemStatus(State(found.value), f"{verdicts.count(found)} of {len(checks)} checks {found}", nodeids)
    absent, passed = verdicts.count(Verdict.NOT_APPLICABLE), verdicts.count(Verdict.PASS)
    if checks and absent == len(checks):
        return ItemStatus(State.NOT_APPLICABLE, checks[0].reason, nodeids)
    if passed and passed + absent == len(checks):
        rest = f", {absent} not applicable" if absent else ""
        return ItemStatus(State.PASS, f"{passed} of {len(checks)} checks passed{rest}", nodeids)
    if by_hand and signed:
        return ItemStatus(State.PASS, "signed off", nodeids)
    if by_hand and (in_run or checks):
        return ItemStatus(State.AWAITING, "its sign-off is missing", nodeids)
    if not checks:
        why = "no check of this run names it" if in_run else "not part of this run"
        return ItemStatus(State.NOT_RUN, why)
    idle = sum(verdict is not Verdict.PASS for verdict in verdicts)
    return ItemStatus(State.NOT_RUN, f"{idle} of {len(checks)} checks did not run", nodeids)
