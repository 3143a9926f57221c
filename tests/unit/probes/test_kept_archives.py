"""Archives that were stored are read again."""

import pytest

from acceptance.probes.archives.archives import good
from acceptance.probes.storage import kept_archives
from acceptance.probes.storage.kept_archives import KeptArchives
from acceptance.verdict import Inconclusive


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        (lambda _: None, []),
        (lambda path: path.unlink(), ["archive lost"]),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), ["archive changed"]),
    ],
    ids=["whole", "gone", "changed"],
)
def test_an_archive_that_was_stored_must_stay(tmp_path, harm, kind):
    kept, first, second = KeptArchives(tmp_path), good(), good()
    for number, archive in enumerate((first, second)):
        (tmp_path / f"{number}.zip").write_bytes(b"".join(archive.chunks()))
        assert kept.keep(archive) == []
    harm(tmp_path / "0.zip")
    assert [each.kind for each in kept.lost()] == kind
    assert [each.kind for _ in range(2) for each in kept.lost_next()] == kind


def test_an_archive_that_is_not_there_after_its_answer_was_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_archives, "_PATIENCE_S", 0)
    kept = KeptArchives(tmp_path)
    assert [each.kind for each in kept.keep(good())] == ["not stored"]
    with pytest.raises(Inconclusive, match="found none to read again"):
        kept.lost()
