"""Say what a log line means: its level, whether it is an error, and its kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from acceptance.target.log_format import NUMBERS

_WORDS = {
    "CRITICAL": "crit critical fatal ftl panic dpanic emerg emergency alert c f",
    "ERROR": "err error severe exception fail failure e",
    "WARNING": "warn warning wrn w",
    "INFO": "info inf information informational notice success i n",
    "DEBUG": "debug dbg dbug trace trce verbose vrb fine finer finest silly d v t",
}
_LEVELS = {word: level for level, words in _WORDS.items() for word in words.split()}
_NO_LEVEL = ("http", "notset", "unknown", "default", "none", "null", "nil", "true", "false", "all", "any", "off", "log")
"""Words that say themselves that they are no level; winston's `http` is one, and in a text no word for harmless."""
_WORD = re.compile(r"[^\W\d][\w-]{1,30}")
_UNNAMED = ("python", "pino", "syslog", "dotnet", "logback")
"""Whose numbers stand in a field that is called level; OpenTelemetry's has a name of its own."""
_STEP = re.compile(r"[+-]\d+$")
"""How Go's slog writes a level between two others."""

ERRORS = ("ERROR", "CRITICAL")
WARNINGS = ("WARNING", *ERRORS)
TRACEBACK = "Traceback (most recent call last)"

_TROUBLE = re.compile(
    r"\b(?:ERROR?|ERR|CRIT|CRITICAL|FATAL?|PANIC|EMERG|SEVERE)\b|Traceback \(most recent call last\)|Segmentation fault"
    r"|\bOut of memory\b|^\W*(?:error|fatal|panic|critical)\b|[\[:](?:err(or)?|fatal|panic|crit(ical)?|emerg|alert)\]"
    r"|\b(?:level|severity|lvl)\W{1,4}(?:error|err|fatal|panic|crit|critical)\b"
    r"|^[\w.]*(?:Error|Exception)(?: \[\w+\])?: |^\W?(?:Unhandled|Uncaught|Exception in thread |\w+Error$)"
    r"|^\W*(?:\w+ ){1,2}[Ee]rror: |\bpanicked at\b|\bcore dumped\b"
    r"|^(?:Killed|Aborted|Bus error|Illegal instruction)\b|^[EF]\d{4,8} \d\d:\d\d",
    re.MULTILINE,
)
"""What is trouble in a line that states no level, also in one that follows another entry."""
_REQUEST = re.compile(r'"[A-Z]+ [^" ]* HTTP/\d')
_WORDS_OF_TROUBLE = re.compile(
    r"(?:Error|Exception)\b|^\W*(?:error|fatal|panic|critical)\b|\b[Uu]n(?:handled|caught)\b"
    r"|\b[Ff]ailed to\b|^\W*[Ff]ailed\b"
)
"""What reads like trouble in an entry with a time and no level; users' texts that follow an entry may hold it too."""
_TOLD = ("error", "err", "exception", "exc_info", "traceback", "stack", "stack_trace", "stacktrace")
"""Fields in which a line without a level tells of an error."""
_TYPES = ("error_type", "exc_type", "error.type", "errorType")
_NOTHING = ("", "none", "null", "nil", "<nil>", "false", "0")
_LOST = re.compile(r"Suppressed \d+ messages from \S|imuxsock lost \d+ messages|\d+ messages lost due to rate-limiting")
"""How journald and rsyslog say that they dropped lines."""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")
_EXCEPTION = re.compile(r"^([A-Za-z_][\w.]*?)(?::\s|$)")
_RAISED = re.compile(
    r'(?:^(?:Caused by: |Exception in thread "[^"\n]*" |Unhandled exception\. )?|---> )'
    r"((?:[\w$]+\.)*[\w$]*(?:Error|Exception))(?=[:\s]|$)",
    re.MULTILINE,
)
_FRAME = re.compile(r"^\s+at \S", re.MULTILINE)
"""How Java, .NET and JavaScript name an exception, and where it was raised."""
_VARIES = re.compile(r"\b(?=\w*\d)[\w-]+|\d+")


def plain(text: str) -> str:
    """Remove colours, the line end, and the byte order mark or zeros that a file may begin with."""
    return (_ANSI.sub("", text) if "\x1b" in text else text).rstrip("\r\n").lstrip("\0\ufeff\x1e")


def level_of(value: object, numbers: str = "") -> str:
    """Give the level that a word or a number means: CRITICAL, ERROR, WARNING, INFO, DEBUG, or none."""
    return read_level(value, numbers)[0]


def read_level(value: object, numbers: str = "") -> tuple[str, str]:
    """Give the level that a word or a number means, and itself where no table has it, or several do.

    Args:
        value: As the line has it.
        numbers: The scheme of its numbers, one of `NUMBERS`; without, a number says what all that have it agree on.
    """
    return _read_level(str(value), numbers)


@lru_cache(1024)
def _read_level(word: str, numbers: str) -> tuple[str, str]:
    text = plain(word).strip().strip("[]<>:").lower()
    if not (figure := re.fullmatch(r"(-?\d{1,9})(?:\.0)?", text)):
        level = _LEVELS.get(_STEP.sub("", text), "")
        unknown = not level and text not in _NO_LEVEL and _WORD.fullmatch(text)
        return level, word if unknown else ""
    schemes = [NUMBERS[numbers]] if numbers else [NUMBERS[each] for each in _UNNAMED]
    steps = (((int(figure[1]) - first) / step, letters) for first, step, letters in schemes)
    found = [_LEVELS[letters[int(at)].lower()] for at, letters in steps if at in range(len(letters))]
    agreed = len({(level in WARNINGS, level in ERRORS) for level in found}) == 1
    return found[0] if agreed else "", "" if len(found) == 1 else word


