"""What writes an event and what reads it use one type; an odd log is read as far as it goes."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from acceptance.events import EventLog, read_events
from acceptance.kinds import KINDS, CheckFinished, RollbackFinished, TriggerFired

ROOT = Path(__file__).parents[2]


def test_what_is_told_is_read(tmp_path):
    told = TriggerFired(stage="s", trigger="t", items=("a", "b"), value=0.5, threshold="> 0", reason="r")
    told.tell(EventLog(tmp_path / "e.jsonl"))
    (event,) = read_events(tmp_path / "e.jsonl")
    assert TriggerFired.read(event) == told
    assert RollbackFinished.read(event) is None


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({}, CheckFinished()),
        ({"nodeid": None, "items": None, "seconds": "soon"}, CheckFinished()),
        ({"items": [1], "verdict": 7, "new": "field"}, CheckFinished(items=("1",), verdict="7")),
    ],
    ids=["empty", "null and no number", "other types and an unknown field"],
)
def test_an_odd_event_is_read_as_far_as_it_goes(data, read):
    assert CheckFinished.of(json.loads(json.dumps(data))) == read


@pytest.mark.parametrize("said", ["yes", 1, "true", None])
def test_a_rollback_is_good_only_by_true(said):
    assert RollbackFinished.of({"ok": said}).ok is False


def names_of(kind):
    return [each.name for each in dataclasses.fields(kind)]


def test_every_kind_is_in_the_docs_with_its_fields():
    page = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
    rows = {line.partition("|")[2].partition("|")[0]: line for line in page.splitlines() if line.startswith("| `")}
    for name, kind in KINDS.items():
        row = next((row for words, row in rows.items() if f"`{name}`" in words), "")
        missing = [each for each in names_of(kind) if f"`{each}`" not in row]
        assert row, f"no row for {name} in docs/record.md"
        assert name in ("check.finished", "service.restarted") or missing == [], f"{name}: {missing}"


def test_no_kind_is_written_by_hand():
    """Else its fields were said twice."""
    by_hand = re.compile(r"append\(\s*\"[a-z]+\.[a-z]+\"")
    found = [path for room in ("acceptance", "fixtures") for path in (ROOT / room).rglob("*.py")]
    assert [str(path) for path in found if by_hand.search(path.read_text(encoding="utf-8"))] == []
