"""What hostile members of zips and tars have in common."""

from __future__ import annotations

ARROW = b" -> "
"""Parts a link's name from its target in the payload of a link member."""
_STEPS = b"abcdefghijklmnop"
_LONG = b"d" * 240


def linked(payload: bytes) -> tuple[bytes, bytes]:
    """Take a payload `name -> target` apart."""
    name, arrow, target = payload.partition(ARROW)
    if not arrow:
        raise ValueError(f"expected `name -> target`, found {payload!r}")
    return name, target


def below(tag: str) -> bytes:
    """Name the file that is to be written below a link."""
    return tag.encode() + b".txt"


def beyond_path_max(name: bytes, target: bytes) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """Give folders, and links with their targets, by which `name` leads to `target` over more than 4,096 bytes.

    What resolves a path only as far as the system can name it takes the last link for one that is not there, and
    believes what stands behind it (CVE-2025-4517).
    """
    folders, links, path = [], [], b""
    for step in _STEPS:
        folders.append(path + _LONG)
        links.append((path + bytes([step]), _LONG))
        path += _LONG + b"/"
    short = b"/".join(bytes([step]) for step in _STEPS)
    last = short + b"/" + b"l" * 254
    links.append((last, b"/".join([b".."] * len(_STEPS))))
    return folders, [*links, (name, last + b"/" + target)]
