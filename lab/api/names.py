"""Which identifiers, file names and member names are safe (checklist 21_01c.security.2).

A name is judged in every form that a decoder on its way could make of it: percent signs (also `%u002f`), HTML
entities, overlong UTF-8 and Unicode compatibility forms, layer by layer (CWE-22, 23, 36, 73, 158, 180).
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from lab.api.refusal import Refusal, traversal
from lab.shape import current

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_PERCENT_U = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}")
_BACKSLASHES = "\\\u29f5\u2216\ufe68"
_SLASHES = "/\u2215\u2044\u29f8"
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LAYERS = 5
_LONGEST_COMPONENT = 255  # bytes, NAME_MAX of every file system that we know
_LONGEST_PATH = 4096


def check_identifier(field: str, value: str) -> None:
    """Accept 1 to 64 letters, digits, `_` and `-`, the first a letter or digit.

    Raises:
        Refusal: 422; a traversal when the value is hostile and not only wrong.
    """
    if reason := unsafe_component(value):
        raise traversal(field, reason)
    if field == "student_id" and not current().plain and not value.isdigit():
        raise Refusal(422, f"{field} must be a number")
    if not _IDENTIFIER.fullmatch(value):
        raise Refusal(422, f"{field} must be 1 to 64 letters, digits, _ or -")


def check_file_name(field: str, value: str) -> None:
    """Accept a bare name that ends in .zip.

    Raises:
        Refusal: 422; a traversal when the name is hostile and not only wrong.
    """
    if reason := unsafe_component(value):
        raise traversal(field, reason)
    if not value.lower().endswith(".zip"):
        raise Refusal(422, f"{field} must be a .zip file")


def unsafe_component(value: str) -> str | None:
    """Say why `value` must not become one component of a path, or None when it may."""
    if len(value.encode("utf-8", "surrogateescape")) > _LONGEST_COMPONENT:
        return "too long"
    for form in _forms(value):
        if reason := _hostile_character(form) or ("separator" if set(_SLASHES) & set(form) else None):
            return reason
        if ".." in form:
            return "parent folder"
        if form.startswith("~"):
            return "home folder"
        if form and form[-1] in ". ":
            return "trailing dot or space"
        if _DEVICE.fullmatch(form):
            return "device name"
    return None


def unsafe_member(name: str) -> str | None:
    """Say why an archive's member must not be unpacked under that name, or None when it may."""
    if len(name.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
        return "too long"
    for form in _forms(name):
        if reason := _hostile_character(form) or ("separator" if set(_SLASHES[1:]) & set(form) else None):
            return reason
        if form.startswith(("/", "~")):
            return "absolute path"
        for part in form.split("/"):
            if part not in ("", ".") and not part.strip(". "):
                return "parent folder"
            if len(part.encode("utf-8", "surrogateescape")) > _LONGEST_COMPONENT:
                return "too long"
    return None


def _hostile_character(form: str) -> str | None:
    if any(unicodedata.category(char) in ("Cc", "Cs") or char in _BIDI for char in form):
        return "control character"
    if set(_BACKSLASHES) & set(form):
        return "separator"
    return "drive or stream" if set(":\ua789\u2236") & set(form) else None


def _forms(text: str) -> Iterator[str]:
    """Give the text and what each further decoding makes of it; a text with no end of layers ends in a NUL."""
    for _ in range(_LAYERS):
        yield text
        decoded = _decode(text)
        if decoded == text:
            return
        text = decoded
    yield "\0"


def _decode(text: str) -> str:
    text = _PERCENT_U.sub(lambda match: chr(int(match[1], 16)), html.unescape(text))
    raw = unquote_to_bytes(text.encode("utf-8", "surrogatepass" if _lone(text) else "surrogateescape"))
    raw = _OVERLONG.sub(lambda match: _shortest(match[0]), raw)
    return unicodedata.normalize("NFKC", raw.decode("utf-8", "surrogateescape"))


def _lone(text: str) -> bool:
    """Tell whether `%ud800` and the like left surrogates that are no escaped bytes."""
    return any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in text)


def _shortest(overlong: bytes) -> bytes:
    """Turn an overlong UTF-8 sequence into what it stands for: C0 AF is a slash."""
    value = overlong[0] & (0x1F, 0x0F, 0x07)[len(overlong) - 2]
    for byte in overlong[1:]:
        value = value << 6 | byte & 0x3F
    return chr(value).encode()
