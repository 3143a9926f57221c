"""Tell whether the new path of a stage is at work, by what the target file says shows it: `FLAG_*_SHOWN_BY`.

By default that is a metric, which a process forgets when it ends. Log lines, documents and files stay, so those count
that are younger than the process that runs now. Where a time is known to the second only, what is of the second in
which that process started may be the one's before.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from acceptance.disk import GONE
from acceptance.observe.exported import await_scrape
from acceptance.observe.logs import Logs
from acceptance.observe.moments import EPOCH, placed
from acceptance.observe.mongo import database
from acceptance.observe.our_lines import CLOCKS
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.started import shown_by, starts
from acceptance.observe.store import NEWEST
from acceptance.polling import poll
from acceptance.stage_folders import Declared, flagged
from acceptance.target.model import Service, Target
from acceptance.verdict import Inconclusive

_NEWEST = 200
TIMES = ("created_at", "uploaded_at")
"""The fields of a document that tell when it was written."""
Dated = tuple[str, datetime | None]
"""What shows it, and its time, where it has one."""
_LOG = timedelta(hours=1)
"""How far back a log is read: each request leaves a line, and a process may run for months."""


@dataclass(frozen=True)
class NewPath:
    """What shows that the new path of a stage is at work."""

    stage: Declared
    target: Target
    prometheus: Prometheus

    @property
    def service(self) -> Service:
        """The service that reads the stage's flag."""
        return self.target.service(self.stage.service)

    @property
    def by_metric(self) -> bool:
        """Whether it is told by a metric, which is only there while such a process runs."""
        return self._kind == "metric"

    @property
    def used(self) -> bool:
        """Whether such a metric shows it once it counted something: the deployment exports it unused too."""
        return self._rest == "used"

    def __str__(self) -> str:
        what = {
            "metric": f"metrics {self.target.metrics.query(self.stage.metrics)}* of job {self.service.job}",
            "log": f"a line with {self._rest!r} in the log of {self.service.name}",
            "document": f"a document in {self._rest} of database {self.target.mongo.database}",
            "path": f"a file {self._rest}",
        }
        return what[self._kind]

    def seen(self, *, surely: bool = True, ahead: bool = False) -> set[str]:
        """Give what shows it now; empty where the processes that run now have left nothing.

        Args:
            surely: Whether to leave out what may be of the processes before.
            ahead: Whether to give what is of a time still to come, too.

        Raises:
            Inconclusive: What shows it cannot be read.
        """
        if self.by_metric:
            names = self.prometheus.names(self.service.job, self.stage.metrics, used=self.used)
            return set(map(self.target.metrics.query, names))
        running = starts(self.service, self.target, self.prometheus)
        if not running:
            raise Inconclusive(f"{shown_by(self.service)} shows no process of {self.service.name}; see whether it runs")
        start = min(running)
        whole = surely and start == int(start)
        dated = _SEEN[self._kind](self, datetime.fromtimestamp(start + whole, UTC), surely)
        return {what for what, _ in (dated if ahead else self._by_now(dated))}

    def appears(self) -> set[str]:
        """Give what shows the new path after our requests; waits as long as a metric may take.

        Raises:
            Inconclusive: As for `seen`.
        """
        return poll(lambda: self.seen(surely=False), bool, self.target.scrape_patience_s)

    def after_use(self) -> set[str]:
        """Give what shows the new path after our requests; a metric is read from a scrape that began after them.

        Raises:
            Inconclusive: As for `seen`, or there was no such scrape in time.
        """
        if self.by_metric:
            await_scrape(self.prometheus, self.service.job, self.target.scrape_patience_s)
        return self.seen()

    @property
    def _kind(self) -> str:
        return self.target.shown_by[self.stage.id].partition(":")[0]

    @property
    def _rest(self) -> str:
        return self.target.shown_by[self.stage.id].partition(":")[2]

    def _logged(self, since: datetime, surely: bool) -> Sequence[Dated]:
        since = max(since, datetime.now(UTC) - _LOG)
        lines = [line for line in Logs.of(self.service).since(since) if line.mentions(self._rest)]
        numbered = enumerate(lines, start=1)  # two requests in one second are two lines
        told = [(f"{n}: {line.brief()}", line) for n, line in numbered]
        return [(text, line.at) for text, line in told if not surely or (line.at and line.at >= since)]

    def _stored(self, since: datetime, surely: bool) -> Sequence[Dated]:
        second = (math.ceil if surely else math.floor)(since.timestamp())
        by_id = {"_id": {"$gte": ObjectId.from_datetime(datetime.fromtimestamp(second, UTC))}}
        by_time = [{name: {"$gte": since}} for name in TIMES]
        with database(self.target) as mongo:
            collection = mongo[self._rest]
            found = list(collection.find({"$or": [by_id, *by_time]}).newest(_NEWEST))
            if not found:
                found = [each for each in collection.find().newest(NEWEST) if _by_text(each, since, collection.name)]
            return [(f"{collection.name} {document['_id']}", _latest(document)) for document in found]

    def _on_disk(self, since: datetime, _: bool) -> Sequence[Dated]:
        found = glob.glob(self._rest, recursive=True)  # noqa: PTH207 - a whole pattern, not one below a folder
        written = [(path, self._written(path)) for path in found]
        # No datetime is as late as a file may say that it is.
        return [
            (path, datetime.fromtimestamp(min(at, EPOCH[1]), UTC)) for path, at in written if at >= since.timestamp()
        ]

    def _by_now(self, dated: Sequence[Dated]) -> Sequence[Dated]:
        """Give what was found; of a time that is still to come nobody knows which process it was."""
        now = datetime.now(UTC)
        if ahead := [(what, at) for what, at in dated if at and at > now + CLOCKS]:
            what, at = ahead[-1]
            raise Inconclusive(
                f"{self}: expected times before now ({now:%H:%M:%S} UTC), found {len(ahead)} that are still to come, "
                f"which may be of the process before: {what} ({at:%Y-%m-%d %H:%M:%S} UTC); see its clock and zone"
            )
        return dated

    def _written(self, path: str) -> float:
        """Give when a file was written, unix seconds; 0 for one that is gone again, such as one that is received."""
        try:
            return os.lstat(path).st_mtime
        except OSError as error:
            if error.errno in GONE:
                return 0.0
            raise Inconclusive(f"{self._rest}: expected to read it, found: {error}; run as a user who may") from error


