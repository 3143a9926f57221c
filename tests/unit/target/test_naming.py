"""A deployment with other names is asked in its own, and its answers are read in the contract's."""

import json

import httpx
import pytest
from small_target import small_target

from acceptance.observe.prometheus import Prometheus
from acceptance.probes.archives.archives import good
from acceptance.probes.dialog.gateway import Butler
from acceptance.probes.http.client import Caller
from acceptance.probes.storage.uploads import Upload
from acceptance.target.file import TargetError
from acceptance.target.naming import HttpNames, MetricNames

METRICS = MetricNames(
    {"review_archive_storage_": "intake_", "review_": "flow_", "butler_messages_total": "said_total"},
    {"status": "outcome"},
    {"status:error": "failed", "status:success": "ok", "error_type:disk_full": "no_space"},
)


@pytest.mark.parametrize(
    "query, asked",
    [
        (
            'review_archive_storage_operations_total{job="review_x",status="error",error_type!~"status|disk_full"}',
            'intake_operations_total{job="review_x",outcome="failed",error_type!~"status|no_space"}',
        ),
        ("sum by (status, job) (rate(review_done[5m]))", "sum by (outcome, job) (rate(flow_done[5m]))"),
        ('{__name__=~"review_archive_storage_.*", job="a"}[5m]', '{__name__=~"intake_.*", job="a"}[5m]'),
        ('butler_messages_total{ status =~ "success|error" }', 'said_total{ outcome =~ "ok|failed" }'),
        ("process_start_time_seconds / status_total", "process_start_time_seconds / status_total"),
    ],
)
def test_a_query_is_asked_in_the_deployments_names(query, asked):
    assert METRICS.query(query) == asked


def test_a_series_is_read_in_the_contracts_names():
    row = {"__name__": "intake_operations_total", "outcome": "failed", "job": "flow_1"}
    told = {"__name__": "review_archive_storage_operations_total", "status": "error", "job": "flow_1"}
    assert METRICS.told(row) == told


def test_prometheus_is_asked_so(tmp_path, monkeypatch):
    target = small_target(tmp_path, METRIC_NAMES="review_archive_storage_=intake_", METRIC_LABELS="status=outcome")
    asked = []

    class Client:
        def custom_query(self, query, params=None):
            asked.append(query)
            metric = {"__name__": "intake_operations_total", "outcome": "error"}
            return [{"metric": metric, "values": [[1, "2"]], "value": [1, "2"]}]

    prometheus = Prometheus.of(target)
    monkeypatch.setattr(prometheus, "_client", Client(), raising=False)
    selector = 'review_archive_storage_operations_total{status="error"}'
    labels = {"__name__": "review_archive_storage_operations_total", "status": "error"}
    assert [prometheus.instant(selector)[0].labels, prometheus.raw(selector, 0, 1)[0].labels] == [labels, labels]
    assert asked == ['intake_operations_total{outcome="error"}', 'intake_operations_total{outcome="error"}[1000ms]']


def butler(answer, fields):
    seen = []

    def serve(request):
        seen.append((request.url.path, json.loads(request.content), request.headers.get("authorization")))
        return httpx.Response(200, json=answer)

    names = HttpNames({"/api/v1/dialog": "/chat"}, fields)
    login = {"Authorization": "Bearer x"}
    return seen, Butler(Caller("http://bot", headers=login, names=names, transport=httpx.MockTransport(serve)))


def test_a_dialog_is_held_in_other_names_and_without_modes():
    fields = {"user_id": "from", "message": "text", "session_id": "conversation", "reply": "answer", "mode": ""}
    seen, its = butler({"conversation": "c1", "answer": "Good morning"}, fields)
    turn = its.say("u1", "Hello")
    assert seen == [("/chat/messages", {"from": "u1", "text": "Hello"}, "Bearer x")]
    assert (turn.session_id, turn.mode, turn.findings()) == ("c1", None, [])


def test_a_mode_that_is_not_declared_absent_is_asked_for():
    _, its = butler({"session_id": "c1", "reply": "Good morning"}, {})
    assert "a mode of" in str(its.say("u1", "Hello").findings()[0])


def answering(status, body, **names):
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    return Caller("http://api", names=HttpNames(**names), transport=transport).get("/x")


def test_an_answer_of_another_form_is_read_in_the_contracts_names_and_values():
    fields = {"detail": "error.message", "RateLimiter": "limiter.state", "commits": "found"}
    names = {"fields": fields, "values": {"RateLimiter:healthy": "up", "status:succeeded": "done"}}
    refused = answering(422, '{"error": {"message": "too large"}}', **names)
    assert (refused.exchange.detail, refused.get("detail")) == ("too large", "too large")
    assert answering(200, '{"limiter": {"state": "up"}, "x": {"state": "up"}}', **names).get("RateLimiter") == "healthy"
    assert answering(200, '{"found": [{"status": "done"}]}', **names).get("commits") == [{"status": "succeeded"}]


@pytest.mark.parametrize(("fields", "detail"), [({}, None), ({"detail": ""}, "too large")])
def test_a_refusal_in_plain_text_has_a_detail_only_where_that_is_declared(fields, detail):
    assert answering(413, "too large", fields=fields).exchange.detail == detail


def test_an_upload_has_the_deployments_fields_and_a_hostile_name_stays():
    names = HttpNames({}, {"student_id": "learner_id", "new_zip": "archive"})
    form = Upload("9", "hw", good()).form(names)
    wanted = b"learner_id assignment_id new_commit new_zip_sha256 archive".split()
    assert [part.name for part in form.parts] == wanted


@pytest.mark.parametrize(
    "key, value",
    [
        ("API_FIELDS", "student_id=a task_id=a"),
        ("API_FIELDS", "student_id"),
        ("API_ROUTES", "/x="),
        ("METRIC_LABELS", "status=1st"),
        ("METRIC_NAMES", "a=b a=c"),
        ("METRIC_VALUES", "status:success=ok status:error=ok"),
        ("METRIC_VALUES", "success=ok"),
        ("MONGODB_VALUES", "succeeded=done"),
        ("API_VALUES", "succeeded=done"),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(tmp_path, key, value):
    with pytest.raises(TargetError, match=key):
        small_target(tmp_path, **{key: f"'{value}'"})


def test_a_login_is_the_services_own_or_that_of_all_and_is_hidden(tmp_path):
    target = small_target(tmp_path, SERVICE_LOGIN="'Bearer all-secret'", API_LOGIN="api-secret", LOGIN_HEADER="X-Key")
    assert target.services["api"].headers == {"X-Key": "api-secret"}
    assert target.services["bot"].headers == {"X-Key": "Bearer all-secret"}
    assert {"all-secret", "api-secret"} <= set(target.secrets())
    assert not any("secret" in value for value in target.public().values())
    assert "secret" not in repr(target)
