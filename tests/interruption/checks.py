"""The small project that the matrix kills: one stage that reads, writes test data, flips its flag and watches."""

from small_project import Project

LEASE_S = 8
"""How long the flag may be on unwatched; the stage's `blind_seconds`."""
DATA = """
from acceptance.conduct.testdata import database

def test_writes_documents(target, new_id):
    with database(target) as mongo:
        for number in range(5):
            mongo["homework_reviews"].insert_one({"student_id": new_id("killed"), "number": number})

def test_writes_files(storage, new_id):
    for number in range(5):
        folder = storage.root / new_id("killed")
        folder.mkdir()
        (folder / "archive.zip").write_bytes(b"test")
        time.sleep(0.05)
"""

ON = """
def test_on(flag_on):
    assert flag_on.restarted.proved

def test_writes_while_on(target, storage, new_id):
    import hashlib
    from acceptance.conduct.testdata import database
    with database(target) as mongo:
        for number in range(10):
            name = new_id("killed")
            (storage.root / name).touch()
            facts = {"path": name, "filename": name, "kind": "new", "sha256": hashlib.sha256().hexdigest()}
            mongo["review_archives"].insert_one(facts | {"student_id": name})
            time.sleep(0.05)
"""

WATCHED = """
def test_watched(flag_on):
    time.sleep(2)
"""


def stage_of(project: Project, stage_id: str = "21_01c") -> Project:
    """Give the project its stage."""
    project.stage(stage_id, preflight=DATA, flag_off="def test_off(flag_off): pass\n", flag_on=ON, soak=WATCHED)
    stage_file = project.folder / "ops_tests" / f"stage_{stage_id}" / "stage.toml"
    stage_file.write_text(f"blind_seconds = {LEASE_S}\n{stage_file.read_text()}")
    return project
