"""Make the uploads of a case: everything about them is good but what the case attacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from acceptance.probes.archives import hostile, zip_bombs
from acceptance.probes.archives.archives import good
from acceptance.probes.attacks.corpus import FORM_FIELDS, IDS, TWICE_FIELDS, Case
from acceptance.probes.http.multipart import Content, Framing, Part
from acceptance.probes.storage.uploads import Upload, file_part

BOUNDARY = b"acceptance-boundary"


def uploads(case: Case, payload: bytes, benign: Mapping[str, str], nonce: bytes) -> list[Upload]:
    """Make the uploads, in the order in which they are to be sent: one, but where a case takes two steps.

    Args:
        case: The case.
        payload: Its payload, expanded.
        benign: Good values: `student`, `assignment`, and `tag` for the file names.
        nonce: Carried by each file of the uploads.
    """
    plain = Upload(benign["student"], benign["assignment"], good(nonce), filename=f"{benign['tag']}.zip")
    if case.field in hostile.FIELDS:
        made = hostile.archives(case.field, payload, nonce, benign["tag"])
        return [replace(plain, archive=archive) for archive in made]
    if case.field == "bomb":
        return [replace(plain, archive=zip_bombs.bomb(case.payload, nonce))]
    return [_in_the_form(case.field, payload, plain)]


def _in_the_form(field: str, payload: bytes, plain: Upload) -> Upload:
    name, _, kind = field.partition(".")
    if field in IDS:
        return _with_id(plain, field, payload)
    if field in TWICE_FIELDS:
        return _twice(plain, name, payload, first=kind == "first")
    if field in FORM_FIELDS:
        return replace(plain, framing=_framing(kind, payload))
    # With `filename*` alone the part is either refused for its path, or is no file and so refused as missing.
    filename, star, raw = (payload if kind == each else None for each in ("filename", "filename*", "head"))
    if name == "new_zip":
        return replace(plain, filename=filename, filename_star=star, raw_head=raw or b"")
    part = file_part(name.encode(), plain.archive, filename, star)
    return replace(plain, extra=(replace(part, raw_head=raw or b""),))


def _with_id(plain: Upload, field: str, value: str | bytes) -> Upload:
    return replace(plain, student_id=value) if field == "student_id" else replace(plain, assignment_id=value)


def _twice(plain: Upload, name: str, payload: bytes, *, first: bool) -> Upload:
    """Send a field twice, with the payload first or last; the second stands behind all else."""
    if name == "new_zip":
        names = (payload, plain.filename) if first else (plain.filename, payload)
        return replace(plain, filename=names[0], extra=(file_part(b"new_zip", plain.archive, names[1]),))
    kept = plain.student_id if name == "student_id" else plain.assignment_id
    values = (payload, kept) if first else (kept, payload)
    return replace(_with_id(plain, name, values[0]), extra=(Part(name.encode(), Content.of(values[1])),))


def _framing(kind: str, payload: bytes) -> Framing:
    if kind == "content-type":
        return Framing(BOUNDARY, declared=payload.decode("latin-1"))
    return Framing(BOUNDARY, before=payload) if kind == "before" else Framing(BOUNDARY, after=payload)
