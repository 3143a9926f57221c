"""A target file is read whole or refused whole, and no secret of it is ever shown."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acceptance.probes.attacks.corpus import cases_to_send, load_cases
from acceptance.target.file import TargetError, read_settings
from acceptance.target.keys import KEYS, all_keys
from acceptance.target.loading import find_target, load_target
from acceptance.target.model import Target

PROJECT = Path(__file__).parents[3]
MONGO = "mongodb://butler:canary-mongo@127.0.0.1:27018/butler?authSource=admin"
NEEDED = f"TARGET_NAME=x\nTARGET_KIND=lab\nMONGODB_URL={MONGO}\nGRAFANA_PASSWORD=canary-grafana\n"


@pytest.fixture(autouse=True)
def _no_secrets_of_the_caller(monkeypatch):
    for key in ("MONGODB_URL", "GRAFANA_PASSWORD"):
        monkeypatch.delenv(key, raising=False)


@pytest.fixture
def load(tmp_path):
    def load(text: str) -> Target:
        path = tmp_path / "x.env"
        path.write_text(text)
        return load_target(path)

    return load


@pytest.fixture
def faults(load):
    """The faults of a text, one a line, without the heading."""

    def faults(text: str) -> list[str]:
        with pytest.raises(TargetError) as error:
            load(text)
        assert "canary" not in str(error.value)
        return [line.strip() for line in str(error.value).splitlines()[1:]]

    return faults


# --- defaults: the checklist's and the contract's own


def test_defaults_are_the_checklists(load, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ops")
    target = load(NEEDED)
    assert target.allow_mutations is False
    assert target.env_file == Path("/home/ops/work/infra/.env.infra")
    assert {key: (s.name, s.url, s.restart) for key, s in target.services.items()} == {
        "bot": ("butler-bot", "http://127.0.0.1:8001", "make day-12-restart-butler"),
        "worker": ("butler-worker", "http://127.0.0.1:8002", "make day-12-restart-workers"),
        "api": ("butler-api", "http://127.0.0.1:8000", "make day-12-restart-api"),
    }
    assert target.restart_all == "make day-12-restart-all"
    assert target.services["api"].logs == "docker://butler-api"
    assert (target.storage.root, target.storage.owner) == (Path("/var/butler/review_archives"), "butler:butler")
    assert (target.storage.mode, target.storage.watch_dirs) == (0o750, (Path("/var/butler"),))
    assert (target.storage.max_upload_bytes, target.storage.min_free_bytes) == (100 * 2**20, 10 * 2**30)
    assert target.backup_dir == Path("/backup")
    assert target.soak_seconds is None
    assert (target.restart_timeout_s, target.http_timeout_s, target.traffic_per_minute) == (60, 10, 60)
    assert (target.student_ids, target.trace_header, target.provider) == ("text", "traceparent", None)
    assert target.flags == {
        "21_01a": "USE_NEW_DIALOG_CONTEXT_REPO",
        "21_01b": "USE_NEW_HOMEWORK_REVIEW_SERVICE",
        "21_01c": "USE_NEW_STORAGE_ADAPTER",
        "21_01d": "USE_DECOMPOSED_USE_CASE",
    }


def test_what_depends_on_a_changed_key_follows_it(load):
    target = load(NEEDED + "INFRA_DIR=/i\nSTORAGE_ROOT=/s/archives\nAPI_NAME=api-2\n")
    assert target.env_file == Path("/i/.env.infra")
    assert target.storage.legacy_root == Path("/s/archives")
    assert target.storage.watch_dirs == (Path("/s"),)
    assert (target.services["api"].job, target.services["api"].logs) == ("api-2", "docker://api-2")


def test_every_value_is_the_files(load):
    target = load(
        NEEDED + "ALLOW_MUTATIONS=TRUE\nexport API_URL='https://api.example.com:8004/base/' # c\nSOAK_SECONDS=1.5\n"
        "STORAGE_MODE=2770\nWATCH_DIRS=/var/butler:/b\nCLAMD=\nTRACE_HEADER=\nSTUDENT_IDS=numeric\nBOT_LOGS=file:///l/b.log\n"
        "WORKER_LOGS='command:ssh b cat x command:cat y'\n"
        "API_LOGS=journald://butler-api.service\nSOAK_STUDENTS='a b*'\nCHANNEL=news\nCODE_DIR=/code\n"
        'RESTART_API="make -C sub restart"\n'
    )
    assert target.allow_mutations is True
    assert target.services["api"].url == "https://api.example.com:8004/base"
    assert target.services["api"].restart == "make -C sub restart"
    logs = [target.services[key].logs for key in ("bot", "api", "worker")]
    assert logs == ["file:///l/b.log", "journald://butler-api.service", "command:ssh b cat x command:cat y"]
    assert (target.known.soak_students, target.known.channel, target.code_dir) == (("a", "b*"), "news", Path("/code"))
    assert (target.soak_seconds, target.storage.mode) == (1.5, 0o2770)
    assert target.storage.watch_dirs == (Path("/var/butler"), Path("/b"))
    assert (target.clamd, target.trace_header, target.student_ids) == (None, "", "numeric")


def test_home_and_variables_are_expanded_in_paths_only(load, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ops")
    monkeypatch.setenv("DISK", "/disk")
    target = load(NEEDED + 'STORAGE_ROOT=$DISK/a\nBACKUP_DIR="~/b"\nRESTART_API="make $DISK"\n')
    assert (target.storage.root, target.backup_dir) == (Path("/disk/a"), Path("/home/ops/b"))
    assert target.services["api"].restart == "make $DISK"


def test_production_over_plain_http_is_fine(load):
    """The checklist's own addresses are the loopback's."""
    assert load(NEEDED.replace("=lab", "=production")).kind == "production"


# --- secrets


def test_secrets_come_from_the_environment_when_the_file_leaves_them_out(load, monkeypatch):
    monkeypatch.setenv("MONGODB_URL", "mongodb://env:e@h/db")
    monkeypatch.setenv("GRAFANA_PASSWORD", "from-env")
    monkeypatch.setenv("API_URL", "http://env")
    target = load("TARGET_NAME=x\nTARGET_KIND=lab\n")
    assert (target.mongo.url, target.grafana.password) == ("mongodb://env:e@h/db", "from-env")
    assert target.services["api"].url == "http://127.0.0.1:8000"


@pytest.mark.parametrize("password", ["canary-grafana", ""])
def test_the_environment_never_overrides_the_file(load, monkeypatch, password):
    monkeypatch.setenv("GRAFANA_PASSWORD", "from-env")
    assert load(NEEDED.replace("canary-grafana", password)).grafana.password == password


def test_no_secret_in_any_repr_or_in_public(load):
    target = load(NEEDED + "PROMETHEUS_URL=http://u:canary-prom@p:9090\nLOKI_URL=http://u:canary-loki@a\n")
    shown = [target, target.grafana, target.mongo, *target.services.values(), target.public()]
    assert "canary" not in repr(shown) + str(shown)
    assert target.public()["prometheus_url"] == "http://[redacted]@p:9090"
    assert target.public()["mongo.url"] == "mongodb://[redacted]@127.0.0.1:27018/butler?authSource=admin"
    assert target.public()["grafana.password"] == "[redacted]"
    assert sorted(target.secrets()) == ["canary-grafana", "canary-loki", "canary-mongo", "canary-prom"]


def test_public_tells_the_rest_by_dotted_name(load):
    public = load(NEEDED).public()
    assert public["services.api.job"] == "butler-api"
    assert (public["storage.mode"], public["storage.watch_dirs"]) == ("750", "/var/butler")
    assert (public["soak_seconds"], public["flags.21_01c"]) == ("", "USE_NEW_STORAGE_ADAPTER")
    assert {type(value) for value in public.values()} == {str}


# --- faults


@pytest.mark.parametrize(
    "line, says",
    [
        ("TARGET_KIND=prod", "TARGET_KIND (line 5) is malformed: found 'prod'; expected one of lab, staging,"),
        ("API_URL=127.0.0.1:8000", "found '127.0.0.1:8000'; expected a URL such as"),
        ("API_URL=ftp://h", "found 'ftp://h'; expected a URL"),
        ("API_URL=http://", "expected a URL"),
        ("API_URL=http://h:99999", "expected a URL"),
        ("API_URL='http://h /x'", "expected a URL"),
        ("API_URL=http://h/x?y=1", "without query or fragment"),
        ("API_URL=http://u:canary-p/w@h", "expected a URL"),
        ("MAX_UPLOAD_BYTES=100MB", "found '100MB'; expected a whole number above 0"),
        ("MAX_UPLOAD_BYTES=0", "expected a whole number above 0"),
        ("MAX_UPLOAD_BYTES=-1", "expected a whole number above 0"),
        ("MAX_UPLOAD_BYTES=١", "expected a whole number above 0"),
        ("SOAK_SECONDS=nan", "expected a number of seconds above 0"),
        ("SOAK_SECONDS=inf", "expected a number of seconds above 0"),
        ("HTTP_TIMEOUT_SECONDS=0", "expected a number of seconds above 0"),
        ("STORAGE_MODE=850", "expected three octal digits, such as 750, or four, such as 2750"),
        ("STORAGE_MODE=02750", "expected three octal digits"),
        ("STORAGE_MODE=rwxr-x---", "expected three octal digits"),
        ("STORAGE_OWNER=butler", "expected USER:GROUP"),
        ("STORAGE_ROOT=var/archives", "expected an absolute path"),
        ("ENV_FILE=", "expected an absolute path"),
        ("ENV_FILE=$NOT_SET_ANYWHERE/x", "$NOT_SET_ANYWHERE is not set"),
        ("WATCH_DIRS=/a:b", "expected an absolute path"),
        ("WATCH_DIRS=/a:/", "none of them /"),
        ("ALLOW_MUTATIONS=yes", "found 'yes'; expected true or false"),
        ("ALLOW_MUTATIONS=", "expected true or false"),
        ("CLAMD=/run/clamd", "expected unix:///ABSOLUTE/PATH, tcp://HOST:PORT"),
        ("CLAMD=tcp://h", "expected unix:///ABSOLUTE/PATH, tcp://HOST:PORT"),
        ("API_LOGS=butler-api", "expected docker://CONTAINER"),
        ("API_LOGS=file://log", "expected an absolute path"),
        ("API_LOGS=loki://butler-api", "one for each instance of the service; not Loki, whose lines"),
        ("LOG_ZONE=UTC+1", "expected a time zone such as UTC"),
        ("SOAK_STUDENTS=*", "expected names with a space between them"),
        ("SOAK_STUDENTS=", "expected names with a space between them"),
        ("RESTART_API=", "expected a command line"),
        ("RESTART_API=make 'x", "expected a command line"),
        ("FLAG_STORAGE=USE-NEW", "expected the name of a flag"),
        ("STUDENT_IDS=digits", "expected one of text, numeric"),
        ("TARGET_NAME=../x", "expected a short name"),
        ("GRAFANA_USER='a b'", "expected one word"),
    ],
)
def test_a_malformed_value_is_told_with_line_found_expected_and_remedy(faults, line, says):
    key = line.partition("=")[0]
    text = re.sub(rf"^{key}=.*\n", "# here was the good line\n", NEEDED, flags=re.MULTILINE) + line + "\n"
    [fault] = faults(text)
    assert fault.startswith(f"{key} (line 5) is malformed: found ")
    assert says in fault
    assert fault.endswith("; correct it")


@pytest.mark.parametrize("url", ["postgres://u:canary@h", "canary", "", "mongodb://u:canary b@h"])
def test_a_malformed_secret_is_not_shown(faults, url):
    [fault] = faults(NEEDED.replace(MONGO, url))
    assert fault.startswith("MONGODB_URL (line 3) is malformed: found [redacted]; expected a URL such as mongodb://")


def test_an_unknown_key_suggests_the_nearest_and_shows_no_value(faults):
    assert faults(NEEDED + "GRAFANA_PASSWRD=canary\nALLOW_MUTATION=true\nqqqqqqqq=1\n") == [
        "GRAFANA_PASSWRD (line 5) is no key of a target file; did you mean GRAFANA_PASSWORD?",
        "ALLOW_MUTATION (line 6) is no key of a target file; did you mean ALLOW_MUTATIONS?",
        "qqqqqqqq (line 7) is no key of a target file; remove the line; targets/*.env.example list all keys",
    ]


def test_a_repeated_key_is_refused_although_the_last_would_win(faults):
    assert faults(NEEDED + "API_URL=http://a\nAPI_URL=http://b\n") == [
        "API_URL (line 6) is set before, on line 5; keep one of them"
    ]


@pytest.mark.parametrize("line", ['API_URL="http://canary', "just canary words", "API_URL"])
def test_an_unreadable_line_is_told_without_its_text(faults, line):
    assert faults(NEEDED + line + "\n") == [
        "(line 5) cannot be read: expected KEY=VALUE, with quotes closed; correct the line"
    ]


def test_missing_keys_say_how_to_give_them(faults):
    found = faults("")
    assert [fault.split()[0] for fault in found] == ["TARGET_NAME", "TARGET_KIND", "GRAFANA_PASSWORD", "MONGODB_URL"]
    missing = "TARGET_KIND (not in the file) is missing: expected one of lab, staging, production; "
    assert found[1] == missing + "add the line TARGET_KIND=VALUE"
    assert found[3].endswith("add the line MONGODB_URL=VALUE, or set it in the environment")


def test_all_faults_are_told_at_once_in_the_order_of_the_file(faults):
    found = faults("NOPE=1\nTARGET_KIND=x\nSTORAGE_ROOT=a\n" + NEEDED.replace("TARGET_KIND=lab\n", "") + "CLAMD=x")
    keys = ["NOPE (line 1)", "TARGET_KIND (line 2)", "STORAGE_ROOT (line 3)", "CLAMD (line 7)"]
    assert [fault.split(" is ")[0] for fault in found] == keys


def test_production_does_not_scale_its_soak(faults, load):
    scaled = NEEDED + "SOAK_SECONDS=15\n"
    [fault] = faults(scaled.replace("=lab", "=production"))
    assert fault.startswith("SOAK_SECONDS (line 5) scales the soak, which in production is the checklist's")
    assert load(scaled.replace("=lab", "=staging")).soak_seconds == 15


@pytest.mark.parametrize("folders", ["/elsewhere", "/var/butler/archives", "/var/butler/archives/new:/elsewhere"])
def test_what_lies_beside_the_storage_is_watched(faults, folders):
    [fault] = faults(NEEDED + f"STORAGE_ROOT=/var/butler/archives\nWATCH_DIRS={folders}\n")
    assert fault.startswith("WATCH_DIRS (line 6) names no folder around STORAGE_ROOT")
    assert fault.endswith("add /var/butler")


def test_a_folder_far_above_the_storage_is_around_it(load, tmp_path):
    (tmp_path / "real" / "archives").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "archives")
    for folder in (tmp_path, tmp_path / "real"):
        assert load(NEEDED + f"STORAGE_ROOT={tmp_path}/link\nWATCH_DIRS={folder}\n").storage.watch_dirs == (folder,)


def test_a_root_below_the_top_needs_its_watch_dirs_said(faults):
    [fault] = faults(NEEDED + "STORAGE_ROOT=/archives\n")
    assert fault.startswith("WATCH_DIRS (not in the file) is malformed")


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda path: None, "not found; copy one of targets/*.env.example"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"A=\xff"), "not UTF-8 at byte 2"),
    ],
)
def test_a_file_that_is_none(tmp_path, make, says):
    make(tmp_path / "x.env")
    with pytest.raises(TargetError, match=re.escape(f"{tmp_path / 'x.env'}: {says}")):
        load_target(tmp_path / "x.env")


@given(
    text=st.text(max_size=200)
    | st.lists(st.sampled_from([*all_keys(), "=", "x", "\n", "'", '"', "$", " "])).map("".join)
)
def test_any_text_is_read_or_refused(tmp_path_factory, text):
    """Never another error: a traceback tells an operator nothing."""
    path = tmp_path_factory.getbasetemp() / "any.env"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        load_target(path)
    except TargetError as error:
        assert str(path) in str(error)  # noqa: PT017


# --- provided targets


def test_a_provided_target_needs_only_name_and_kind(tmp_path):
    path = tmp_path / "lab.env"
    path.write_text('TARGET_NAME=lab\nTARGET_KIND=lab\nTARGET_PROVIDER="python -m lab serve"\n')
    target = load_target(path)
    assert target.provider == "python -m lab serve"
    assert target.allow_mutations is False


def test_a_provided_target_must_not_allow_mutations_itself(faults):
    """Its other values are defaults, and those name a real deployment's places."""
    [fault] = faults("TARGET_NAME=lab\nTARGET_KIND=lab\nTARGET_PROVIDER=x\nALLOW_MUTATIONS=true\n")
    assert fault.startswith("ALLOW_MUTATIONS (line 4) belongs in the target file that TARGET_PROVIDER makes")


