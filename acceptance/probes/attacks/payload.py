r"""Turn the payloads of the corpus from their notation into bytes.

- `\xHH` one byte, `\uHHHH` a character as UTF-8, `\0 \t \n \r`, and `\\` a backslash.
- `{name}` one of the run's values, `{name|X}` the same with every `/` written as `X`.
- `{16*../}` the text sixteen times. `{{` and `}}` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"(?P<escape>\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0tnr\\]))"
    r"|(?P<brace>\{\{|\}\})"
    r"|\{(?P<count>\d+)\*(?P<repeated>[^{}]+)\}"
    r"|\{(?P<name>[a-z_]+)(?:\|(?P<separator>[^{}]+))?\}"
    r"|(?P<plain>[^\\{}]+)"
)
_SIMPLE = {"\\0": b"\0", "\\t": b"\t", "\\n": b"\n", "\\r": b"\r", "\\\\": b"\\"}


class PayloadError(ValueError):
    """The payload does not follow the notation; the message says where."""


def expand(payload: str, values: Mapping[str, str]) -> bytes:
    """Turn a payload into the bytes to send.

    Args:
        payload: Text in the corpus' notation.
        values: What each `{name}` stands for.

    Raises:
        PayloadError: On a stray backslash or brace, or a name that is not among the values.
    """
    out, position = bytearray(), 0
    while position < len(payload):
        token = _TOKEN.match(payload, position)
        if token is None:
            rest = payload[position : position + 12]
            raise PayloadError(f"column {position + 1}: {rest!r} is neither an escape nor a placeholder")
        out += _bytes(token, values)
        position = token.end()
    return bytes(out)


def _bytes(token: re.Match[str], values: Mapping[str, str]) -> bytes:
    part = token.groupdict()
    if part["escape"]:
        return _unescape(part["escape"])
    if part["brace"]:
        return part["brace"][:1].encode()
    if part["count"]:
        return int(part["count"]) * expand(part["repeated"], {})
    if part["name"]:
        if part["name"] not in values:
            raise PayloadError(f"{{{part['name']}}} is unknown; known are {', '.join(sorted(values))}")
        value = values[part["name"]].encode()
        return value.replace(b"/", expand(part["separator"], {})) if part["separator"] else value
    return str(part["plain"]).encode()


def _unescape(escape: str) -> bytes:
    if escape[1] == "x":
        return bytes([int(escape[2:], 16)])
    if escape[1] == "u":
        return chr(int(escape[2:], 16)).encode()
    return _SIMPLE[escape]
