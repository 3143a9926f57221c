"""Read the services' logs, and tell which part of the wanted time they cover.

Source: checklist items 21_01a.monitor.2, 21_01c.monitor.2 (`docker logs butler-api --since 20m | grep ...`).
Loki is read by `acceptance.observe.loki`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from acceptance.observe.log_entries import entries
from acceptance.observe.log_lines import LogLine
from acceptance.observe.log_sources import CONTEXT, TAILS, oldest, written
from acceptance.target.log_format import LogFormat, log_sources
from acceptance.target.parts import Service
from acceptance.verdict import Inconclusive

COVERED = timedelta(minutes=3)
"""So late the log of a re-created container may begin, and how far a moment asked for may lie before what is sought."""
_REMEDY = "check the *_LOGS and *_LOG_FORMAT keys of the target file"


@dataclass(frozen=True)
class Excerpt:
    """The lines of a log since a moment, and what is known of them as a whole.

    Attributes:
        source: Where the log lies.
        start: The moment asked for.
        lines: Those written since then, also those without a time that their neighbours place there.
        begin: When the log begins; None where it holds no time at all.
        newest: The last time in it.
        unplaced: Lines that may have been written since then or before.
        latest: The line before `start`, for a log without a line since.
    """

    source: str
    start: datetime
    lines: tuple[LogLine, ...]
    begin: datetime | None
    newest: datetime | None
    unplaced: tuple[LogLine, ...] = ()
    latest: LogLine | None = None

    def sure(self) -> Excerpt:
        """Give itself, or refuse where a line without a time, or a missing one, could change the answer.

        Raises:
            Inconclusive: No line has a time, one without a time looks like trouble and may be of this stretch, or the
                log says itself that lines were dropped.
        """
        if self.begin is None:  # guard: log-that-is-empty
            raise Inconclusive(
                f"{self.source}: expected lines with a time in the declared format, found none; an empty log and lines "
                f"without a time prove nothing; {_REMEDY}"
            )
        if trouble := [line for line in self.unplaced if line.is_warning]:
            raise Inconclusive(without_time(self.source, self.start, trouble))
        if lost := next((line for line in self.lines if line.tells_of_loss), None):  # guard: log-that-lost-lines
            raise Inconclusive(
                f"{self.source}: expected every line since {self.start:%H:%M:%S}, found that some were dropped: "
                f"{lost.brief()}; raise the rate limit of the log (journald: RateLimitBurst=), and run again"
            )
        return self

    def naming(self, events: Iterable[str]) -> list[LogLine]:
        """Give the lines of the named events.

        Raises:
            Inconclusive: This log names no events, so that none of these is no evidence.
        """
        wanted = frozenset(events)
        found = [line for line in self.lines if any(map(line.tells_of, wanted))]
        shown = self.lines or ((self.latest,) if self.latest else ())
        if not found and not any(line.event for line in shown):
            raise Inconclusive(
                f"{self.source}: expected lines that name their event, such as {', '.join(sorted(wanted))}, found "
                f"{len(shown)} without one; that none tells of these proves nothing; {_REMEDY}, "
                "or leave events out of LOG_SHOWS if the service logs none"
            )
        return found


@dataclass(frozen=True)
class Logs:
    """The log of one service.

    Attributes:
        source: `file:///path`, `docker://container`, `journald://unit` or `command:words`, one for each instance.
        form: How its lines are written.
        timeout_s: Longest time that Docker, journald or a command may take.
    """

    source: str
    form: LogFormat = field(default_factory=LogFormat)
    timeout_s: float = 30

    @classmethod
    def of(cls, service: Service) -> Logs:
        """Give the log of a service as the target file describes it."""
        return cls(service.logs, service.log_format)

    @property
    def sources(self) -> list[str]:
        """Where each instance of the service writes."""
        return log_sources(self.source)

    @property
    def names_events(self) -> bool:
        """Whether the target file says that its lines name their event."""
        return "events" in self.form.shows

    def tells(self, event: str) -> bool:
        """Tell whether the target file says that it logs this event."""
        return self.form.tells(event)

    def read(self, start: datetime) -> Excerpt:
        """Read what was written at or after `start`, and how much of that time the log covers.

        Raises:
            Inconclusive: The source cannot be read.
        """
        parts = [self._lines_since(source, start) for source in self.sources]
        begins = [begin for _, begin in parts if begin]
        lines = sorted((line for each, _ in parts for line in each), key=_place) if parts[1:] else parts[0][0]
        placed = [(line, line.since(start)) for line in lines]
        return Excerpt(
            source=self.source,
            start=start,
            lines=tuple(line for line, after in placed if after),
            begin=max(begins) if len(begins) == len(parts) else None,  # guard: log-of-each-instance
            newest=max((line.at for line in lines if line.at), default=None),
            unplaced=tuple(line for line, after in placed if after is None),
            latest=next((line for line, after in reversed(placed) if after is False), None),
        )

    def newest(self) -> list[LogLine]:
        """Give the lines at the end of the log, whenever they say that they were written.

        Raises:
            Inconclusive: The source cannot be read.
        """
        held = [written(source, datetime.now(UTC), self.timeout_s, TAILS[0]) for source in self.sources]
        return [line for each in held for line in entries(each.lines, self.form, each.ended)]

    def _lines_since(self, source: str, start: datetime) -> tuple[list[LogLine], datetime | None]:
        """Give the lines of one place from some time before `start` on, and when its log begins."""
        for tail in (*TAILS, 0):
            held = written(source, start, self.timeout_s, tail)
            lines = entries(held.lines, self.form, held.ended)
            begin = _first(lines)
            if held.whole:
                return lines, begin
            if not source.startswith("file:") or (begin and begin < start - CONTEXT):
                break
        if begin is None or begin > start:
            begin = _first(entries(oldest(source, self.timeout_s), self.form)) or begin
        return lines, begin

    def since(self, start: datetime, events: Iterable[str] = ()) -> list[LogLine]:
        """Give the lines written at or after `start`, all or only those of the named events.

        Raises:
            Inconclusive: The log cannot be read, holds no line with a time, or cannot answer for this stretch or
                these events.
        """
        excerpt = self.read(start).sure()
        if excerpt.begin and excerpt.begin > start + COVERED:  # guard: log-that-was-rotated-away
            raise Inconclusive(begins_late(self.source, start, excerpt.begin))
        wanted = tuple(events)
        return excerpt.naming(wanted) if wanted else list(excerpt.lines)


def _first(lines: Iterable[LogLine]) -> datetime | None:
    return min((line.at for line in lines if line.at), default=None)


def _place(line: LogLine) -> datetime:
    """Give the time by which lines of several places are sorted; each place keeps its own order."""
    return line.at or line.after or line.before or datetime.min.replace(tzinfo=UTC)


def begins_late(source: str, start: datetime, begin: datetime) -> str:
    """Say that a log does not reach back to a moment."""
    return (
        f"{source}: expected the log of the time since {start:%H:%M:%S}, found that it begins at {begin:%H:%M:%S}; "
        "was it rotated or cut? Keep it, and run again"
    )


def without_time(source: str, start: datetime, trouble: Sequence[LogLine]) -> str:
    """Say that lines look like trouble and may be from before or after a moment."""
    return (
        f"{source}: expected each error line to have a time, found {len(trouble)} without one that may be of the time "
        f"since {start:%H:%M:%S}: {trouble[-1].brief()}; {_REMEDY}"
    )
