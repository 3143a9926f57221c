"""Make archives with hostile members: names and links that point outside, and files written through them.

The hostile member's content is the nonce, so that it can be recognised wherever it was extracted.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping

from acceptance.probes.archives import rawzip
from acceptance.probes.archives.archives import Archive
from acceptance.probes.archives.rawzip import FILE_MODE, FOLDER_MODE, LINK_MODE

ARROW = b" -> "
"""Parts a link's name from its target in the payload of a link member."""


def zip_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with one member of the hostile name; a folder when the name ends with a slash."""
    mode, data = (FOLDER_MODE, b"") if payload.endswith(b"/") else (FILE_MODE, nonce)
    return rawzip.stored_zip((b"nonce.txt", nonce, FILE_MODE), (payload, data, mode))


def zip_hidden(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a harmless member first and last, the hostile one hidden between two hundred."""
    filler = [(b"src/module_%03d.py" % n, b"pass\n", FILE_MODE) for n in range(200)]
    hostile = (payload, nonce, FILE_MODE)
    return rawzip.stored_zip((b"nonce.txt", nonce, FILE_MODE), *filler[:150], hostile, *filler[150:])


def zip_symlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a symbolic link and a file to be written below it."""
    name, target = _link(payload)
    below = (name + b"/" + _below(tag), nonce, FILE_MODE)
    return rawzip.stored_zip((b"nonce.txt", nonce, FILE_MODE), (name, target, LINK_MODE), below)


def zip_overwrite(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a symbolic link and then a file of the same name, to be written where the link points."""
    name, target = _link(payload)
    link, file = (name, target, LINK_MODE), (name, nonce, FILE_MODE)
    return rawzip.stored_zip((b"nonce.txt", nonce, FILE_MODE), link, file)


def zip_nested(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip in a zip; the inner one has the hostile member."""
    inner = zip_file(payload, nonce, tag)
    return rawzip.stored_zip((b"nonce.txt", nonce, FILE_MODE), (b"submission.zip", inner, FILE_MODE))


def tar_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with one member of the hostile name."""
    return _tar(_info(payload, tarfile.REGTYPE), nonce=nonce)


def tgz_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make the same, gzipped; the nonce stands in gzip's header, where it is not compressed."""
    out = io.BytesIO()
    with gzip.GzipFile(nonce.decode(), "wb", fileobj=out, mtime=0) as packed:
        packed.write(tar_file(payload, nonce, tag))
    return out.getvalue()


def tar_symlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a symbolic link and a file to be written below it."""
    name, target = _link(payload)
    below = _info(name + b"/" + _below(tag), tarfile.REGTYPE)
    return _tar(_info(name, tarfile.SYMTYPE, target), below, nonce=nonce)


def tar_hardlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a hard link and then a file of the same name, to be written into the linked file."""
    name, target = _link(payload)
    return _tar(_info(name, tarfile.LNKTYPE, target), _info(name, tarfile.REGTYPE), nonce=nonce)


_BUILDERS: Mapping[str, tuple[Callable[[bytes, bytes, str], bytes], bool]] = {
    "zip.file": (zip_file, False),
    "zip.hidden": (zip_hidden, False),
    "zip.symlink": (zip_symlink, True),
    "zip.overwrite": (zip_overwrite, True),
    "zip.nested": (zip_nested, False),
    "tar.file": (tar_file, False),
    "tgz.file": (tgz_file, False),
    "tar.symlink": (tar_symlink, True),
    "tar.hardlink": (tar_hardlink, True),
}
FIELDS = tuple(_BUILDERS)


def is_link(field: str) -> bool:
    """Tell whether the field's payload has the form `name -> target`."""
    return _BUILDERS[field][1]


def archive(field: str, payload: bytes, nonce: bytes, tag: str) -> Archive:
    """Build the archive of a corpus case.

    Args:
        field: One of `FIELDS`.
        payload: The hostile name, or `name -> target`.
        nonce: Content of the hostile member.
        tag: Name of the file that is to be written below a link.
    """
    return Archive.of(field, _BUILDERS[field][0](payload, nonce, tag), f"hostile member, {field}", nonce)


def _link(payload: bytes) -> tuple[bytes, bytes]:
    name, arrow, target = payload.partition(ARROW)
    if not arrow:
        raise ValueError(f"expected `name -> target`, found {payload!r}")
    return name, target


def _below(tag: str) -> bytes:
    return tag.encode() + b".txt"


def _info(name: bytes, kind: bytes, target: bytes = b"") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
    info.type, info.linkname = kind, target.decode("utf-8", "surrogateescape")
    return info


def _tar(*infos: tarfile.TarInfo, nonce: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for info in (_info(b"nonce.txt", tarfile.REGTYPE), *infos):
            info.size = len(nonce) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(nonce))
    return out.getvalue()
