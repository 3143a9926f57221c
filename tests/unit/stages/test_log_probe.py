"""The probe of a log: one request of ours must be in it, under its time and with its trace id."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from served import answering
from small_target import small_target

from acceptance.finding import summary
from acceptance.stages import log_probe
from acceptance.stages.log_probe import probe

HOUR = timedelta(hours=1)


def as_json(path, trace, ahead):
    at = (datetime.now(UTC) + ahead).isoformat()
    return json.dumps({"timestamp": at, "level": "INFO", "event": "request", "path": path, "trace_id": trace})


def as_text(path, _, ahead):
    return f"{datetime.now(UTC) + ahead:%Y-%m-%d %H:%M:%S},123 - api - INFO - GET {path} 404"


@pytest.fixture
def probed(tmp_path, monkeypatch):
    """Probes a service that logs its requests in some way, and says what is wrong."""
    monkeypatch.setattr(log_probe, "_PATIENCE_S", 0.3)

    def of(write, ahead=timedelta(0), status=404, **keys):
        log = tmp_path / "api.log"
        log.touch()

        def answer(asked):
            trace = asked.headers.get("traceparent", "--").split("-")[1] if keys.get("TRACE_HEADER") != "" else "f" * 32
            with log.open("a") as stream:
                stream.write(write(asked.path, trace, ahead) + "\n")
            return status, "", {}

        with answering(answer) as url:
            target = small_target(tmp_path, API_LOGS=f"file://{log}", API_URL=url, **keys)
            return probe(target.services["api"], target).findings(target.trace_header)

    return of


@pytest.mark.parametrize(
    ("write", "ahead", "keys", "said"),
    [
        (as_json, 0, {}, ""),
        (as_text, 0, {"LOG_FORMAT": "text"}, ""),
        (as_text, 2, {"LOG_FORMAT": "text", "LOG_ZONE": "+02:00"}, ""),
        (as_json, 0, {"TRACE_HEADER": ""}, ""),
        (lambda *_: "started", 0, {}, "expected a line of our GET /ops-"),
        (as_text, 0, {}, "expected a time in the line of our request, as json has it"),
        (as_text, 2, {"LOG_FORMAT": "text"}, "set API_LOG_ZONE"),
        (as_json, -1, {}, "s away: "),
        (lambda path, _, ahead: as_json(path, "f" * 32, ahead), 0, {}, "expected the trace id that we sent"),
        (lambda *of: as_json(*of).replace('"INFO"', "30"), 0, {}, "numbers=syslog|dotnet|python|pino"),
    ],
    ids=[
        *("JSON", "text", "zone", "no header", "no requests", "another form", "another zone", "clock"),
        *("not read", "figures"),
    ],
)
def test_what_keeps_a_log_from_being_believed_is_said(probed, write, ahead, keys, said):
    wrong = probed(write, ahead * HOUR, **keys)
    assert said in summary(wrong) if said else wrong == []


@pytest.mark.parametrize(("login", "had"), [("", "it had no login"), ("Bearer old", "its login was refused")])
def test_a_refused_login_is_told_with_the_keys_to_fill_in(probed, login, had):
    """What logs the requests stands behind the login."""
    (wrong,) = probed(lambda *_: "started", status=401, SERVICE_LOGIN=f'"{login}"')
    remedy = "correct SERVICE_LOGIN or API_LOGIN, and LOGIN_HEADER"
    assert f"found none: the request was answered 401, {had}; {remedy}" in str(wrong)
