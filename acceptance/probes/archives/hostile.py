"""Make the hostile archive of a corpus case, by its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from acceptance.probes.archives import hostile_tars as tars
from acceptance.probes.archives import hostile_zips as zips
from acceptance.probes.archives import two_readings
from acceptance.probes.archives.archives import Archive
from acceptance.probes.archives.members import ARROW

Build = Callable[[bytes, bytes, str], bytes]


@dataclass(frozen=True)
class _Kind:
    """How an archive is built, whether its payload has two parts, and what is uploaded before it."""

    build: Build
    has_arrow: bool = False
    before: Build | None = None


_KINDS: Mapping[str, _Kind] = {
    "zip.file": _Kind(zips.zip_file),
    "zip.hidden": _Kind(zips.zip_hidden),
    "zip.symlink": _Kind(zips.zip_symlink, True),
    "zip.overwrite": _Kind(zips.zip_overwrite, True),
    "zip.nested": _Kind(zips.zip_nested),
    "zip.two-steps": _Kind(zips.zip_below_link, True, zips.zip_link_alone),
    "zip.case": _Kind(zips.zip_case, True),
    "zip.chain": _Kind(zips.zip_chain, True),
    "zip.special": _Kind(zips.zip_special, True),
    "zip.method": _Kind(zips.zip_method, True),
    "zip.encrypted": _Kind(zips.zip_encrypted),
    "zip.local": _Kind(two_readings.zip_local),
    "zip.first-end": _Kind(two_readings.zip_first_end),
    "zip.last-end": _Kind(two_readings.zip_last_end),
    "zip.zip64": _Kind(two_readings.zip_zip64),
    "zip.without-zip64": _Kind(two_readings.zip_without_zip64),
    "tar.file": _Kind(tars.tar_file),
    "tgz.file": _Kind(tars.tgz_file),
    "tar.symlink": _Kind(tars.tar_symlink, True),
    "tar.hardlink": _Kind(tars.tar_hardlink, True),
    "tar.hardlink-to-symlink": _Kind(tars.tar_hardlink_to_symlink, True),
    "tar.two-steps": _Kind(tars.tar_below_link, True, tars.tar_link_alone),
    "tar.chain": _Kind(tars.tar_chain, True),
    "tar.special": _Kind(tars.tar_special, True),
    "tar.pax": _Kind(tars.tar_pax),
    "tar.pax-link": _Kind(tars.tar_pax_link, True),
    "tar.pax-global": _Kind(tars.tar_pax_global),
    "tar.pax-size": _Kind(tars.tar_pax_size),
    "tar.sparse": _Kind(tars.tar_sparse),
}
FIELDS = tuple(_KINDS)


def is_link(field: str) -> bool:
    """Tell whether the field's payload has the form `name -> target`."""
    return _KINDS[field].has_arrow


def ends_of(field: str, payload: bytes) -> list[bytes]:
    """Give the parts of the payload that are paths: a link's name and its target, else the whole."""
    return payload.split(ARROW) if is_link(field) else [payload]


def archives(field: str, payload: bytes, nonce: bytes, tag: str) -> list[Archive]:
    """Build the archives of a corpus case, in the order in which they are to be uploaded.

    Args:
        field: One of `FIELDS`.
        payload: The hostile name, or `name -> target`.
        nonce: Content of the hostile member.
        tag: Name of the file that is to be written below a link.
    """
    kind = _KINDS[field]
    builds = [kind.before, kind.build] if kind.before else [kind.build]
    return [Archive.of(field, build(payload, nonce, tag), f"hostile member, {field}", nonce) for build in builds]
