"""Build each client of a target once, for all who ask it something."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

from acceptance.observe.grafana import Grafana
from acceptance.observe.logs import Logs
from acceptance.observe.loki import Loki
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.observe.store import Store
from acceptance.probes.dialog.gateway import Butler
from acceptance.probes.homework.hw_checker import HwChecker
from acceptance.probes.homework.worker import Homework
from acceptance.probes.http.client import Caller
from acceptance.probes.http.under_way import Requests
from acceptance.probes.reviews.pipeline import Reviews
from acceptance.probes.storage.uploads import Uploader
from acceptance.probes.telegram.serving import reach
from acceptance.target.model import Target

UPLOAD_S = 60.0
"""Seconds that an upload may take at least: 150 MB take longer than a plain call."""


@dataclass(frozen=True)
class Clients:
    """The clients of a target.

    Attributes:
        target: The deployment.
        trace_prefix: First half of every trace id that they send: log lines with it are ours. Empty outside a run.
    """

    target: Target
    trace_prefix: str = ""
    _callers: dict[str, Caller] = field(default_factory=dict, repr=False, compare=False)
    _logs: dict[str, Logs] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def prometheus(self) -> Prometheus:
        """Give the target's Prometheus."""
        return Prometheus.of(self.target)

    @cached_property
    def loki(self) -> Loki:
        """Give the target's Loki."""
        its = self.target.having("loki")
        return Loki(its.loki_url, its.http_timeout_s, its.loki_label, its.loki_tenant)

    @cached_property
    def grafana(self) -> Grafana:
        """Give the target's Grafana."""
        return Grafana.of(self.target)

    @cached_property
    def uploader(self) -> Uploader:
        """Give what uploads archives to the review API as a student would."""
        api = self.target.services["api"]
        return Uploader(
            api.url,
            headers=api.headers,
            names=api.names,
            timeout_s=max(UPLOAD_S, self.target.http_timeout_s),
            trace_header=self.target.trace_header,
            trace_prefix=self.trace_prefix,
            taken=self.target.storage.upload_status,
            requests=Requests(self.target.journal_dir, self.trace_prefix),
        )

    @cached_property
    def butler(self) -> Butler:
        """Give the bot as a user reaches it: by its dialog gateway, or in Telegram."""
        gateway = self.caller("bot")
        telegram = self.target.telegram
        return reach(self.target, telegram, self.trace_prefix) if telegram else Butler(gateway)

    @cached_property
    def homework(self) -> Homework:
        """Give the worker's homework calls, as a user's bot reaches them."""
        return Homework(self.caller("worker"))

    @cached_property
    def checker(self) -> HwChecker:
        """Give the HW checker itself.

        Raises:
            Inconclusive: The env file has no key for it.
        """
        return HwChecker.of(self.target)

    def caller(self, key: str) -> Caller:
        """Give what calls a service, by the service's short name."""
        if key not in self._callers:
            self._callers[key] = Caller.of(self.target.service(key), self.target, self.trace_prefix)
        return self._callers[key]

    def caller_of(self, url: str) -> Caller:
        """Make what calls any address of the target, with the trace ids of ours."""
        requests = Requests(self.target.journal_dir, self.trace_prefix)
        how = (self.target.http_timeout_s, self.target.trace_header, self.trace_prefix)
        return Caller(url, *how, requests=requests)

    def logs(self, key: str) -> Logs:
        """Give the log of a service, by the service's short name."""
        if key not in self._logs:
            self._logs[key] = Logs.of(self.target.service(key))
        return self._logs[key]

    def database(self) -> AbstractContextManager[Store]:
        """Connect to the target's database for a while."""
        return database(self.target)

    def reviews(self, mongo: Store) -> Reviews:
        """Make the review pipeline: the API takes the work, the worker's log and the database show its effects."""
        return Reviews(self.uploader, mongo, self.logs("worker"))
