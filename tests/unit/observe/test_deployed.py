"""Which Butler runs: the checkout, its main branch, and what the services say of themselves."""

import itertools
import json
import os
from types import SimpleNamespace

import pytest
from dependencies.faulty import server

from acceptance.finding import summary
from acceptance.observe.deployed import deployed
from acceptance.observe.prometheus import Sample
from acceptance.verdict import Inconclusive
from lab.code import _git, make


@pytest.fixture
def deployment(tmp_path):
    """A checkout as the lab makes it, and how to ask about it: what do its processes say?"""
    checkout = make(tmp_path)
    commit = (checkout / ".git/refs/heads/main").read_text().strip()

    def ask(*says, by="metric:info:commit", code_dir=checkout, env_file=tmp_path / ".env", log=tmp_path / "log.md",
            url="http://127.0.0.1:9"):  # fmt: skip
        metrics = SimpleNamespace(instant=lambda query: [Sample({"commit": each}, 1, 0) for each in says])
        target = SimpleNamespace(code_dir=code_dir, main_branch="origin/main", running_commit=by, infra_dir=tmp_path,
                                 source=tmp_path / "x.env", env_file=env_file, deployment_log=log,
                                 http_timeout_s=0.2)  # fmt: skip
        return deployed(target, [SimpleNamespace(name="butler-api", job="butler-api", url=url, headers={})], metrics)

    return SimpleNamespace(ask=ask, commit=commit, checkout=checkout, folder=tmp_path)


def test_running_commit_of_the_main_branch_is_good(deployment):
    assert deployment.ask(deployment.commit).findings() == []
    assert deployment.ask(deployment.commit[:7]).findings() == []
    index = deployment.checkout / ".git/index"
    written = index.stat().st_mtime_ns
    os.utime(next(deployment.checkout.glob("**/*.py")))  # what git would write into the index, though nothing changed
    assert deployment.ask(by=f"command:echo {deployment.commit}").findings() == []
    assert index.stat().st_mtime_ns == written


@pytest.mark.parametrize(("other", "told"), [("0" * 40, "0" * 40), ("", "no commit ('')"), ("unknown", "'unknown'")])
def test_old_code_in_one_of_two_processes_is_told(deployment, other, told):
    found = deployment.ask(deployment.commit, other).findings()
    assert "butler-api: expected the commit of CODE_DIR" in summary(found)
    assert told in summary(found)


def test_old_code_behind_the_same_address_is_told(deployment):
    """A proxy sends each call to another process: one that was asked once says nothing of the others."""
    said = itertools.cycle([deployment.commit, "0" * 40, "unknown"])
    with server(lambda _: (200, "application/json", json.dumps({"commit": next(said)}).encode())) as url:
        found = summary(deployment.ask(by="http:/health:commit", url=url).findings())
    assert ("0" * 40 in found, "no commit ('unknown')" in found) == (True, True)


def test_checkout_behind_its_main_branch_is_told(deployment):
    _git(deployment.checkout, "reset", "-q", "--hard", "before")
    old = deployment.ask((deployment.checkout / ".git/refs/heads/before").read_text().strip())
    assert [each.subject for each in old.findings()] == ["CODE_DIR"]


def test_changed_file_of_the_checkout_is_told(deployment):
    (deployment.checkout / "src" / "butler.py").write_text("RELEASE = 'by hand'\n")
    assert "src/butler.py changed" in summary(deployment.ask(deployment.commit).findings())


@pytest.mark.parametrize("ours", ["env_file", "log"])
def test_a_file_that_we_write_in_the_checkout_is_ours_to_change(deployment, ours):
    (deployment.checkout / "src" / "butler.py").write_text("USE_NEW_STORAGE_ADAPTER=true\n")
    assert deployment.ask(deployment.commit, **{ours: deployment.checkout / "src" / "butler.py"}).findings() == []


@pytest.mark.parametrize(
    "how",
    [
        lambda it: it.ask(by=None),
        lambda it: it.ask(),
        lambda it: it.ask(""),
        lambda it: it.ask("unknown"),
        lambda it: it.ask(by="http:/health:commit"),
        lambda it: it.ask(by="command:false"),
        lambda it: it.ask(it.commit, code_dir=it.folder / "nowhere"),
    ],
    ids=["not-configured", "no-series", "empty-label", "no-commit", "no-answer", "command-fails", "no-checkout"],
)
def test_nobody_says_is_inconclusive(deployment, how):
    with pytest.raises(Inconclusive):
        how(deployment).findings()


def test_remote_that_does_not_answer_is_inconclusive(deployment):
    deployment.checkout.with_name("code.git").rename(deployment.folder / "gone")
    with pytest.raises(Inconclusive, match="ls-remote"):
        deployment.ask(deployment.commit).findings()
