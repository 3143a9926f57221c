"""Call the services without a login, with a wrong one, and as another student (checklist, trigger.4).

A refusal proves something only where the right login is let in; and that a service has no login at all is what the
target file says it is: by design and accepted, or a fault.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from acceptance.finding import Finding, Severity
from acceptance.probes.http.exchange import Exchange
from acceptance.target.parts import Authentication, Service, ServiceKey
from acceptance.verdict import Inconclusive, NotApplicable

REFUSED = (401, 403)
BUSY = 429
"""Says nothing of a login: with one it might be the same."""
HIDDEN = (*REFUSED, 404)
"""What keeps a task from another student: its being there may be hidden too."""

_HOW = "set it to required or required:service, or to none:low (by design, and accepted) up to none:critical"

_NO_OTHER = (
    "OTHER_LOGIN of the target file: expected another student's login, found none; set it, or "
    "AUTHENTICATION=required:service where no student has one"
)

Call = Callable[[Mapping[str, str]], Exchange]
"""Makes one call with these headers for its login."""


@dataclass(frozen=True)
class Door:
    """One call that only some may make.

    Attributes:
        name: The service and what is asked of it.
        call: Makes it.
        login: The headers that let our calls in; empty where none are configured.
        refused: The statuses by which a stranger is turned away.
        stated: What the target file says of logins there.
    """

    name: str
    call: Call
    login: Mapping[str, str] = field(repr=False)
    refused: Sequence[int] = REFUSED
    stated: Authentication | None = None


def strangers(login: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Give the callers without a valid login, each with the headers that it sends."""
    yield "no login", {}
    header, ours = next(iter(login.items()), ("Authorization", "Bearer x"))
    scheme = f"{ours.partition(' ')[0]} " if " " in ours else ""
    yield "a wrong login", {header: f"{scheme}{secrets.token_urlsafe(32)}"}
    if secret := ours.removeprefix(scheme) if login else "":
        yield "an empty login", {header: scheme.strip()}
        begin = secret[: len(secret) * 3 // 4]
        yield (
            "a login that only begins as ours",
            {header: f"{scheme}{begin}{secrets.token_hex(len(secret))}"[: len(ours)]},
        )


def require_statement(services: Mapping[ServiceKey, Service], other: str) -> dict[str, str]:
    """Give what the target file says of who may call each service; one that does not say it is refused beforehand.

    Raises:
        Inconclusive: It does not say whether a login is needed, or has no login of another student where one is.
    """
    if not all(service.authentication for service in services.values()):
        raise Inconclusive(f"AUTHENTICATION of the target file: expected required or none:SEVERITY, found none; {_HOW}")
    stated = services["api"].authentication
    if stated and stated.required and not stated.shared and not other:
        raise Inconclusive(_NO_OTHER)
    return {key: str(service.authentication) for key, service in services.items()}


def let_in(doors: Sequence[Door]) -> list[Finding]:
    """Make each call as each stranger, and name the calls that are served.

    Raises:
        Inconclusive: A door gives no answer or keeps out its owner too, or it is open and the target file does not say
            whether it may be.
    """
    return [each for door in doors for each in _at(door, strangers(door.login))]


def as_another(door: Door, others: Door | None) -> list[Finding]:
    """Ask for what is one student's with the login of another.

    Args:
        door: Leads to the one student's.
        others: Leads to what is the other's own: a login that is let in nowhere proves nothing. None without one.

    Raises:
        Inconclusive: As for `let_in`; or there is no other login to try with.
        NotApplicable: No student has a login there.
    """
    if others is None:
        if door.stated and door.stated.shared:
            raise NotApplicable("AUTHENTICATION=required:service: one login speaks for every student; none has an own")
        if door.stated is None or door.stated.required:
            raise Inconclusive(_NO_OTHER)
        return list(_at(door, [("no login", {})]))
    own = others.call(others.login)
    if not _is_let_in(own):
        raise Inconclusive(f"{others.name}: expected it to let OTHER_LOGIN in, found {own.status or own.error}")
    return list(_at(door, [("another student's login", others.login)]))


def told_by(tell: Callable[[str], object], name: object) -> list[str]:
    """Give the names, besides its own, by which a thing is told: its beginning, and patterns that a search may take.

    Args:
        tell: Asks for a thing by a name; gives the name of what is told, if anything is.
        name: The thing's own, text or a number.
    """
    own = str(name)
    cut = own[:-1]
    others = {"its beginning": cut, "a pattern of SQL": f"{cut}%", "a wildcard": f"{cut}*", "an expression": f"{cut}."}
    return [kind for kind, other in others.items() if str(tell(quote(other, safe=""))) == own]


def _at(door: Door, strangers: Iterable[tuple[str, Mapping[str, str]]]) -> Iterator[Finding]:
    owner = door.call(door.login)
    if not _is_let_in(owner):
        raise Inconclusive(f"{door.name}: expected it to let our own login in, found {owner.status or owner.error}")
    for who, headers in strangers:
        answer, subject = door.call(headers), f"{door.name} with {who}"
        if answer.status in (None, BUSY):
            raise Inconclusive(f"{subject}: expected an answer, found {answer.status or answer.error}")
        if _is_let_in(answer):
            yield _served(door, subject, f"{answer.status}")
        elif answer.status not in door.refused and not _is_sent_away(answer):
            yield Finding("odd refusal", subject, _words(door), f"{answer.status}", Severity.MEDIUM)


def _served(door: Door, subject: str, status: str) -> Finding:
    """Say how bad it is that a stranger was served, by what the target file says of logins there.

    Raises:
        Inconclusive: It does not say whether that may be.
    """
    stated, expected = door.stated, _words(door)
    if stated and not stated.required:
        return Finding("no authentication", subject, expected, status, stated.severity)
    step = "roll back, and read the logs for who used it"
    found = Finding("unauthorized access", subject, expected, status, Severity.CRITICAL, step)
    if stated is None:
        raise Inconclusive(f"{found}; AUTHENTICATION of the target file does not say whether that may be: {_HOW}")
    return found


def _is_let_in(answer: Exchange) -> bool:
    """Tell whether a call was served; a page for a person, such as a login page, is no service."""
    if "text/html" in answer.headers.get("content-type", ""):  # guard: login-page-lets-nobody-in
        return False
    return answer.status is not None and 200 <= answer.status < 300


def _is_sent_away(answer: Exchange) -> bool:
    """Tell whether a gateway sends a caller elsewhere, such as to a login: the owner's own call was served as it is."""
    return answer.status in {301, 302, 303, 307, 308} and "location" in answer.headers


def _words(door: Door) -> str:
    return " or ".join(map(str, door.refused))
