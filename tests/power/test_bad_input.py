"""Bad input ends with one clear message that names file, key and remedy, before anything is changed.

Source: issue "Stage 21_01c works end to end", "Bad input". All by the command ``pytest -m stage_21_01c --target X``.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from held_lab import SHORT, retold

from acceptance.target.loading import load_target
from acceptance.target.model import Target
from power.stage_run import StageRun, left_over, run_stage
from power.table import in_words_of

USAGE, INCONCLUSIVE, REFUSED = 4, 10, 13
FLAG = "USE_NEW_STORAGE_ADAPTER"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def target(held_target: Path) -> Target:
    """The lab, for looking at it."""
    return load_target(held_target)


@pytest.fixture
def env_file(target: Target) -> Iterator[Path]:
    """The lab's env file, restored afterwards whatever a test made of it."""
    path, before = target.env_file, target.env_file.read_bytes()
    yield path
    path.unlink(missing_ok=True)
    path.write_bytes(before)


def said(ended: StageRun) -> str:
    """Give the reason of the first red, or without one all output, as one line."""
    return " ".join((ended.reason or ended.output).split())


def assert_told(ended: StageRun, code: int, *words: str) -> None:
    """The run ended with this code and said these words, and no traceback."""
    missing = [word for word in words if word not in said(ended)]
    assert (ended.code, missing, "Traceback" in ended.output) == (code, [], False), f"{said(ended)}\n{ended.explain()}"


def test_target_that_is_not_there(tmp_path: Path) -> None:
    ended = run_stage("stagin", tmp_path)
    assert_told(ended, USAGE, "no file", "stagin.env", "targets")
    assert ended.folder is None, "nothing began"


def test_malformed_target_file(held_target: Path, tmp_path: Path) -> None:
    bad = retold(held_target, "bad", SOAK_SECONDS="never")
    assert_told(run_stage(bad, tmp_path), USAGE, str(bad), "SOAK_SECONDS", "'never'", "seconds")


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"PROMETHEUS_URL": NOBODY}, INCONCLUSIVE, ("PROMETHEUS_URL", NOBODY)),
        ({"API_JOB": "nobody"}, INCONCLUSIVE, ("API_JOB", "a process of job nobody that is up, found none")),
        ({"SCRAPE_INTERVAL_SECONDS": "0.25"}, REFUSED, ("SCRAPE_INTERVAL_SECONDS", "for job butler-api, {scrapes:g}s")),
        (
            {"API_URL": NOBODY, "API_LOGS": "file:///nowhere/api.log", "MONGODB_URL": "mongodb://127.0.0.1:9/"},
            INCONCLUSIVE,
            ("API_URL", f"{NOBODY}/health", "correct the address", "API_LOGS", "/nowhere/api.log", "MONGODB_URL"),
        ),
        ({"ENV_FILE": "/nowhere/.env.infra"}, REFUSED, ("/nowhere/.env.infra", "no such file", "ENV_FILE")),
        ({"JOURNAL_DIR": "/proc/nowhere"}, REFUSED, ("/proc/nowhere", "JOURNAL_DIR", "nothing was changed")),
        ({"ALLOW_MUTATIONS": "false"}, REFUSED, ("ALLOW_MUTATIONS", "set it to true")),
        (
            {"STORAGE_ROOT": "/nowhere/archives", "WATCH_DIRS": "/nowhere"},
            1,
            ("STORAGE_ROOT /nowhere/archives", "found no folder there"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_target_file_names_is_not_there(
    settings: dict[str, str], code: int, words: tuple[str, ...], held_target: Path, env_file: Path, tmp_path: Path
) -> None:
    before = env_file.read_bytes()
    wrong = retold(held_target, "wrong", **SHORT | {"HTTP_TIMEOUT_SECONDS": "2"} | settings)
    ended, target = run_stage(wrong, tmp_path), load_target(held_target)
    assert_told(ended, code, *(in_words_of(target, each).format(scrapes=target.scrape_interval_s) for each in words))
    assert ("service.restarting" in [event.kind for event in ended.events], left_over(held_target)) == (False, [])
    assert env_file.read_bytes() == before


def test_wrong_credentials_are_not_shown(held_target: Path, target: Target, tmp_path: Path) -> None:
    address = target.mongo.url.replace("mongodb://", "mongodb://butler:wrong-secret@")
    ended = run_stage(retold(held_target, "wrong", **SHORT, MONGODB_URL=address), tmp_path)
    assert_told(ended, INCONCLUSIVE, "MONGODB_URL")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and b"wrong-secret" in path.read_bytes()]
    assert ("wrong-secret" in ended.output, written) == (False, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace(f"{FLAG}=false\n", ""), ("found no line of it", f"add the line {FLAG}=false")),
        (lambda text: f"{text}{FLAG}=true\n", ("is already true", "set it to false")),
        (lambda text: text.replace("\n", "\r\n"), ("carriage return", "sed -i")),
    ],
    ids=["missing", "last-one-wins", "crlf"],
)
def test_env_file_that_cannot_be_switched(
    change: Callable[[str], str], words: tuple[str, ...], held_target: Path, env_file: Path, tmp_path: Path
) -> None:
    env_file.write_bytes(change(env_file.read_text()).encode())
    before = env_file.stat(), env_file.read_bytes()
    ended = run_stage(retold(held_target, "quick", **SHORT), tmp_path)
    assert_told(ended, REFUSED, str(env_file), FLAG, *words)
    assert "service.restarting" not in [event.kind for event in ended.events]
    assert (env_file.stat().st_ino, env_file.read_bytes()) == (before[0].st_ino, before[1])