def reads_like_trouble(text: str) -> bool:
    """Tell whether a text without a level tells of an error."""
    return bool(_TROUBLE.search(without_request(text)))


def without_request(text: str) -> str:
    """Blank what a web server says that it was asked for: its words are a user's."""
    return _REQUEST.sub(lambda found: " " * len(found[0]), text) if " HTTP/" in text else text


@dataclass(frozen=True)
class LogLine:
    """One entry of a log, with the lines that continue it.

    Attributes:
        at: When it was written, aware; None where the line does not say.
        event: Name of its event; empty where the log has none.
        level: CRITICAL, ERROR, WARNING, INFO or DEBUG; empty where the line does not say.
        trace_id: Of its request; empty where the log has none.
        fields: All its fields; `message` at least.
        text: As it was written.
        after: It was not written before this, as its neighbours show; None where nothing shows it.
        before: It was not written after this.
        exact: How far behind `at` the true time may be: a second where the time has no fraction.
        figure: Its level where that is a word that no table has, or a number of several schemes or of none, and the
            target file does not say what it means.
    """

    at: datetime | None
    event: str
    level: str
    trace_id: str
    fields: Mapping[str, Any]
    text: str = ""
    after: datetime | None = field(default=None, compare=False)
    before: datetime | None = field(default=None, compare=False)
    exact: timedelta = timedelta(0)
    figure: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it is an error, by its level or, where it states none, by its words."""
        return self.level in ERRORS or (not self.level and self._reads_like_trouble)

    @property
    def _reads_like_trouble(self) -> bool:
        if reads_like_trouble(self.text or self.message):
            return True
        told = any(str(self.fields.get(name, "")).lower() not in _NOTHING for name in _TOLD)
        return told or (self.at is not None and bool(_WORDS_OF_TROUBLE.search(self.message)))

    @property
    def is_warning(self) -> bool:
        """Whether it is a warning or worse."""
        return self.level in WARNINGS or self.is_error

    @property
    def message(self) -> str:
        """Its message."""
        return str(self.fields.get("message", ""))

    @property
    def exception(self) -> str:
        """The type of the exception that it tells of, with its first cause's; empty where it tells of none."""
        if stated := next((self.fields[name] for name in _TYPES if self.fields.get(name)), ""):
            return str(stated)
        objects = (self.fields.get(name) for name in _TOLD)
        if stated := next((each["type"] for each in objects if isinstance(each, Mapping) and each.get("type")), ""):
            return str(stated)
        text = "" if self.text.startswith("{") else self.text  # there its line ends are escaped
        told = "\n".join([text, self.message, *(str(self.fields.get(name) or "") for name in (*_TOLD, "@x"))])
        if TRACEBACK not in told:
            raised = _RAISED.findall(told) if _FRAME.search(told) else []
            return " < ".join(dict.fromkeys((raised[0], raised[-1]))) if raised else ""
        outer = [line for line in told.splitlines() if line.strip() and not line.startswith((" ", "\t", "{"))]
        found = _EXCEPTION.match(outer[-1]) if outer else None
        return found[1] if found else ""

    @property
    def kind(self) -> tuple[str, str, str]:
        """What sort of line it is: event, exception type, and message without what varies."""
        return self.event, self.exception, _VARIES.sub("#", self.message.partition("\n")[0])

    @property
    def tells_of_loss(self) -> bool:
        """Whether it says that lines of this log were dropped."""
        return bool(_LOST.search(self.message or self.text))

    def since(self, start: datetime) -> bool | None:
        """Tell whether it was written at or after a moment; None where that cannot be told."""
        if self.at:
            return self.at + self.exact >= start
        if self.after and self.after >= start:
            return True
        return False if self.before and self.before < start else None

    def tells_of(self, event: str) -> bool:
        """Tell whether it is of an event: by its field or, in a log without events, by its words."""
        return self.event == event or (not self.event and event in self.text)

    def mentions(self, token: str) -> bool:
        """Tell whether any of its values holds `token`, also where a line was wrapped within it."""
        if any(token in str(value) for value in self.fields.values()):
            return True
        return token in self.text or token in "".join(self.text.split())

    def brief(self) -> str:
        """Give time, level, event and message for an assertion message."""
        when = f"{self.at:%H:%M:%S}" if self.at else "(no time)"
        return " ".join(filter(None, [when, self.level, self.event, self.message.partition("\n")[0][:300]]))


def of_ours(trace_prefix: str, data_prefix: str) -> Callable[[LogLine], bool]:
    """Return a function that tells the lines of our own requests.

    Args:
        trace_prefix: What our trace ids begin with; empty where the services read none.
        data_prefix: What our test data begins with: where there are no trace ids, a line that names it is ours.
    """

    def is_ours(line: LogLine) -> bool:
        if trace_prefix and line.trace_id:
            return line.trace_id.startswith(trace_prefix)
        return bool(data_prefix) and line.mentions(data_prefix)

    return is_ours
