"""LogQL queries as data: what the Loki stand-in's parser makes and its evaluation reads."""

import re
from dataclasses import dataclass

Labels = dict[str, str]


class LogQLError(ValueError):
    """Loki would refuse the query with 400; the text is what it would answer."""


@dataclass(frozen=True)
class Matcher:
    """A test of one label: `=`, `!=`, `=~`, `!~`; a regular expression must match the whole value."""

    name: str
    operator: str
    value: str

    def matches(self, labels: Labels) -> bool:
        """Tell whether the labels pass; a label that is not there counts as empty."""
        text = labels.get(self.name, "")
        if "~" in self.operator:
            return bool(re.fullmatch(self.value, text)) == (self.operator == "=~")
        return (text == self.value) == (self.operator == "=")


@dataclass(frozen=True)
class LineFilter:
    """A test of a line: `|=`, `!=` (contains, contains not), `|~`, `!~` (a regular expression in it, or not)."""

    operator: str
    value: str

    def passes(self, line: str) -> bool:
        """Tell whether the line passes."""
        found = bool(re.search(self.value, line)) if "~" in self.operator else self.value in line
        return found == self.operator.startswith("|")


@dataclass(frozen=True)
class LogQuery:
    """A log query: which streams, then which lines, read as JSON or not, then which labels."""

    selector: tuple[Matcher, ...]
    lines: tuple[LineFilter, ...] = ()
    json: bool = False
    labels: tuple[Matcher, ...] = ()


@dataclass(frozen=True)
class MetricQuery:
    """A range function over a log query; aggregations from the inside out, each with the labels it keeps."""

    function: str
    logs: LogQuery
    seconds: float
    aggregations: tuple[tuple[str, tuple[str, ...]], ...] = ()