@pytest.mark.parametrize(
    ("change", "linked"),
    [
        (lambda text: f"# kept\n{text}".replace(f"{FLAG}=false", f"export {FLAG}='false'  # why").rstrip("\n"), True),
        (lambda text: f"{text}{FLAG}=false\n\n{FLAG}=false\n", False),
    ],
    ids=["export-quotes-comment-no-newline-link", "duplicates"],
)
def test_unusual_env_file_is_switched_and_restored_to_the_byte(
    change: Callable[[str], str], linked: bool, held_target: Path, env_file: Path, tmp_path: Path
) -> None:
    text = change(env_file.read_text())
    real = env_file.with_name("real.env") if linked else env_file
    if linked:
        env_file.unlink()
        env_file.symlink_to(real)
    real.write_text(text)
    real.chmod(0o640)
    before = real.stat()
    ended = run_stage(retold(held_target, "quick", **SHORT), tmp_path, "-ktest_new_path_is_at_work")
    assert (ended.first_red, "flag.changed" in [event.kind for event in ended.events]) == ("nothing", True), (
        ended.explain()
    )
    after = real.stat()
    assert (env_file.is_symlink(), real.read_text()) == (linked, text)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: run the tests as an ordinary user as well")
@pytest.mark.parametrize(
    ("folder", "red", "words"),
    [
        ("storage", "test_storage_directory_is_prepared", ("STORAGE_ROOT", "with mode 500")),
        ("infra", "test_stage_can_be_switched_and_watched", ("is not writable", "run as a user who may")),
    ],
)
def test_folder_that_cannot_be_written(
    folder: str, red: str, words: tuple[str, ...], held_target: Path, target: Target, tmp_path: Path
) -> None:
    path = {"storage": target.storage.root, "infra": target.infra_dir}[folder]
    mode = path.stat().st_mode
    path.chmod(0o500)
    try:
        ended = run_stage(retold(held_target, "quick", **SHORT), tmp_path)
    finally:
        path.chmod(mode)
    assert ended.first_red == red, ended.explain()
    assert [word for word in words if word not in said(ended)] == [], said(ended)
