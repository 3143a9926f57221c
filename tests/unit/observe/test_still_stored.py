"""What others had stored and is gone after a flag change is told; a few that users delete meanwhile are not."""

from types import SimpleNamespace

import pytest

from acceptance.observe.still_stored import all_stored, lost_documents


class Mongo:
    """Collections of which one has documents, with numbers as ids."""

    def __init__(self, ids, *, expire=False):
        self.ids, self.expire = ids, expire

    def __getitem__(self, name):
        ids = self.ids if name == "dialog_contexts" else []

        def find(wanted, _):
            found = [{"_id": each} for each in ids if not wanted or each in wanted["_id"]["$in"]]
            return Newest(found)

        return SimpleNamespace(
            name="butler.some", find=find, count_documents=lambda _: len(ids), expires=lambda: self.expire
        )


class Newest(list):
    def newest(self, number):
        return self[::-1][:number]


@pytest.mark.parametrize(
    ("now", "expire", "told"),
    [
        (range(100), False, ""),
        (range(2, 100), False, ""),
        (range(4, 300), False, ""),
        (range(20, 300), False, "expected the 100 newest documents of before, found 80"),
        ([], False, "expected the 100 newest documents of before, found 0"),
        (range(20, 300), True, ""),
        ([*range(60, 70), *range(80, 300)], True, "expected the 40 newest documents of before, found 30"),
        ([], True, "expected the 100 newest documents of before, found 0"),
    ],
)
def test_documents_that_are_gone_are_told_and_those_that_grew_old_are_not(now, expire, told):
    before = all_stored(Mongo(range(100), expire=expire))
    lost = lost_documents(Mongo(now, expire=True), before)
    assert (bool(lost), told in " ".join(map(str, lost))) == (bool(told), True)


def test_older_ones_than_are_looked_for_are_counted():
    before = all_stored(Mongo(range(9000)))
    [found] = lost_documents(Mongo(range(8000, 9000)), before)
    assert "expected the 9000 documents of before, found 1000" in str(found)
