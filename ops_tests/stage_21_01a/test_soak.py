"""Stage 21_01a, monitor for 15 minutes."""

import pytest

from acceptance.baseline.response_times import slower
from acceptance.finding import summary
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.chat import Chat
from acceptance.probes.dialog.conversation import Conversation
from acceptance.probes.dialog.gateway import RECALL, keep
from acceptance.probes.dialog.told_in_log import logged
from acceptance.stages.soak import SoakReport
from acceptance.verdict import Verdict
from fixtures.given import TIMES, Before, EvidenceBox, FlagState, Flow, Logs, NewId, Run, StageWork, Store, Timed

from .conftest import CONVERSATION, LONG_CONVERSATION, Show, Talk

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def conversation(soaked: object, talk: Talk, new_id: NewId, word: str) -> Conversation:
    """A user's conversation after the soak."""
    return talk(new_id("user"), "Hello", keep(word), RECALL)


@pytest.mark.checklist("21_01a.monitor.1")
@pytest.mark.parametrize("gate_id", ["repository-errors", "repository-latency-p95"])
def test_gate_holds(gate_id: str, soaked: SoakReport, evidence: EvidenceBox) -> None:
    """Watch Prometheus metrics: the gate holds over the soak."""
    result = soaked.results[gate_id]
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01a.monitor.1")
def test_every_turn_of_the_soak_was_good(soaked: SoakReport) -> None:
    """Watch Prometheus metrics: what the counters say is true, each message was answered in its session."""
    assert soaked.findings == [], summary(soaked.findings)
    assert soaked.sent > 0, "expected requests of ours in the soak, found none"


@pytest.mark.checklist("21_01a.monitor.1")
def test_every_conversation_of_the_soak_is_stored(soaked: object, chat: Chat, mongo: Store, before: Before) -> None:
    """Watch Prometheus metrics: what the counters say is true, each conversation has its one document, all of it."""
    talks = before.all(LONG_CONVERSATION)
    keeps = max((contexts.kept(each.contexts[-1], each.said) for each in talks), default=chat.length)
    in_turn = max((contexts.kept_in_turn(each.contexts[-1], each.talk) for each in talks), default=0)
    found = chat.stored_findings(mongo, [*before.all(CONVERSATION)[:1], *talks[:1]], keeps, in_turn)
    assert (len(chat.held) > 0, found) == (True, []), summary(found) if found else "expected conversations, found none"


@pytest.mark.checklist("21_01a.monitor.2")
def test_no_new_errors_in_the_log(
    flag_on: FlagState, soaked: object, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Check application logs: no warnings or errors of a kind that was not there before the flag."""
    level = stage_work.log_compared(flag_on)
    evidence.add(level.evidence())
    found = [*level.new_kinds(), *level.increase()]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.2")
def test_log_tells_no_more_of_what_users_say(
    soaked: object, chat: Chat, bot_logs: Logs, run: Run, before: Before
) -> None:
    """Check application logs: what users say does not stand there, unless it did with the flag off."""
    said = before.of(CONVERSATION)[0].said
    found = logged(bot_logs, run.started, said, [each for seat in chat.held for each in seat.said])
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.2", "trigger.4")
def test_log_is_as_with_the_flag_off(flag_on: FlagState, soaked: object, stage_work: StageWork) -> None:
    """Check application logs: our requests stand there as with the flag off, and no secret does."""
    found = stage_work.log_findings(flag_on)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.4")
def test_messages_are_taken(conversation: Conversation, show: Show) -> None:
    """Send message to Butler bot: each is taken."""
    show(conversation)
    statuses = [turn.exchange.status for turn in conversation.turns]
    assert statuses == [200] * 3, f"expected 200 for each of three messages, found {statuses}"


@pytest.mark.checklist("21_01a.monitor.5")
def test_responses_are_good(conversation: Conversation) -> None:
    """Verify response: each is an answer, and no error text."""
    found = conversation.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.6")
def test_history_is_maintained(conversation: Conversation, word: str) -> None:
    """Check conversation history maintained: in what Butler says and in what it keeps."""
    last, stored = conversation.turns[-1], conversation.contexts[-1]
    found = [
        *last.forgot(word),
        *conversation.other_session(),
        *contexts.findings(stored, last.user_id, conversation.said),
    ]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.3")
def test_user_facing_validation(flow: Flow) -> None:
    """User-facing validation (manual test in Telegram): all of its steps were good, as users reach the bot."""
    found = flow.weigh("21_01a.monitor.4", "21_01a.monitor.5", "21_01a.monitor.6")
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.1", "trigger.2")
def test_latency_is_at_most_twice_the_baseline(time_requests: Timed, before: Before, stage_work: StageWork) -> None:
    """Latency >2x baseline: the same requests take at most twice as long as with the flag off."""
    found = slower(stage_work.service.name, before.all(TIMES), time_requests(), time_requests)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.1", "trigger.5")
def test_service_ran_through(soaked: object, stage_work: StageWork) -> None:
    """Services restart only when they are told to: since flag-on neither this one did, nor any other."""
    found = stage_work.restarted_unasked()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.1")
def test_metrics_keep_to_the_label_standard(soaked: SoakReport, stage_work: StageWork) -> None:
    """Watch Prometheus metrics: each operation is counted and timed, and no label is an id."""
    found = stage_work.metric_findings(soaked, ("get", "save"))
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.monitor.1")
def test_requests_leave_nothing_behind(soaked: SoakReport, stage_work: StageWork) -> None:
    """Watch Prometheus metrics: neither open files nor memory grow with the requests of the soak."""
    found = stage_work.grown(soaked)
    assert found == [], summary(found)
