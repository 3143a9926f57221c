"""Write the reference pages from the code, so that they cannot differ: `python -m tests.reference`.

`docs/target-file.md` comes from the keys of a target file and the comments of the example; `docs/options.md` from the
options, markers and exit codes; `docs/contract.md` from `tests/contract.toml`; `acceptance/data/events.schema.json`
from the kinds of events; `acceptance/data/record.schema.json` from the types of a record.
`tests/unit/test_reference.py` fails while a page is not what this writes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from acceptance.kinds import KINDS
from acceptance.record.delays import Delay
from acceptance.record.publish import LATER, SCHEMA_ID
from acceptance.record.schema import Record
from acceptance.target.keys import KEYS, SHOWN_BY
from acceptance.verdict import ExitCode
from tests import contract

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "targets" / "production.env.example"
SHORT = 60
DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXIT_CODES = {
    0: "GO",
    1: "NO-GO: a check failed or a trigger fired; the stage was rolled back",
    2: "INTERRUPTED: the run was ended from outside; its changes were undone",
    3: "an internal error; its changes were undone",
    4: "the command line or the target file is wrong; nothing was changed",
    5: "no check was selected",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE: something could not be checked",
    ExitCode.NOT_RUN: "INCONCLUSIVE: a check of a stage did not run, such as in a part of it",
    ExitCode.ROLLBACK_FAILED: "ROLLBACK FAILED: act now, by the commands on the screen and in the record",
    ExitCode.REFUSED: "refused: the lock, the window, the target file; nothing was changed",
    ExitCode.RECOVERY_NEEDED: "an earlier run's changes could not be undone: `scripts/ops/recover.py`",
}


def target_file() -> str:
    """Write the page of the target file's keys."""
    told = dict(_comments())
    told |= {name: KEYS[name].about for name in KEYS if not told.get(name)}
    first = {text: name for name, text in reversed(told.items())} | {"": ""}
    rows = [_row(name, text if first[text] in (name, "") else f"See `{first[text]}`.") for name, text in told.items()]
    return "\n".join(
        [
            "# Target file: reference",
            "",
            "Made from the keys in `acceptance/target/keys.py` by `python -m tests.reference`. Start from",
            "`targets/production.env.example` or `targets/staging.env.example`; every fault of the file is told,",
            "with its line, before anything is touched. A default may name another key in braces.",
            "Where a service spells a stage's flag otherwise, the key that its `stage.toml` names as `flag_key` gives",
            "the name, such as `FLAG_STORAGE`. With `_SHOWN_BY` behind it (`FLAG_STORAGE_SHOWN_BY=path:/srv/new/*`):",
            SHOWN_BY,
            "",
            "| key | default | what it is |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def options(lines: Iterator[str]) -> str:
    """Write the page of options, markers and exit codes.

    Args:
        lines: The options and their help, as `pytest --help` gives them for the suite's own group.
    """
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    markers = re.findall(r'^  "(\w+): (.*)",$', config, flags=re.MULTILINE)
    return "\n".join(
        [
            "# Options, markers, exit codes",
            "",
            "Made from the code by `python -m tests.reference`.",
            "",
            "## Options",
            "",
            "| option | what it does |",
            "| --- | --- |",
            *lines,
            "",
            "## Markers",
            "",
            'Choose with `-m`, also combined: `-m "stage_21_01c and security"`.',
            "",
            "| marker | chooses |",
            "| --- | --- |",
            "| `stage_ID` | the checks of one stage, such as `stage_21_01c`; `pytest --markers` names them all |",
            "| `pre_deployment`, `post_deployment`, `post_24h` | the checks before and after the window |",
            *(f"| `{name}` | {text} |" for name, text in markers),
            "",
            "## Exit codes",
            "",
            "| code | means |",
            "| --- | --- |",
            *(f"| {code:d} | {text} |" for code, text in EXIT_CODES.items()),
            "",
        ]
    )


def suite_options() -> Iterator[str]:
    """Give a table row for each option of the suite's own group, as `pytest --help` tells it."""
    command = [sys.executable, "-m", "pytest", "--help"]
    told = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"COLUMNS": "1000"}, capture_output=True, text=True, check=True
    ).stdout
    group = told.partition("\nButler operational acceptance:\n")[2].partition("\n\n")[0]
    for option, help_text in re.findall(
        r"^  (--\S+(?: \S+)?)\s{2,}(.*)$", re.sub(r"\n {10,}", "  ", group), flags=re.MULTILINE
    ):
        yield f"| `{option}` | {help_text} |"


