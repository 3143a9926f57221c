"""Send a run's texts: the post for `#ops-shared` by webhook, the summary by SMTP; only where configured.

Configured by the environment, for the addresses hold secrets and belong to the operator, not to the target:

- `OPS_WEBHOOK_URL`: incoming webhook of Slack, or of anything that takes its JSON.
- `SMTP_URL`: `smtp://HOST[:587]`, `smtps://HOST[:465]`, with `USER:PASSWORD@` where the server asks for it.
- `MAIL_TO`: recipients, with commas. `MAIL_FROM`: the sender.

What was already delivered is not sent again: only what surely did not arrive is tried once more.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from urllib.parse import SplitResult, unquote, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from acceptance.verdict import Inconclusive

ATTEMPTS = 3
_PORTS = {"smtp": 587, "smtps": 465}
_LATER = (429, 502, 503, 504)
"""Answers by which a server says that it did not take the message and may do so later."""


class _TryAgain(Exception):
    """The message was surely not delivered; the next attempt may succeed."""


@dataclass(frozen=True)
class Channels:
    """Where the texts go; an empty address is none. Addresses hold secrets and are never shown."""

    webhook: str = field(default="", repr=False)
    smtp: str = field(default="", repr=False)
    sender: str = ""
    recipients: tuple[str, ...] = ()


def channels(environment: Mapping[str, str]) -> Channels:
    """Read the channels from the environment.

    Raises:
        Inconclusive: A value cannot be used; the message names the variable and never its value.
    """
    webhook, smtp = (environment.get(name, "").strip() for name in ("OPS_WEBHOOK_URL", "SMTP_URL"))
    recipients = tuple(each.strip() for each in environment.get("MAIL_TO", "").split(",") if each.strip())
    sender = environment.get("MAIL_FROM", "").strip()
    if webhook and not _fits(webhook, ("https", "http")):
        raise Inconclusive("OPS_WEBHOOK_URL: expected https://HOST/PATH, found something else; correct it")
    if smtp and not _fits(smtp, tuple(_PORTS)):
        raise Inconclusive("SMTP_URL: expected smtp://HOST:PORT or smtps://HOST:PORT, found something else; correct it")
    if smtp and not (recipients and sender):
        raise Inconclusive("SMTP_URL is set: expected MAIL_TO and MAIL_FROM too, found one of them empty")
    if not all(map(_is_address, (*recipients, sender) if smtp else ())):
        raise Inconclusive("MAIL_TO, MAIL_FROM: expected NAME@HOST or WORDS <NAME@HOST>, found another; correct it")
    return Channels(webhook, smtp, sender, recipients)


def send_post(url: str, text: str, timeout_s: float = 10.0, pause_s: float = 1.0) -> str:
    """Post a text to a webhook.

    Args:
        url: The webhook.
        text: What to say; Slack's three control characters are escaped.
        timeout_s: Longest wait for each of connecting, sending and the answer.
        pause_s: Wait before the second attempt; doubled before the third.

    Returns:
        What was done, in words.

    Raises:
        Inconclusive: Not delivered, or nobody knows; the message says which and holds no secret.
    """
    host = urlsplit(url).hostname
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def post() -> str:
        try:
            # A webhook that redirects is not the one that was configured; what its answer says beside is not read.
            with httpx.stream("POST", url, json={"text": escaped}, timeout=timeout_s, follow_redirects=False) as answer:
                status, taken = answer.status_code, answer.is_success
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _TryAgain(f"no connection ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            words = f"the connection broke ({type(error).__name__}): the post may have arrived, look before you repeat"
            raise Inconclusive(f"webhook at {host}: {words}") from None
        if status in _LATER:
            raise _TryAgain(f"HTTP {status}")
        if not taken:
            raise Inconclusive(f"webhook at {host}: expected HTTP 200, found {status}; not delivered")
        return f"posted to the webhook at {host}"

    return _persistent(post, f"webhook at {host}", pause_s)


def send_mail(url: str, message: EmailMessage, timeout_s: float = 10.0, pause_s: float = 1.0) -> str:
    """Hand an e-mail to an SMTP server, with TLS where the server offers it; a password is sent only with TLS.

    Args:
        url: `smtp://` or `smtps://`, as in `SMTP_URL`.
        message: With `From` and `To`.
        timeout_s: Longest wait for each answer of the server.
        pause_s: Wait before the second attempt; doubled before the third.

    Returns:
        What was done, in words.

    Raises:
        Inconclusive: Not delivered, or not to everybody; the message says to whom and holds no secret.
    """
    where = urlsplit(url)
    host = f"{where.hostname}:{where.port or _PORTS[where.scheme]}"
    if not message["Date"]:
        message["Date"] = formatdate(usegmt=True)
    if not message["Message-ID"]:
        message["Message-ID"] = make_msgid(domain="butler-acceptance")  # by which a reader drops a second copy

    def hand_over() -> str:
        try:
            with _server(where, timeout_s) as server:
                refused = _given(server, message, host)
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {_text(error.smtp_error)}"
            if 400 <= error.smtp_code < 500:
                raise _TryAgain(said) from None
            raise Inconclusive(f"SMTP at {host}: refused for good: {said}; not delivered") from None
        except (smtplib.SMTPException, OSError) as error:
            raise _TryAgain(f"{type(error).__name__}: {error}") from None
        if refused:
            raise Inconclusive(f"SMTP at {host}: delivered, but not to {_refusals(refused)}")
        return f"mailed to {message['To']} through {host}"

    return _persistent(hand_over, f"SMTP at {host}", pause_s)


def _given(server: smtplib.SMTP, message: EmailMessage, host: str) -> dict[str, tuple[int, bytes]]:
    """Hand a message over; returns the refused recipients. If the connection breaks, it may have arrived."""
    try:
        return server.send_message(message)
    except smtplib.SMTPNotSupportedError:
        words = (
            "an address has letters that this server does not take (no SMTPUTF8); not delivered; use another address"
        )
        raise Inconclusive(f"SMTP at {host}: {words}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise Inconclusive(f"SMTP at {host}: every recipient was refused: {_refusals(error.recipients)}") from None
    except smtplib.SMTPResponseException:
        raise
    except (smtplib.SMTPException, OSError) as error:
        words = f"the connection broke ({type(error).__name__}): the mail may have arrived, look before you repeat"
        raise Inconclusive(f"SMTP at {host}: {words}") from None


@contextmanager
def _server(where: SplitResult, timeout_s: float) -> Iterator[smtplib.SMTP]:
    """Connect, secure and log in; a server without TLS is used only when there is nothing to log in with."""
    host, port = str(where.hostname), where.port or _PORTS[where.scheme]
    context = ssl.create_default_context()
    if where.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout_s, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=timeout_s)
    try:
        server.ehlo()
        secure = where.scheme == "smtps"
        if not secure and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
            secure = True
        if where.username and not secure:
            raise Inconclusive(f"SMTP at {host}:{port}: offers no TLS, so the password was not sent; use smtps://")
        if where.username:
            server.login(unquote(where.username), unquote(where.password or ""))
        yield server
        with suppress(smtplib.SMTPException, OSError):
            server.quit()  # what it says to the goodbye changes nothing
    finally:
        server.close()


def _persistent(act: Callable[[], str], where: str, pause_s: float) -> str:
    """Repeat an attempt that surely did not arrive, a few times."""
    tries = Retrying(
        retry=retry_if_exception_type(_TryAgain),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=pause_s, max=10),
        reraise=True,
    )
    try:
        return tries(act)
    except (httpx.InvalidURL, UnicodeError) as error:
        told = f"expected an address, found one that cannot be called ({type(error).__name__})"
        raise Inconclusive(f"{where}: {told}; not delivered; correct its variable") from None
    except _TryAgain as error:
        raise Inconclusive(f"{where}: not delivered in {ATTEMPTS} attempts, last: {error}") from None


def _fits(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        found = urlsplit(url)
        return found.scheme in schemes and bool(found.hostname) and found.port != 0
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    """Tell whether somebody is named: smtplib makes `<>` of what it cannot read, and mails that to nobody."""
    return text.isprintable() and bool(re.fullmatch(r"[^\s@<>]+(@[^\s@<>]+)?", parseaddr(text)[1]))


def _refusals(recipients: Mapping[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{who} ({code} {_text(words)})" for who, (code, words) in recipients.items())


def _text(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words
