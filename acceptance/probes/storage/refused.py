"""Find what is stored of uploads that were refused, after the answer too: neither files nor documents may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from acceptance.finding import Finding
from acceptance.observe.collections import OWNED
from acceptance.observe.store import Store
from acceptance.probes.archives.archives import Archive
from acceptance.probes.storage.refused_documents import COLLECTIONS
from acceptance.probes.storage.snapshot import Tree, attribute, diff


@dataclass(frozen=True)
class RefusedUpload:
    """One upload that was refused.

    Attributes:
        student_id: Who sent it, and nothing else.
        archive: What must not be kept.
        declared_sha256: The digest that was declared with it, None for none.
    """

    student_id: str
    archive: Archive
    declared_sha256: str | None

    @property
    def digests(self) -> set[str]:
        """Those of its archive, where no other upload has them."""
        return {self.archive.sha256, *filter(None, [self.declared_sha256])} if self.archive.nonce else set()


@dataclass
class RefusedUploads:
    """All uploads of a run that were refused.

    Attributes:
        before: The storage before the first of them.
        uploads: In order.
        latest: The storage as it was scanned last: before the next of them.
    """

    before: Tree
    uploads: list[RefusedUpload] = field(default_factory=list)
    latest: Tree | None = None

    def findings(self, mongo: Store, root: Path) -> list[Finding]:
        """Name what is stored of them by now.

        Raises:
            Inconclusive: The storage or MongoDB cannot be read.
        """
        return [*self._files(root), *self._documents(mongo)]

    def _files(self, root: Path) -> Iterator[Finding]:
        nonces = {each.archive.nonce: each.archive.description for each in self.uploads if each.archive.nonce}
        names = {each.student_id.encode(): each.archive.description for each in self.uploads}
        kept = attribute(diff(self.before, Tree.settled([root])), nonces, names)
        for what, files in kept.files().items():
            told = f"kept in the storage: {', '.join(map(str, files))}"
            yield Finding("refused and kept", what, "nothing kept", told)

    def _documents(self, mongo: Store) -> Iterator[Finding]:
        # A document may name nobody: then its digest tells whose it is.
        students = [each.student_id for each in self.uploads]
        digests = sorted({digest for each in self.uploads for digest in each.digests})
        wanted = {name: [{owner: {"$in": students}} for owner in OWNED[name]] for name in COLLECTIONS}
        wanted["review_archives"].append({"sha256": {"$in": digests}})
        for name, any_of in wanted.items():
            if count := mongo[name].count_documents({"$or": any_of}):
                what = mongo[name].name
                yield Finding("refused and recorded", what, "no document of a refused upload", str(count))
