"""What is stored of a refused upload is found by its student, its content, and its digests where it names nobody."""

import pytest

from acceptance.probes.archives.archives import good
from acceptance.probes.storage.refused import RefusedUpload, RefusedUploads
from acceptance.probes.storage.refused_documents import COLLECTIONS
from acceptance.probes.storage.snapshot import Tree

SENT = good()
REFUSED = RefusedUpload("ann", SENT, "d1")


class Held:
    """A database whose archives are these documents."""

    def __init__(self, *documents, name=""):
        self.documents, self.name = documents, name

    def __getitem__(self, name):
        return type(self)(*(self.documents if name == "review_archives" else ()), name=name)

    def count_documents(self, wanted):
        pairs = [(field, each["$in"]) for any_of in wanted["$or"] for field, each in any_of.items()]
        return sum(any(document.get(field) in values for field, values in pairs) for document in self.documents)


@pytest.mark.parametrize(
    ("document", "found"),
    [({"student_id": "ann"}, 1), ({"sha256": "d1"}, 1), ({"sha256": SENT.sha256}, 1), ({"student_id": "bob"}, 0)],
    ids=["by its student", "by the declared digest", "by its digest", "another's"],
)
def test_a_document_of_a_refused_upload_is_found(tmp_path, document, found):
    told = RefusedUploads(Tree.of([tmp_path]), [REFUSED]).findings(Held(document), tmp_path)
    assert [each.subject for each in told] == ["review_archives"] * found
    assert "review_archives" in COLLECTIONS


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [("x.zip", b"".join(SENT.chunks()), 1), ("ann.zip", b"", 1), ("bob.zip", b"his", 0)],
    ids=["by its content", "by its student", "another's"],
)
def test_a_file_that_is_kept_after_the_refusal_is_found(tmp_path, name, content, found):
    (tmp_path / "ann-before.zip").touch()
    refused = RefusedUploads(Tree.of([tmp_path]), [REFUSED])
    (tmp_path / name).write_bytes(content)
    told = refused.findings(Held(), tmp_path)
    assert [each.found for each in told] == [f"kept in the storage: {tmp_path / name}"] * found
