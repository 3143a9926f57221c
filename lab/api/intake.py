"""Judge an upload: each part as it arrives, then the whole (checklist 21_01c.security.1 to .3)."""

import asyncio
import itertools
import re
import zipfile
from collections.abc import Awaitable

from lab.api import archives, clamav, names
from lab.api.context import Context
from lab.api.incoming import KINDS, IncomingFile
from lab.api.refusal import Refusal, damaged, too_big
from lab.api.upload import Guards, Upload

_IDENTIFIERS = ("student_id", "assignment_id")
MANY = 100  # members, of the fault that refuses more
LARGE = 1 << 20  # bytes, of the fault that does not look into large files
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_COMMIT = re.compile(r"[!-~]{1,128}")


class Intake:
    """The judgement of one upload.

    Attributes:
        late: a refusal that a seeded fault holds back until after the write.
    """

    _scanning = 0  # of all uploads
    _good_digests = itertools.count(1)  # of all uploads

    def __init__(self, context: Context) -> None:
        self._context, self._broken = context, context.broken
        self.late: Refusal | None = None

    @property
    def guards(self) -> Guards:
        """What is asked while the upload arrives."""
        return Guards(self._name, self._value, self._size, self._end)

    async def judge(self, upload: Upload) -> None:
        """Judge a received upload: fields, digests, archives, viruses.

        Raises:
            Refusal: the first thing that is wrong.
        """
        missing = [name for name in (*_IDENTIFIERS, "new_commit") if not upload.fields.get(name)]
        missing += [] if "new" in upload.files else ["new_zip"]
        if missing and not self._broken("fields-not-required"):
            raise Refusal(422, f"missing: {', '.join(missing)}")
        for name in ("new_commit", "old_commit"):
            if upload.fields.get(name) and not _COMMIT.fullmatch(upload.fields[name]):
                raise Refusal(422, f"{name} must be 1 to 128 printable ASCII characters")
        for file in upload.files.values():
            if self._broken("large-files-not-checked") and file.size > LARGE:
                continue
            await self._checked(self._digest(file, upload.fields.get(f"{file.field}_sha256")), file)
            await self._checked(asyncio.to_thread(archives.check_directory, file.path), file)
            if self._context.clamd and not self._broken("av-not-scanned"):
                await self._scanned(file, self._context.clamd)
            await self._checked(asyncio.to_thread(archives.check_contents, file.path), file)
            if self._broken("many-members-refused") and len(zipfile.ZipFile(file.path).infolist()) > MANY:
                raise too_big("archive holds too many members")

    async def _scanned(self, file: IncomingFile, clamd: str) -> None:
        if self._broken("av-one-at-a-time") and Intake._scanning:
            return
        Intake._scanning += 1
        try:
            await clamav.scan(file.path, clamd, file.kind)
        finally:
            Intake._scanning -= 1

    def _name(self, field: str, value: str, plain: bool) -> None:
        if self._broken("traversal-file-name") or (self._broken("form-read-twice") and not plain):
            return
        try:
            names.check_file_name(field if field in KINDS else "file name", value)
        except Refusal as refusal:
            refusal.kind = KINDS.get(field, "new")
            raise

    def _value(self, field: str, value: str, again: bool) -> None:
        if again and self._broken("form-read-twice"):
            return
        self._identifier(field, value)
        if again:
            raise Refusal(422, "a form field is given twice")

    def _identifier(self, field: str, value: str) -> None:
        if field not in _IDENTIFIERS or self._broken(f"traversal-{field.replace('_', '-')}"):
            return
        try:
            names.check_identifier(field, value)
        except Refusal as refusal:
            if field == "student_id" and self._broken("answer-400-after-write"):
                self.late = refusal
                return
            raise

    def _size(self, field: str, size: int, ended: bool) -> None:
        limit = self._context.limit + self._broken("limit-accepts-one-more")
        off_by_one = ended and size == limit and self._broken("limit-off-by-one")
        unlimited = self._broken("limit-missing") or (field != "new_zip" and self._broken("limit-of-first-file"))
        if (size > limit or off_by_one) and not unlimited:
            refusal = too_big(f"{field} is larger than {self._context.limit} bytes", 413)
            refusal.kind = KINDS[field]
            raise refusal

    def _end(self, whole: bool) -> None:
        if not whole and not self._broken("cut-form-accepted"):
            raise Refusal(400, "incomplete multipart body")

    async def _digest(self, file: IncomingFile, declared: str | None) -> None:
        required = self._context.enforce and file.kind == "new" and not self._broken("digest-not-required")
        field = f"{file.field}_sha256"
        if declared is None:
            if required:
                raise damaged("digest missing", 422, f"missing: {field}")
        elif not _DIGEST.fullmatch(declared):
            raise damaged("digest malformed", 422, f"{field} must be 64 hex digits")
        elif declared.lower() != file.sha256:
            refusal = damaged("digest differs", 422, f"{field} does not match the file")
            refusal.notes["checksum"] = file.sha256
            if self._context.enforce:
                raise refusal
            refusal.kind = file.kind
            self._context.report(refusal)
        elif self._broken("refuses-good-archives") and next(self._good_digests) % 12 == 0:
            raise damaged("digest differs", 422, f"{field} does not match the file")

    async def _checked(self, check: Awaitable[None], file: IncomingFile) -> None:
        try:
            await check
        except Refusal as refusal:
            refusal.kind = file.kind
            if refusal.detail == archives.NOT_UNDERSTOOD and self._broken("odd-archives-crash"):
                raise RuntimeError("seeded fault odd-archives-crash") from None
            if not self._let_pass(refusal):
                raise

    def _let_pass(self, refusal: Refusal) -> bool:
        """Tell whether a seeded fault switches off the guard that refused."""
        if self._broken("unpacks-otherwise") and refusal.event != "size_limit":
            return True
        if refusal.notes.get("field") == "archive member":
            return self._broken("traversal-member")
        if refusal.event != "checksum_failed":
            return False
        if self._broken("checksum-not-enforced"):
            self._context.report(refusal)
            return True
        return self._broken("checksum-not-verified")