def event_schema() -> str:
    """Write the JSON Schema of a line of the event log, one line for each kind of event."""
    kinds = {name: TypeAdapter(kind).json_schema() | {"additionalProperties": False} for name, kind in KINDS.items()}
    for shape in kinds.values():
        shape["properties"] = _fields(shape)
    whole = {
        "$schema": DIALECT,
        "title": "Event of a run's log",
        "type": "object",
        "required": ["seq", "at", "kind", "data", "prev", "hash"],
        "oneOf": [{"properties": {"kind": {"const": name}, "data": {"$ref": f"#/$defs/{name}"}}} for name in kinds],
    }
    rows = ",\n".join(json.dumps({name: shape})[1:-1] for name, shape in kinds.items())
    return json.dumps(whole)[:-1] + ',\n"$defs": {\n' + rows + "\n}}\n"


def record_schema() -> str:
    """Write the JSON Schema of `record.json`: the types of `acceptance/record/schema.py`, and what is added to them."""
    whole, delay = (TypeAdapter(each).json_schema(mode="serialization") for each in (Record, Delay))
    whole["properties"] |= {
        "schema": {"const": SCHEMA_ID},
        "awaiting": {"type": "array", "items": {"type": "string"}},
        "delay": {"anyOf": [{"$ref": "#/$defs/Delay"}, {"type": "null"}]},
    }
    whole["$defs"]["Delay"] = delay
    return _laid_out({"$schema": DIALECT, "$id": "urn:butler-acceptance:record:1", **_closed(whole)}) + "\n"


def _closed(schema: Any) -> Any:
    """Say of each object in a schema that it has all of its fields, but those of later versions, and no other."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _closed(each) for key, each in schema.items()}
    if "properties" in schema:
        fields = _fields(schema)
        schema |= {
            "properties": fields,
            "additionalProperties": False,
            "required": [each for each in fields if each not in LATER],
        }
    return schema


def _laid_out(value: Any, indent: str = "\n") -> str:
    """Write JSON for people to read: what is short stands on one line."""
    flat = json.dumps(value)
    if len(flat) <= SHORT or not isinstance(value, dict | list):
        return flat
    inner = f"{indent} "
    if isinstance(value, list):
        rows = [_laid_out(each, inner) for each in value]
    else:
        rows = [f"{json.dumps(name)}: {_laid_out(each, inner)}" for name, each in value.items()]
    return flat[0] + inner + f",{inner}".join(rows) + indent + flat[-1]


def _fields(schema: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of a type without their titles, which are their names, and without defaults."""
    return {
        name: {key: value for key, value in its.items() if key not in ("title", "default")}
        for name, its in schema["properties"].items()
    }


def _comments() -> Iterator[tuple[str, str]]:
    """Give each key of the example with the comment above it; keys that stand together share one."""
    comment: list[str] = []
    fresh = True
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if key := re.match(r"#? ?([A-Z][A-Z_]+)=", line):
            if key[1] in KEYS:
                yield key[1], " ".join(comment)
            fresh = True
        elif line.startswith("# ---") or not line.startswith("#"):
            comment, fresh = [], True
        else:
            comment = [*([] if fresh else comment), line.lstrip("# ")]
            fresh = False


def _row(name: str, comment: str) -> str:
    key = KEYS[name]
    default = "required" if key.default is None and not key.secret else f"`{key.default}`" if key.default else ""
    note = "secret; taken from the environment when the file leaves it out. " if key.secret else ""
    return f"| `{name}` | {default} | {note}{comment} |".replace("  ", " ")


PAGES = {
    ROOT / "docs" / "target-file.md": target_file,
    ROOT / "docs" / "contract.md": contract.page,
    ROOT / "docs" / "options.md": lambda: options(suite_options()),
    ROOT / "acceptance" / "data" / "events.schema.json": event_schema,
    ROOT / "acceptance" / "data" / "record.schema.json": record_schema,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        page.write_text(write(), encoding="utf-8")
        print(page.relative_to(ROOT))
