"""Make zips with hostile members: names and links that point outside, and files written through them.

The hostile member's content is the nonce, so that it can be recognised wherever it was extracted.
"""

from __future__ import annotations

from acceptance.probes.archives import rawzip
from acceptance.probes.archives.members import below, beyond_path_max, linked
from acceptance.probes.archives.rawzip import FILE_MODE, FOLDER_MODE, LINK_MODE, Entry


def zip_file(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with one member of the hostile name; a folder when the name ends with a slash."""
    mode, data = (FOLDER_MODE, b"") if payload.endswith(b"/") else (FILE_MODE, nonce)
    return rawzip.stored_zip(nonce, (payload, data, mode))


def zip_hidden(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a harmless member first and last, the hostile one hidden between two hundred."""
    filler = [(b"src/module_%03d.py" % n, b"pass\n", FILE_MODE) for n in range(200)]
    return rawzip.stored_zip(nonce, *filler[:150], (payload, nonce, FILE_MODE), *filler[150:])


def zip_symlink(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a symbolic link and a file to be written below it."""
    name, target = linked(payload)
    return rawzip.stored_zip(nonce, (name, target, LINK_MODE), (name + b"/" + below(tag), nonce, FILE_MODE))


def zip_overwrite(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a symbolic link and then a file of the same name, to be written where the link points."""
    name, target = linked(payload)
    return rawzip.stored_zip(nonce, (name, target, LINK_MODE), (name, nonce, FILE_MODE))


def zip_nested(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip in a zip; the inner one has the hostile member."""
    return rawzip.stored_zip(nonce, (b"submission.zip", zip_file(payload, nonce, tag), FILE_MODE))


def zip_link_alone(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a symbolic link, through which a later upload is to be written."""
    name, target = linked(payload)
    return rawzip.stored_zip(nonce, (name, target, LINK_MODE))


def zip_below_link(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip that is harmless by itself: a file in the folder that an earlier upload's link stands for."""
    name, _ = linked(payload)
    return rawzip.stored_zip(nonce, (name + b"/" + below(tag), nonce, FILE_MODE))


def zip_case(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a link in capitals and a file below the same name in small letters."""
    name, target = linked(payload)
    link, file = (name.upper(), target, LINK_MODE), (name.lower() + b"/" + below(tag), nonce, FILE_MODE)
    return rawzip.stored_zip(nonce, link, file)


def zip_chain(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip whose chain of links is longer than a path may be, and a file to be written below its end."""
    name, target = linked(payload)
    folders, links = beyond_path_max(name, target)
    members = [(each + b"/", b"", FOLDER_MODE) for each in folders] + [(*link, LINK_MODE) for link in links]
    return rawzip.stored_zip(nonce, *members, (name + b"/" + below(tag), nonce, FILE_MODE))


def zip_special(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a member of another kind or with further rights: the target is its mode, octal."""
    name, mode = linked(payload)
    return rawzip.stored_zip(nonce, (name, nonce, int(mode, 8)))


def zip_method(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a member that is compressed by the method of that number, and is nothing of the kind."""
    name, method = linked(payload)
    entry = Entry(name, len(nonce), len(nonce), 0, int(method))
    return rawzip.assemble(rawzip.marked(nonce, (entry, nonce)))


def zip_encrypted(payload: bytes, nonce: bytes, tag: str) -> bytes:
    """Make a zip with a member that is marked as encrypted."""
    entry = Entry(payload, 12 + len(nonce), len(nonce), 0, flags=1)
    return rawzip.assemble(rawzip.marked(nonce, (entry, bytes(12) + nonce)))
