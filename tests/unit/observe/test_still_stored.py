"""What others had stored and is gone after a flag change is told; a few that users delete meanwhile are not."""

from types import SimpleNamespace

import pytest

from acceptance.observe.still_stored import all_stored, lost_documents


class Mongo(dict):
    """Collections whose documents have numbers as ids."""

    def __missing__(self, name):
        stored = self.get("dialog_contexts", []) if name == "dialog_contexts" else []
        return self.documents(stored)

    def __getitem__(self, name):
        return self.__missing__(name)

    def documents(self, ids):
        def count(wanted):
            return len(ids) if not wanted else len({*ids} & {*wanted["_id"]["$in"]})

        found = SimpleNamespace(newest=lambda number: [{"_id": each} for each in sorted(ids)[-number:]])
        return SimpleNamespace(name="butler.some", count_documents=count, find=lambda: found)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (range(100), ""),
        (range(2, 100), ""),
        (range(4, 300), ""),
        (range(20, 300), "expected the 100 newest documents of before, found 80"),
        ([], "expected the 100 newest documents of before, found 0"),
    ],
)
def test_documents_that_are_gone_are_told(now, told):
    before = all_stored(Mongo(dialog_contexts=list(range(100))))
    assert told in " ".join(map(str, lost_documents(Mongo(dialog_contexts=list(now)), before)))
    assert bool(lost_documents(Mongo(dialog_contexts=list(now)), before)) == bool(told)


def test_older_ones_than_are_looked_for_are_counted():
    before = all_stored(Mongo(dialog_contexts=list(range(9000))))
    [found] = lost_documents(Mongo(dialog_contexts=list(range(8000, 9000))), before)
    assert "expected the 9000 documents of before, found 1000" in str(found)
