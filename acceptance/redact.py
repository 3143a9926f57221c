"""Hide secrets in everything that leaves the suite (contract: "may never reach a report").

Three nets, each enough where it applies: the values that are known to be secret, the shapes that carry
one (a URL's credentials, an Authorization header, `--password X`), and the names that announce one.
Hiding too much costs a reader a question to the target; hiding too little cannot be undone.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "[redacted]"
SHORT = 4
"""Below this length a value is found everywhere by chance: hiding each `on` or `1` would spoil the record."""

_ENDINGS = r"(?<=[^\W_])[_-](?:pass|pwd|key|auth|salt|webhook)s?(?![^\W_])(?!_)|webhook_url"
_NAMES = (
    r"passwords?|passwd|passphrase|tokens?|secrets?|api[_ -]?keys?|private[_-]?key|credentials?"
    rf"|account[_-]?key|access[_-]?key|shared[_-]?access|{_ENDINGS}"
)
_SECRET_NAME = re.compile(_NAMES, re.IGNORECASE)
_IS_SECRET = re.compile(rf"(?:{_NAMES})$", re.IGNORECASE)
_INNER = re.compile(r"(?:^|[;&?\s])([\w.-]{1,64})=([^;&\s\"']+)")
"""A pair within a value: `AccountKey=...;` of a connection string, `?token=...` of an address."""
_NOT_SECRET = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null"})

# Every repetition is possessive, or bounded: a text of 1 MB is read once, whatever it holds.
_QUOTED = r"""b?"(?:\\.|[^"\\\n])*+"?|b?'(?:\\.|[^'\\\n])*+'?|\\{1,4}"[^"\\\n]*+"""
_BARE = r"""[^\s"'<>]++"""
# A comma separates only after a quoted name, as in a list of pairs; in prose it is a comma.
_IS = r"""(?:\\{0,4}["'][ \t]{0,8}[:=,]|[ \t]{0,8}[:=])[ \t]{0,8}"""
_NAMED = re.compile(rf"((?:{_NAMES})[\w.-]{{0,64}}+{_IS})({_QUOTED}|{_BARE})", re.IGNORECASE)
_HEADER = re.compile(
    rf"(authorization{_IS})({_QUOTED}|(?:(?:basic|bearer|digest|token|negotiate|apikey)[ \t]++)?{_BARE})", re.IGNORECASE
)
_OPTION = re.compile(
    rf"((?<![\w-])--(?=\w)[\w-]{{0,64}}?(?:{_NAMES})[\w-]{{0,64}}[ \t]{{1,8}})({_QUOTED}|{_BARE})", re.IGNORECASE
)
_HOOK = re.compile(
    r"""(https?://(?:hooks\.[^\s"'<>/]{1,100}/|[^\s"'<>/]{1,100}/(?:[\w-]{1,40}/){0,4}?(?:webhooks?[\w-]{0,20}/|bot(?=\d+:))))"""
    r"""([^\s"'<>/]+(?:/[^\s"'<>/]+)*)""",
    re.IGNORECASE,
)
"""An address that is itself the secret: an incoming webhook, a Telegram bot's API."""
_BEARER = re.compile(r"(\bbearer[ \t]{1,8})([\w.~+/=-]{8,}+)", re.IGNORECASE)
_HALF_BEHIND = re.compile(r"""[^\s"'<>]{1,128}\Z""")
_HALF_BEFORE = re.compile(r"""\A[^\s"'<>]{1,128}""")
STRUCTURAL = frozenset({"stage", "service", "path", "flag", "file", "command", "by_hand"})
"""Facts of an event that name a part of the deployment, and no secret; a secret that equals one is weak."""
_WORD = re.compile(r"""[^\s"'<>]++""")


def looks_secret(name: str) -> bool:
    """Tell whether a key's name announces a secret: PASSWORD, TOKEN, SECRET, API_KEY and kin, anywhere in it."""
    return _SECRET_NAME.search(name) is not None


def named_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """Pick the values that must never be shown, each with the key that holds it.

    Those are the values under secret names, the passwords within URLs, and what secret names hold within a value.

    A value of fewer than four characters is left out unless its key *ends* in PASSWORD, TOKEN and so on
    (`MONGO_PASSWORD=abc`, not `TOKEN_TTL=60`): the key then says that it is one, and a spoilt record is
    better than a leaked password. A short password within a URL is hidden in place by `Redactor` anyway.
    Words such as `true` are switches, never secrets.

    Args:
        env: Keys and values of an env file, a target file or a process environment.
    """
    found: dict[str, str] = {}
    for key, value in env.items():
        if looks_secret(key) and (len(value) >= SHORT or _IS_SECRET.search(key)):
            found.setdefault(value, key)
        inner = [text for name, text in _INNER.findall(value) if looks_secret(name)]
        for _, credentials, _ in _url_credentials(value):
            password = credentials.partition(":")[2]
            inner += [password, unquote(password)]
        for text in inner:
            if len(text) >= SHORT:
                found.setdefault(text, key)
    return {value: key for value, key in found.items() if value.lower() not in _NOT_SECRET}


class Redactor:
    """Replaces secrets by `[redacted]`, which tells nothing of their length.

    Args:
        secrets: Known values; see `named_secrets`. Empty ones are ignored. One of fewer than four
            characters is replaced only where it stands alone as a word.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in spellings(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(_pattern, longest_first))) if forms else None

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """Return `text` without any secret; linear in its length."""
        if self._known:
            text = self._known.sub(HIDDEN, text)
        if "://" in text:
            text = _WORD.sub(lambda word: _without_credentials(word[0]), text)
            text = _HOOK.sub(_hide_value, text)
        for shape in (_HEADER, _BEARER, _OPTION, _NAMED):
            text = shape.sub(_hide_value, text)
        return text

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event's facts without any secret. Names stay names, and a command for a person stays one."""
        return {key: self._fact(key, fact) for key, fact in facts.items()}

    def _fact(self, key: str, fact: Any) -> Any:
        if key == "by_hand":
            return fact
        return SHAPES.data(fact) if key in STRUCTURAL else self.data({key: fact})[key]

    def data(self, obj: Any) -> Any:
        """Return a copy of a JSON-able value without any secret; all that a secret name holds is hidden."""
        if isinstance(obj, str):
            return self.text(obj)
        if isinstance(obj, dict):
            return {
                self.data(key): _veiled(value) if isinstance(key, str) and looks_secret(key) else self.data(value)
                for key, value in obj.items()
            }
        if isinstance(obj, (list, tuple)):
            return _sequence_like(obj, map(self.data, obj))
        return obj


SHAPES = Redactor([])
"""Knows no value that is secret, only the shapes of some."""


def cut(text: str, most: int) -> str:
    """Return the beginning of a text, cut between words: half a secret is one that no redactor knows."""
    return text if len(text) <= most else _HALF_BEHIND.sub("", text[:most]) + "..."


def cut_front(text: str, most: int) -> str:
    """Return the end of a text, cut between words, as `cut` does."""
    return text if len(text) <= most else "..." + _HALF_BEFORE.sub("", text[-most:])


def _veiled(value: Any) -> Any:
    """Hide all values of a structure but switches, None and empty ones."""
    if isinstance(value, dict):
        return {key: _veiled(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return _sequence_like(value, map(_veiled, value))
    return value if value is None or isinstance(value, bool) or value == "" else HIDDEN


def _sequence_like(original: list[Any] | tuple[Any, ...], members: Iterable[Any]) -> Any:
    return list(members) if isinstance(original, list) else tuple(members)


def _hide_value(match: re.Match[str]) -> str:
    """Keep the name, and the quotes so that JSON stays JSON."""
    value = match[2]
    opening = re.match(r"""b?\\{0,4}["']|""", value)
    quotes = opening[0] if opening else ""
    closing = quotes.removeprefix("b") if quotes and value.endswith(quotes.removeprefix("b")[-1]) else ""
    return f"{match[1]}{quotes}{HIDDEN}{closing}"


def _pattern(form: str) -> str:
    literal = re.escape(form)
    return literal if len(form) >= SHORT else rf"(?<![A-Za-z0-9]){literal}(?![A-Za-z0-9])"


def spellings(secret: str) -> Iterator[str]:
    """Yield the spellings in which a secret reaches a text: plain, quoted, escaped, encoded."""
    yield secret
    raw = secret.encode("utf-8", "surrogateescape")
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub("%..", lambda code: code[0].lower(), quoted)
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield Base64 of the secret alone and, from 6 bytes, inside longer data at each of the 3 alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        yield encode(raw).decode().rstrip("=")
        for offset in range(3 if len(raw) >= 6 else 0):
            start, end = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
            yield encode(bytes(offset) + raw).decode()[start:end]


def _url_credentials(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (before, credentials, after) for each `scheme://` part of a text; credentials may be empty.

    A password may hold `/` or `@` in spite of the standard, so the last `@` before the query ends it,
    unless it is HTTP and what stands before the first `/` is plainly a host and a port.
    """
    first, *parts = text.split("://")
    yield first, "", ""
    before = first
    for part in parts:
        region = part.partition("?")[0]
        authority = region.partition("/")[0]
        host = authority.rpartition("]")[2] if authority.startswith("[") else authority
        port = host.partition(":")[2]
        is_http = before.lower().endswith(("http", "https"))
        plain_host = is_http and "@" not in authority and (not port or port.isdigit())
        end = max(-1 if plain_host else region.rfind("@"), 0)
        yield "://", part[:end], part[end:]
        before = part


def _without_credentials(word: str) -> str:
    return "".join(
        before + (HIDDEN if credentials else "") + after for before, credentials, after in _url_credentials(word)
    )
