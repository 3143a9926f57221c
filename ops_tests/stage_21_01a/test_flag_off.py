"""Stage 21_01a, gradual rollout: the old behaviour still works."""

from collections.abc import Sequence

import pytest

from acceptance.finding import Finding, summary
from acceptance.observe.still_stored import all_stored
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.conversation import Conversation
from acceptance.probes.dialog.gateway import RECALL, keep
from acceptance.probes.dialog.sessions import Sessions
from acceptance.probes.odd_requests import odd_findings
from acceptance.probes.traffic import Probe
from fixtures.given import STORED, Answers, Before, NewId, StageWork, Store

from .conftest import CONVERSATION, HELD_IN, KEPT_APART, LONG_CONVERSATION, Show, Talk

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_off")]


@pytest.fixture(scope="module")
def conversation(talk: Talk, new_id: NewId, word: str, before: Before) -> Conversation:
    """The checklist's own message, then a word to keep and the question what was said."""
    begun = talk(new_id("off"), "Hello", keep(word), RECALL)
    before.keep(CONVERSATION, begun)
    return begun


@pytest.mark.checklist("21_01a.rollout.1")
def test_butler_answers(conversation: Conversation, show: Show) -> None:
    """Validate with flag off: response received, no errors."""
    show(conversation)
    found = conversation.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.1")
def test_orders_are_answered(orders: list[Finding]) -> None:
    """Validate with flag off: a digest, and channel info, of the channel that was asked for."""
    assert orders == [], summary(orders)


@pytest.mark.checklist("21_01a.rollout.1")
def test_session_stays_the_same(conversation: Conversation) -> None:
    """Validate with flag off: a conversation is one session."""
    found = conversation.other_session()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.1")
def test_context_is_stored(conversation: Conversation, mongo: Store, before: Before) -> None:
    """Validate with flag off: documents present, this conversation's among them."""
    user = conversation.turns[0].user_id
    before.keep(HELD_IN, (user, mongo.holding(user)))
    before.keep(STORED, all_stored(mongo))
    found = contexts.findings(conversation.contexts[-1], user, conversation.said)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.1")
def test_history_is_used(conversation: Conversation, word: str) -> None:
    """Validate with flag off: Butler knows what was said before."""
    found = conversation.turns[-1].forgot(word)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.1")
def test_new_path_is_not_at_work(conversation: object, stage_work: StageWork) -> None:
    """Validate with flag off: after these requests nothing shows the new path."""
    seen = stage_work.new_path.after_use()
    assert seen == set(), (
        f"expected no sign of {stage_work.new_path} with the flag off, found {sorted(seen)}: the new code is at work"
    )


@pytest.mark.checklist("21_01a.rollout.1", "trigger.2")
def test_requests_are_answered_and_timed(times_off: Sequence[Probe]) -> None:
    """Validate with flag off: requests are answered, and their times are the baseline of this run."""
    faults = [probe.fault for probe in times_off if probe.fault]
    assert (len(times_off) > 0, faults) == (True, []), f"{len(faults)} of {len(times_off)} failed: {faults[:3]}"


@pytest.mark.checklist("21_01a.rollout.1")
def test_long_conversation_is_remembered(long_talk: Conversation, before: Before) -> None:
    """Validate with flag off: twelve turns are answered in one session; how much is kept, the new code must keep."""
    before.keep(LONG_CONVERSATION, long_talk)
    found = [*long_talk.findings(), *long_talk.other_session()]
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.1")
def test_sessions_are_tried(sessions: Sessions, before: Before) -> None:
    """Validate with flag off: a user's second conversation is answered; how sessions are kept apart is noted."""
    before.keep(KEPT_APART, sessions)
    assert sessions.faults == [], summary(sessions.faults)


@pytest.mark.checklist("21_01a.rollout.1")
def test_odd_requests_do_not_crash(odd_off: Answers) -> None:
    """Validate with flag off: what no service can serve is refused; how, the new code must keep."""
    found = odd_findings(odd_off)
    assert found == [], summary(found)