# --- finding


@pytest.fixture
def folder(tmp_path):
    for name in ("lab.env", "staging.env", "production.env.example"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_a_name_and_a_path_are_found(folder, monkeypatch):
    assert find_target("staging", folder) == folder / "staging.env"
    assert find_target(str(folder / "lab.env"), folder) == folder / "lab.env"
    monkeypatch.chdir(folder)
    assert find_target("staging.env", folder / "elsewhere") == Path("staging.env")


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("stagin", "did you mean staging?"),
        ("production", "copy {folder}/production.env.example to {folder}/production.env and fill it in"),
        ("mars", "choose one of those, or describe yours in {folder}/NAME.env"),
        ("/nowhere/x.env", "choose one of those"),
    ],
)
def test_an_unknown_target_lists_what_exists(folder, name, remedy):
    with pytest.raises(TargetError) as error:
        find_target(name, folder)
    assert f"targets in {folder}: lab, staging; {remedy.format(folder=folder)}" in str(error.value)


# --- the examples


@pytest.mark.parametrize("kind", ["staging", "production"])
def test_an_example_is_complete_and_its_commented_lines_are_the_defaults(tmp_path, monkeypatch, kind):
    """With every `#` before a KEY= removed it gives the same settings as without: what it says is so."""
    monkeypatch.setenv("MONGODB_URL", MONGO)
    monkeypatch.setenv("GRAFANA_PASSWORD", "x")
    example = PROJECT / "targets" / f"{kind}.env.example"
    as_it_is = read_settings(example)
    opened = re.sub(r"^# (?=[A-Z_]+=)", "", example.read_text(), flags=re.MULTILINE)
    opened = opened.replace("GRAFANA_PASSWORD=\n", "GRAFANA_PASSWORD=x\n")
    opened = re.sub(r'^MONGODB_URL=".*"$', f"MONGODB_URL={MONGO}", opened, flags=re.MULTILINE)
    (tmp_path / "opened.env").write_text(opened)
    assert read_settings(tmp_path / "opened.env") == as_it_is
    named = set(re.findall(r"^([A-Z_]+)=", opened, re.MULTILINE))
    in_the_reference = {name for name, key in KEYS.items() if key.about or re.match("(BOT|WORKER|API)_LOG_", name)}
    assert named == set(KEYS) - {"TARGET_PROVIDER", "SOAK_SECONDS"} - in_the_reference
    assert (as_it_is["TARGET_NAME"], as_it_is["TARGET_KIND"]) == (kind, kind)
    assert as_it_is["ALLOW_MUTATIONS"] is False


def test_the_environment_of_this_test_is_clean():
    """The fixture above took the caller's secrets away, so no test passes because of them."""
    assert not {"MONGODB_URL", "GRAFANA_PASSWORD"} & set(os.environ)


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("production", "", 43),
        ("staging", "", len(load_cases())),
        ("production", "ATTACKS=all\n", len(load_cases())),
        ("production", "ATTACKS='student_id zip.file'\n", 2),
    ],
)
def test_production_gets_a_selection_of_the_attacks_that_may_be_shortened(load, kind, given, sent):
    text = re.sub(r"TARGET_KIND=\w+", f"TARGET_KIND={kind}", NEEDED)
    assert len(cases_to_send(load(text + given).storage.attacks)) == sent
    with pytest.raises(TargetError, match=r"ATTACKS.*zip\.zzz"):
        load(f"{text}ATTACKS='student_id zip.zzz'\n")
