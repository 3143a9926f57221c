"""What is stored of a refused upload is found by its student, and by its digests where it names nobody."""

import pytest

from acceptance.probes.storage.recorded import COLLECTIONS, of_refused


class Held:
    """A database whose archives are these documents."""

    def __init__(self, *documents):
        self.documents = documents

    def __getitem__(self, name):
        held = type(self)(*(self.documents if name == "review_archives" else ()))
        held.name = name
        return held

    def count_documents(self, wanted):
        pairs = [(field, each["$in"]) for any_of in wanted["$or"] for field, each in any_of.items()]
        return sum(any(document.get(field) in values for field, values in pairs) for document in self.documents)


@pytest.mark.parametrize(
    ("document", "found"),
    [({"student_id": "ann"}, 1), ({"sha256": "d1"}, 1), ({"student_id": "bob", "sha256": "d2"}, 0)],
    ids=["by its student", "by its digest", "another's"],
)
def test_a_document_of_a_refused_upload_is_found(document, found):
    told = of_refused(Held(document), ["ann"], ["d1"])
    assert [each.subject for each in told] == ["review_archives"] * found
    assert "review_archives" in COLLECTIONS
