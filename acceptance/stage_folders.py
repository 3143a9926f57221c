"""Read the top of each stage's `stage.toml`: all that the rest of the suite needs to know of a stage.

A stage is a folder below `ops_tests`. Its id is the folder's name without `stage_`, its marker is the folder's name.
Gates and triggers, which need more than values, are added by `acceptance.stage`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from acceptance.verdict import Refused

FOLDER = Path(__file__).resolve().parents[1] / "ops_tests"
"""The stages' folders, beside this package."""

GUIDE = "docs/adding-a-stage.md"

Described = TypeVar("Described")
Minutes = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class StageError(Refused):
    """A `stage.toml` is missing or says something that no stage can mean; lists every fault of the file."""


@dataclass(frozen=True)
class Declared:
    """The top of one `stage.toml`.

    Attributes:
        id: `21_01c`, or `pre_deployment`; from the folder's name.
        title: The checklist's own title.
        order: Position in the deployment; no two stages share one.
        risk: The checklist's own words.
        service: Which service is restarted; empty for a stage that restarts none.
        flag: The feature flag in the env file, unless the target file gives it another name; empty for a stage
            without.
        flag_key: Key of the target file that gives the flag another name; `FLAG_` and the id, unless it is named.
        metrics: What the names of all metrics of the new path begin with; the old path exports none of them.
        proof: The check that proves that the new path is at work: `test_flag_on.py::test_name`.
        user_request: What a user asks for, which proves the old path after a rollback; see `request`.
        summary: What the stage changes, for the summary e-mail.
        planned_minutes: What the checklist plans for the whole stage.
        soak_minutes: How long the checklist watches the stage with its flag on.
        blind_seconds: How long the flag may be on without an evaluation on newer data; five scrapes at least.
        rollback_minutes: Within what time the rollback plan wants the old behaviour back.
        traffic_counter: Selector of the counter that grows by one for each good request of the soak's own traffic.
        traffic_in_flight: How many of them may still be under way when the soak ends.
        depends_on: Stages without which this one is not started.
        provoked_alerts: Alerts that the stage's own security tests are bound to fire.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Name
    title: Name
    order: int
    risk: str = "None"
    service: Literal["", "bot", "worker", "api", "all"] = ""
    flag: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    flag_key: Annotated[str, Field(pattern=r"^(FLAG_[A-Z0-9_]+)?$")] = ""
    metrics: str = ""
    proof: Annotated[str, Field(pattern=r"^(test_\w+\.py::test_\w+)?$")] = ""
    user_request: Literal["", "message", "homework", "upload", "review"] = ""
    summary: str = ""
    planned_minutes: Minutes = 0
    soak_minutes: Minutes = 0
    blind_seconds: Annotated[float, Field(gt=0)] = 30
    rollback_minutes: Minutes = 0
    traffic_counter: str = ""
    traffic_in_flight: Annotated[int, Field(ge=0)] = 0
    depends_on: tuple[str, ...] = ()
    provoked_alerts: tuple[str, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether the stage switches a flag."""
        return bool(self.flag)

    @property
    def marker(self) -> str:
        """What selects its checks with `-m`; also its folder's name."""
        return f"stage_{self.id}" if self.id[:1].isdigit() else self.id

    @property
    def request(self) -> str:
        """What a user asks the stage's service for: a message, a list of homework, an upload or a review."""
        usual = {"bot": "message", "worker": "homework", "api": "upload"}
        return self.user_request or usual.get(self.service, "")

    @property
    def target_key(self) -> str:
        """The key of the target file for its flag's name."""
        return self.flag_key or f"FLAG_{self.id.upper()}"

    def faults(self) -> list[str]:
        """Name faults that no single key shows: what a stage with a flag lacks."""
        if not self.flagged:
            return []
        needed = {
            "service": "the service that reads the flag",
            "metrics": "what the names of the new path's metrics begin with",
            "proof": "the check that proves that the new path is at work, such as test_flag_on.py::test_name",
        }
        found = {key: getattr(self, key) for key in needed}
        return [
            f"{key}: expected {what}, since `flag` is set, found {found[key] or 'nothing'!r}; add it"
            for key, what in needed.items()
            if found[key] in ("", "all")
        ]


@cache
def declared() -> tuple[Declared, ...]:
    """Read what every stage of this suite declares, in the order of the deployment.

    Raises:
        StageError: With every fault of every file.
    """
    tops = {field.name for field in fields(Declared)}
    found = [
        described(Declared, path.parent, {key: value for key, value in read(path.parent).items() if key in tops})
        for path in FOLDER.glob("*/stage.toml")
    ]
    return tuple(sorted(found, key=lambda stage: stage.order))


def flagged() -> tuple[Declared, ...]:
    """Give the stages of this suite that switch a flag."""
    return tuple(stage for stage in declared() if stage.flagged)


def read(folder: Path) -> dict[str, Any]:
    """Read a stage's file as it stands, with the id that its folder's name gives it.

    Raises:
        StageError: It is missing, is not TOML, or claims another id.
    """
    path = folder / "stage.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: expected a stage's description in TOML, found {error}; see {GUIDE}") from error
    stage_id = stage_of(folder)
    if raw.setdefault("id", stage_id) != stage_id:
        raise StageError(f"{path}: id: expected {stage_id!r} as the folder says, found {raw['id']!r}; remove the line")
    return raw


def described(kind: type[Described], folder: Path, raw: Mapping[str, Any]) -> Described:
    """Make a description of a stage from what its file holds, by the types of the description's own fields.

    Raises:
        StageError: With every fault: file, key, what was expected and found, and what to do.
    """
    try:
        found: Described = _reader(kind).validate_json(json.dumps(raw, default=str), strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise StageError(listing(folder, (_told(kind, each) for each in error.errors()))) from error
    return found


@cache
def _reader(kind: Hashable) -> TypeAdapter[Any]:
    """Make the reader of a description once: making it takes longer than reading all stages."""
    return TypeAdapter(kind)


def listing(folder: Path, faults: Iterable[str]) -> str:
    """Join the faults of one file, each with the file's name."""
    return "\n".join(f"{folder.name}/stage.toml: {fault}" for fault in faults)


def stage_of(folder: Path) -> str:
    """Give the stage id of a folder below `ops_tests`: `stage_21_01c` is stage `21_01c`."""
    return folder.name.removeprefix("stage_")


def _told(kind: type[Any], error: ErrorDetails) -> str:
    where, key = error["loc"][:-1], error["loc"][-1]
    place = "".join(f"[[{part}]] " if isinstance(part, str) else f"no {part + 1} " for part in where)
    if error["type"] == "missing":
        return f"{place}{key}: expected a value, found no such key; add it, see {GUIDE}"
    if error["type"] == "unexpected_keyword_argument":
        near = get_close_matches(str(key), _keys(kind, where), n=1)
        remedy = f"did you mean {near[0]}?" if near else f"remove it, or see {GUIDE} for the keys that there are"
        return f"{place}{key}: there is no such key; {remedy}"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"{place}{key}: {message}, found {error['input']!r}; correct it, see {GUIDE}"


def _keys(kind: type[Any], where: tuple[int | str, ...]) -> list[str]:
    """Give the keys that the table at this place may have."""
    tables = {"gate": "gates", "trigger": "triggers"}
    if where and (name := tables.get(str(where[0]))):
        kind = get_type_hints(kind)[name].__args__[0]
    return [field.name for field in fields(kind)]
