"""Make tars with hostile members; see `hostile_zips` for what they have in common."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Sequence

from acceptance.probes.archives.members import below, beyond_path_max, linked

Info = tarfile.TarInfo
_KINDS = {b"char": tarfile.CHRTYPE, b"block": tarfile.BLKTYPE, b"fifo": tarfile.FIFOTYPE}


def tar_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with one member of the hostile name."""
    return _tar(_info(payload), nonce=nonce)


def tgz_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make the same, gzipped; the nonce stands in gzip's header, where it is not compressed."""
    out = io.BytesIO()
    with gzip.GzipFile(nonce.decode(), "wb", fileobj=out, mtime=0) as packed:
        packed.write(tar_file(payload, nonce, tag))
    return out.getvalue()


def tar_symlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a symbolic link and a file to be written below it."""
    name, target = linked(payload)
    return _tar(_link(name, target), _info(name + b"/" + below(tag)), nonce=nonce)


def tar_hardlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a hard link and then a file of the same name, to be written into the linked file."""
    name, target = linked(payload)
    return _tar(_info(name, tarfile.LNKTYPE, target), _info(name), nonce=nonce)


def tar_hardlink_to_symlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a symbolic link, a hard link to it that names nothing hostile, and a file of that name."""
    name, target = linked(payload)
    first = b"first-" + name
    return _tar(_link(first, target), _info(name, tarfile.LNKTYPE, first), _info(name), nonce=nonce)


def tar_link_alone(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a symbolic link, through which a later upload is to be written."""
    return _tar(_link(*linked(payload)), nonce=nonce)


def tar_below_link(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar that is harmless by itself: a file in the folder that an earlier upload's link stands for."""
    return _tar(_info(linked(payload)[0] + b"/" + below(tag)), nonce=nonce)


def tar_chain(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar whose chain of links is longer than a path may be, and a file to be written below its end."""
    name, target = linked(payload)
    folders, links = beyond_path_max(name, target)
    infos = [*(_info(each, tarfile.DIRTYPE) for each in folders), *(_link(*each) for each in links)]
    return _tar(*infos, _info(name + b"/" + below(tag)), nonce=nonce)


def tar_special(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a device or a pipe, or with a file of that mode (octal)."""
    name, kind = linked(payload)
    info = _info(name, _KINDS.get(kind, tarfile.REGTYPE))
    info.mode = info.mode if kind in _KINDS else int(kind, 8)
    info.devmajor, info.devminor = 1, 3  # /dev/null
    return _tar(info, nonce=nonce)


def tar_pax(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar whose member is harmless by its own header, and hostile by the pax header before it."""
    return _tar(_with_pax(_info(b"main.py"), path=payload), nonce=nonce)


def tar_pax_link(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar whose link leads to a member by its own header, and outside by the pax header before it."""
    name, target = linked(payload)
    link = _with_pax(_link(name, b"nonce.txt"), linkpath=target)
    return _tar(link, _info(name + b"/" + below(tag)), nonce=nonce)


def tar_pax_global(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar whose first header gives all members behind it the hostile name."""
    header = Info.create_pax_global_header({"path": _text(payload)})
    return _joined([(_info(b"nonce.txt"), nonce)]) + header + _joined([(_info(b"main.py"), nonce)], ends=True)


def tar_pax_size(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a tar in it, which who leaves out the pax header's size takes for further members."""
    inner = _joined([(_info(payload), nonce)])
    outer = _with_pax(_info(b"inner.tar"), size=str(len(inner)).encode())
    return _joined([(_info(b"nonce.txt"), nonce), (outer, inner)], ends=True)


def tar_sparse(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a tar with a sparse file of GNU's form 1.0, which has its real name in a pax header."""
    info = _info(b"main.py")
    sparse = {"major": "1", "minor": "0", "name": _text(payload), "realsize": str(len(nonce))}
    info.pax_headers = {f"GNU.sparse.{key}": value for key, value in sparse.items()}
    data = f"1\n0\n{len(nonce)}\n".encode().ljust(tarfile.BLOCKSIZE, b"\0") + nonce
    info.size = len(data)
    return _joined([(_info(b"nonce.txt"), nonce), (info, data)], ends=True)


def _info(name: bytes, kind: bytes = tarfile.REGTYPE, target: bytes = b"") -> Info:
    info = Info(_text(name))
    info.type, info.linkname = kind, _text(target)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else info.mode
    return info


def _link(name: bytes, target: bytes) -> Info:
    return _info(name, tarfile.SYMTYPE, target)


def _with_pax(info: Info, **headers: bytes) -> Info:
    info.pax_headers = {key: _text(value) for key, value in headers.items()}
    return info


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _tar(*infos: Info, nonce: bytes) -> bytes:
    members = [(info, nonce if info.isreg() else b"") for info in (_info(b"nonce.txt"), *infos)]
    return _joined(members, ends=True)


def _joined(members: Sequence[tuple[Info, bytes]], *, ends: bool = False) -> bytes:
    out = bytearray()
    for info, data in members:
        info.size = 0 if "size" in info.pax_headers else len(data)
        header = info.tobuf(tarfile.PAX_FORMAT) if info.pax_headers else info.tobuf(tarfile.GNU_FORMAT)
        out += header + data + bytes(-len(data) % tarfile.BLOCKSIZE)
    return bytes(out) + bytes(2 * tarfile.BLOCKSIZE if ends else 0)
