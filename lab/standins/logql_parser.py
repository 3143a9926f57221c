"""Parser of the part of LogQL that the Loki stand-in understands; errors read as Loki's own do.

Understood: a stream selector, the line filters `|= != |~ !~`, `| json` with label filters after it,
`count_over_time` and `rate` over a range, and `sum min max avg count` around them, with `by (...)`.
Anything else is refused, never guessed.
"""

import re
from typing import NoReturn

from lab.standins.logql import LineFilter, LogQLError, LogQuery, Matcher, MetricQuery

_EMPTY_COMPATIBLE = (
    "queries require at least one regexp or equality matcher that does not have an empty-compatible value. "
    'For instance, app=~".*" does not meet this requirement, but app=~".+" will'
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<STRING>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    | (?P<RANGE>\[[^\]]*\])
    | (?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<OPERATOR>\|=|\|~|!=|!~|=~|[={}(),|])
    | (?P<OPEN>["`])
    | (?P<OTHER>\S)
    )""",
    re.VERBOSE,
)
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w|y)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_ESCAPE = re.compile(r"\\(.)", re.S)
_LABEL_OPERATORS = ("=", "!=", "=~", "!~")
RANGE_FUNCTIONS = ("count_over_time", "rate")
AGGREGATIONS = ("sum", "min", "max", "avg", "count")


def parse(text: str) -> LogQuery | MetricQuery:
    """Parse a query.

    Raises:
        LogQLError: the query is wrong, or outside of what the stand-in understands.
    """
    return _Parser(text).query()


def duration(text: str) -> float | None:
    """Seconds of a duration such as `5m` or `1h30m`; None if it is none."""
    parts = _DURATION.findall(text)
    if not parts or "".join(n + unit for n, unit in parts) != text:
        return None
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [
            (str(found.lastgroup), found.group(str(found.lastgroup)), found.start(str(found.lastgroup)) + 1)
            for found in _TOKEN.finditer(text)
        ]
        self._at = 0

    def query(self) -> LogQuery | MetricQuery:
        if not self._tokens:
            raise LogQLError("parse error : syntax error: unexpected $end")
        parsed = self._logs() if self._peek() == "{" else self._metric()
        if self._at < len(self._tokens):
            self._unexpected()
        return parsed

    def _metric(self) -> MetricQuery:
        _, name, column = self._next("IDENTIFIER")
        if name in RANGE_FUNCTIONS:
            self._take("(")
            logs = self._logs()
            seconds = self._range()
            self._take(")")
            return MetricQuery(name, logs, seconds)
        if name not in AGGREGATIONS:
            self._not_here(name, column)
        kept = self._by()
        self._take("(")
        inner = self._metric()
        self._take(")")
        kept = kept or self._by()
        return MetricQuery(inner.function, inner.logs, inner.seconds, (*inner.aggregations, (name, kept)))

    def _by(self) -> tuple[str, ...]:
        if self._peek() == "without":
            self._not_here("without", self._tokens[self._at][2])
        if self._peek() != "by":
            return ()
        self._take("by")
        self._take("(")
        names = [self._next("IDENTIFIER")[1]]
        while self._peek() == ",":
            self._take(",")
            names.append(self._next("IDENTIFIER")[1])
        self._take(")")
        return tuple(names)

    def _range(self) -> float:
        _, text, column = self._next("RANGE")
        seconds = duration(text[1:-1].strip())
        if seconds is None:
            raise LogQLError(f'parse error at line 0, col {column}: not a valid duration string: "{text[1:-1]}"')
        return seconds

    def _logs(self) -> LogQuery:
        selector = self._selector()
        lines: list[LineFilter] = []
        labels: list[Matcher] = []
        as_json = False
        while (operator := self._peek()) in ("|=", "|~", "!=", "!~", "|"):
            _, _, column = self._next()
            if operator != "|":
                lines.append(LineFilter(operator, self._text_for(operator)))
                continue
            name = self._next("IDENTIFIER")[1]
            if name == "json":
                as_json = True
            elif self._peek() in _LABEL_OPERATORS:
                labels.append(self._matcher(name))
            else:
                self._not_here(f"| {name}", column)
        return LogQuery(selector, tuple(lines), as_json, tuple(labels))

    def _selector(self) -> tuple[Matcher, ...]:
        self._take("{")
        found: list[Matcher] = []
        while self._peek() != "}":
            if found:
                self._take(",", "} or ,")
            found.append(self._matcher(self._next("IDENTIFIER")[1]))
        self._take("}")
        if all(matcher.matches({}) for matcher in found):
            raise LogQLError(f"parse error : {_EMPTY_COMPATIBLE}")
        return tuple(found)

    def _matcher(self, name: str) -> Matcher:
        if self._peek() not in _LABEL_OPERATORS:
            self._unexpected("= or != or =~ or !~")
        operator = self._next()[1]
        return Matcher(name, operator, self._text_for(operator))

    def _text_for(self, operator: str) -> str:
        """Give the text that a matcher or filter compares with."""
        text = self._next("STRING")[1]
        value = text[1:-1] if text[0] == "`" else _ESCAPE.sub(_unescaped, text[1:-1])
        if "~" in operator:
            try:
                re.compile(value)
            except re.error as error:
                raise LogQLError(f"parse error : error parsing regexp: {error}: `{value}`") from None
        return value

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self, kind: str | None = None) -> tuple[str, str, int]:
        if self._at >= len(self._tokens) or kind not in (None, self._tokens[self._at][0]):
            self._unexpected(kind)
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str, expecting: str | None = None) -> None:
        if self._peek() != text:
            self._unexpected(expecting or text)
        self._at += 1

    def _unexpected(self, expecting: str | None = None) -> NoReturn:
        tail = f", expecting {expecting}" if expecting else ""
        if self._at >= len(self._tokens):
            where, what = len(self._text) + 1, "syntax error: unexpected $end"
        else:
            kind, text, where = self._tokens[self._at]
            if kind == "OPEN":
                raise LogQLError(f"parse error at line 1, col {where}: literal not terminated")
            what = f"syntax error: unexpected {kind if kind in ('STRING', 'IDENTIFIER', 'RANGE') else text}"
        raise LogQLError(f"parse error at line 1, col {where}: {what}{tail}")

    def _not_here(self, what: str, column: int) -> NoReturn:
        raise LogQLError(
            f"parse error at line 1, col {column}: syntax error: unexpected {what}; "
            "if this is LogQL, the lab's stand-in for Loki does not understand it"
        )


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1])
