"""The client of the HW checker, with every failure named by the contract's error types."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

TIMEOUT_SECONDS = 3.0
PAGE = 100


class CheckerError(Exception):
    """The HW checker did not do what was asked.

    Attributes:
        error_type: `api_timeout`, `api_error`, `rate_limit` or `not_found` (contract, "Metrics", 21_01b).
    """

    def __init__(self, error_type: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type


@dataclass(frozen=True)
class Commit:
    """A commit that the checker has checked: its hash, ISO date and student."""

    hash: str
    date: str
    student: str


@dataclass(frozen=True)
class Review:
    """A review that was asked for: the checker's job id and its status."""

    review_id: str
    status: str


class CheckerClient:
    """Calls of the HW checker's API."""

    def __init__(self, base_url: str, api_key: str, fault: Callable[[str], bool]) -> None:
        self._fault = fault
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"X-API-Key": api_key},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,  # a proxy of the environment has no business between two local services
        )

    async def commits(self, student_id: str, days: int) -> list[Commit]:
        """Give the student's commits of the last `days` days, newest first.

        Raises:
            CheckerError: the checker is down, slow or refuses.
        """
        today = datetime.now(UTC).date()
        span = {"start_date": str(today - timedelta(days=days)), "end_date": str(today)}
        commits: list[Commit] = []
        while True:
            where = {**span, "limit": PAGE, "offset": len(commits)}
            page = await self._call("GET", "/api/checks_by_date", where)
            with _well_formed():
                commits += [Commit(c["commit_hash"], c["enqueued_at"], c["student_id"]) for c in page["checks"]]
                if not page["checks"] or len(commits) >= page["total_count"]:
                    everybody = self._fault("homework-of-others")
                    return [commit for commit in commits if everybody or commit.student == student_id]

    async def review(self, commit_hash: str) -> Review:
        """Have a commit checked again.

        Raises:
            CheckerError: as for `commits`; `not_found` when the checker does not know the commit.
        """
        return _review(await self._call("POST", "/api/retry_check", body={"commit_hash": commit_hash}))

    async def status(self, review_id: str) -> Review:
        """Give the state of a review; raises as `review` does."""
        return _review(await self._call("GET", f"/api/check_status/{quote(review_id, safe='')}"))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, params: dict[str, Any] | None = None, body: object = None
    ) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, params=params, json=body)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except httpx.TimeoutException:
            raise CheckerError("api_timeout") from None
        except httpx.HTTPStatusError as error:
            known = {404: "not_found", 429: "rate_limit", 504: "api_timeout"}
            raise CheckerError(known.get(error.response.status_code, "api_error")) from None
        except (httpx.HTTPError, ValueError):
            raise CheckerError("api_error") from None
        return found


def _review(answer: dict[str, Any]) -> Review:
    with _well_formed():
        return Review(answer["job_id"], answer["status"])


@contextmanager
def _well_formed() -> Iterator[None]:
    """Take an answer without the fields of the API for a failure of the API."""
    try:
        yield
    except (KeyError, TypeError):
        raise CheckerError("api_error") from None