def _latest(document: Mapping[str, Any]) -> datetime | None:
    """Give the latest time that a document tells of itself."""
    own = document["_id"].generation_time if isinstance(document["_id"], ObjectId) else None
    times = [own, *(placed(document[name]) for name in TIMES if document.get(name) is not None)]
    return max(filter(None, times), default=None)


def _by_text(document: Mapping[str, Any], since: datetime, where: str) -> bool:
    """Tell whether a document was written since a moment, where no question of MongoDB shows it: its times are text.

    Raises:
        Inconclusive: It tells its time in no way.
    """
    stored = [document[name] for name in TIMES if document.get(name) is not None]
    times = [at for at in map(placed, stored) if at]
    if not times and not isinstance(document["_id"], ObjectId):
        expected = f"{' or '.join(TIMES)} with a zone in the documents of {where}, or an ObjectId"
        raise Inconclusive(f"expected {expected}, found {stored or 'none'}; set another FLAG_*_SHOWN_BY")
    return any(at >= since for at in times)


_SEEN: Mapping[str, Callable[[NewPath, datetime, bool], Sequence[Dated]]] = {
    "log": NewPath._logged,
    "document": NewPath._stored,
    "path": NewPath._on_disk,
}


def new_paths_of(target: Target, prometheus: Prometheus) -> list[NewPath]:
    """Give what shows the new path of each stage whose service is there."""
    return [NewPath(stage, target, prometheus) for stage in flagged() if stage.service in target.services]


def new_path(target: Target, stage_id: str, prometheus: Prometheus) -> NewPath:
    """Give what shows the new path of one stage, by its id."""
    return NewPath(next(stage for stage in flagged() if stage.id == stage_id), target, prometheus)
