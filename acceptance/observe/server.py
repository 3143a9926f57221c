"""Ask what others are observed by: Prometheus, Alertmanager, Loki and Grafana.

Whatever keeps us from a whole answer is `Inconclusive`, in one set of words for all of them: an error, a login page
with 200, JSON of another form, and an answer that says itself that it may lack something.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from acceptance import deadline, tally
from acceptance.redact import cut
from acceptance.verdict import Inconclusive

Answer = TypeVar("Answer")

TENANT = "X-Scope-OrgID"
"""The header by which Loki, Mimir and Thanos are told whose data are asked for."""
NOT_OFFERED = (400, 404, 405, 501)
"""What a server answers that has no such call: one that is managed, or compatible, often has the queries alone."""
_NOT_LET_IN = (401, 403)


class NotOffered(Inconclusive):
    """The server answers, and has no such call."""


class Odd(ValueError):
    """What was found is no answer; says so in words."""


class _NotOffered(Odd):
    """An answer of one of those statuses, to a question that is not wrong by itself."""


@dataclass(frozen=True)
class Server:
    """One server.

    Attributes:
        name: What it is, such as `Loki`.
        url: Its address; may hold a login.
        keys: Those of the target file to look at where it does not answer.
        timeout_s: Of one question.
        headers: What each question carries; may hold a login.
        login: User and password.
        transport: Stands in for the network in tests.
    """

    name: str
    url: str = field(repr=False)
    keys: str
    timeout_s: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    transport: Any = field(default=None, repr=False)

    def ask(self, path: str, method: str = "GET", **what: Any) -> httpx.Response:
        """Ask for a path below the address.

        Raises:
            Inconclusive: It does not answer, or does not let us in; also from the other methods.
        """
        how: dict[str, Any] = {"transport": self.transport, "headers": self.headers, "auth": self.login}
        try:
            with deadline.client(self.timeout_s, **how) as client:
                answer = client.request(method, self.url.rstrip("/") + path, **what)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.odd(path, f"{type(error).__name__}: {error}") from error
        if answer.status_code in _NOT_LET_IN:
            raise self.odd(path, f"{_told(answer.status_code, answer.content)}, which lets nobody in as we ask")
        return answer

    def json(self, path: str, method: str = "GET", **what: Any) -> tuple[int, Any]:
        """Give the status and the JSON of an answer."""
        answer = self.ask(path, method, **what)
        return answer.status_code, self.read(path, lambda: _json(answer.status_code, answer.content))

    def data(self, path: str, part: str = "", **parameters: str) -> Any:
        """Give what a call of the API of Prometheus, which Loki has too, answers with success; `part` as for `read`."""
        answer = self.ask(path, params=parameters)
        return self.read(path, lambda: whole(answer.status_code, answer.content), part)

    def read(self, what: str, reads: Callable[[], Answer], part: str = "") -> Answer:
        """Read an answer, whatever its form.

        Args:
            what: What was asked.
            reads: Gives what is in the answer.
            part: By this word the target file can say that there is no such call.

        Raises:
            NotOffered: The server says that there is none.
        """
        tally.count(self.name)
        try:
            return reads()
        except _NotOffered as error:
            or_else = f" (where it has no such call: ABSENT={part})" if part else ""
            raise NotOffered(f"{self.odd(what, str(error))}{or_else}") from error
        # guard: answer-of-another-form
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            words = str(error) if isinstance(error, Odd) else f"another form ({type(error).__name__}: {error})"
            raise self.odd(what, words) from error

    def odd(self, what: str, found: str) -> Inconclusive:
        """Make what says that a question was not answered."""
        remedy = f"check that it runs and {self.keys} of the target file"
        if "CERTIFICATE_VERIFY_FAILED" in found:
            remedy = "have its CA trusted by REQUESTS_CA_BUNDLE and SSL_CERT_FILE of the environment"
        return Inconclusive(f"{self.name} at {place(self.url)} did not answer «{what}»: {found}; {remedy}")


def whole(status: int, content: bytes) -> Any:
    """Give the data of an answer in the form of Prometheus' API.

    Raises:
        Odd: It says that it failed or is incomplete, or is of another form.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    facts = body if isinstance(body, dict) else {}
    if status in NOT_OFFERED and facts.get("errorType") != "bad_data":
        raise _NotOffered(_told(status, facts.get("error") or content))
    if status != httpx.codes.OK or facts.get("status") != "success":  # guard: answer-that-is-no-success
        raise Odd(_told(status, facts.get("error") or content))
    # Prometheus 2.4x to 2.5x puts its notes on the query's wording among the warnings; 3 keeps them apart.
    warnings = [each for each in facts.get("warnings") or [] if not str(each).startswith("PromQL info: ")]
    said = [*warnings, *(["the answer is partial"] if facts.get("isPartial") else [])]
    if said:
        raise Odd(f"the answer may lack something: {cut('; '.join(map(str, said)), 200)}")
    return facts.get("data")


def place(url: str) -> str:
    """Give an address without the login in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _json(status: int, content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise Odd(f"{_told(status, content)} instead of JSON") from None


def _told(status: int, said: Any) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return f"HTTP {status}: {cut(text.strip(), 200)!r}"
