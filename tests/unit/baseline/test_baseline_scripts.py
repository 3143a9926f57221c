"""The commands for flags and metrics, by the checklist's own lines: exit 0, 1 and 2, and one clear verdict."""

import json
import os
import random
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from small_target import small_target
from test_baseline import stretch

from acceptance.baseline.files import save
from acceptance.commands import cli

ROOT = Path(__file__).resolve().parents[3]
PATH = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
FLAGS = (
    "USE_NEW_DIALOG_CONTEXT_REPO=false\nUSE_NEW_HOMEWORK_REVIEW_SERVICE=false\n"
    "USE_NEW_STORAGE_ADAPTER=false\nUSE_DECOMPOSED_USE_CASE=false\n"
)


@pytest.fixture
def command(tmp_path, capsys):
    """Runs a script against a target whose env file can be written; gives exit code and output."""
    target = small_target(tmp_path, MONGODB_URL="mongodb://u:pw-1234@127.0.0.1:1/")

    def run(script, *arguments, env=FLAGS):
        target.env_file.unlink(missing_ok=True)
        if env is not None:
            target.env_file.write_bytes(env.encode())
        found = runpy.run_path(str(ROOT / "scripts" / "ops" / script))
        line = ["--target", str(target.source), *map(str, arguments)]
        try:
            code = cli.main(found["__doc__"], found["_act"], found["_arguments"], line)
        except SystemExit as error:
            code = error.code
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def baseline(tmp_path):
    """Makes a baseline file."""

    def make(seed, **how):
        path = tmp_path / f"baseline-{seed}.json"
        save(stretch(random.Random(seed), **({"errors": 0.0} | how)), path)
        return path

    return make


def test_flags_that_are_all_there_and_false_pass(command):
    code, said = command("check_feature_flags.py", "--epic", "21")
    assert (code, said.startswith("PASS: ")) == (0, True), said
    assert all(line.rstrip() in said for line in FLAGS.splitlines())


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (FLAGS.replace("ADAPTER=false", "ADAPTER=true"), "USE_NEW_STORAGE_ADAPTER: expected false, found true"),
        (FLAGS + "USE_NEW_STORAGE_ADAPTER=true\n", "USE_NEW_STORAGE_ADAPTER: expected false, found true"),
        (FLAGS.replace("USE_NEW_STORAGE_ADAPTER=false\n", ""), "USE_NEW_STORAGE_ADAPTER=false, found no line of it"),
        (FLAGS.replace("STORAGE_ADAPTER", "STORAGE_SERVICE"), "found USE_NEW_STORAGE_SERVICE; the same flag"),
        (FLAGS.replace("\n", "\r\n"), "a carriage return"),
        (FLAGS.replace("ADAPTER=false", "ADAPTER=no"), "expected true or false, found 'no'"),
        ("", "USE_DECOMPOSED_USE_CASE=false, found no line of it"),
    ],
    ids=["true", "true by a duplicate", "missing", "misspelt", "crlf", "no boolean", "empty file"],
)
def test_flags_that_are_not_are_named_with_exit_code_1(command, env, said):
    code, output = command("check_feature_flags.py", "--epic", "21", env=env)
    assert code == 1, output
    assert said in output


def test_a_flag_may_be_expected_to_be_true(command):
    env = FLAGS.replace("ADAPTER=false", "ADAPTER=true")
    assert command("check_feature_flags.py", "--expect", "USE_NEW_STORAGE_ADAPTER=true", env=env)[0] == 0
    assert command("check_feature_flags.py", "--expect", "USE_NEW_STORAGE_ADAPTER=true")[0] == 1


@pytest.mark.parametrize("arguments", [["--epic", "22"], ["--expect", "USE_OTHER=true"], ["--expect", "x"]])
def test_wrong_usage_of_the_flag_check_is_exit_code_2(command, arguments):
    assert command("check_feature_flags.py", *arguments)[0] == 2


def test_a_missing_env_file_is_exit_code_2(command):
    code, said = command("check_feature_flags.py", env=None)
    assert (code, "correct ENV_FILE" in said) == (2, True), said


@pytest.mark.parametrize(
    "script", ["collect_baseline_metrics.py", "compare_metrics.py", "check_feature_flags.py", "backup.py"]
)
def test_a_script_runs_as_a_command_and_explains_itself(script):
    done = subprocess.run([ROOT / "scripts" / "ops" / script, "--help"], env=PATH, capture_output=True, check=False)
    assert (done.returncode, b"--target" in done.stdout) == (0, True), done.stderr


def test_metrics_that_are_no_worse_pass_with_every_comparison_told(command, baseline):
    code, said = command("compare_metrics.py", "--baseline", baseline(1), "--current", baseline(2))
    assert (code, "PASS: 11 comparisons, none is worse" in said) == (0, True), said
    assert "smallest change that shows" in said


def test_metrics_that_are_worse_are_exit_code_1_for_people_and_machines(command, baseline):
    line = ("compare_metrics.py", "--baseline", baseline(1), "--current", baseline(2, latency=0.6))
    code, said = command(*line)
    assert (code, "mean latency of butler_messages" in said) == (1, True), said
    code, said = command(*line, "--json")
    verdicts = {each["measure"]: each["verdict"] for each in json.loads(said)["facts"]["comparisons"]}
    assert (code, verdicts["mean latency of butler_messages"], verdicts["CPU"]) == (1, "FAIL", "PASS")


def test_too_few_requests_are_exit_code_2(command, baseline):
    code, said = command("compare_metrics.py", "--baseline", baseline(1), "--current", baseline(2, requests=30))
    assert (code, "could not be told" in said, "too few requests" in said) == (2, True, True), said


def test_no_baseline_and_no_prometheus_are_exit_code_2_and_tell_no_secret(command, baseline, tmp_path):
    for line in (
        ("compare_metrics.py", "--baseline", tmp_path / "none.json", "--current", baseline(1)),
        ("compare_metrics.py", "--baseline", baseline(1), "--current", "http://127.0.0.1:1"),
        ("collect_baseline_metrics.py", "--epic", "21", "--output", tmp_path / "new.json"),
    ):
        code, said = command(*line)
        assert (code, said.startswith("INCONCLUSIVE: "), "pw-1234" in said) == (2, True, False), said
    assert not (tmp_path / "new.json").exists()
