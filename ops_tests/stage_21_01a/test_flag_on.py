"""Stage 21_01a, gradual rollout: the new repository."""

import pytest

from acceptance.baseline.response_times import slower_too
from acceptance.evidence import Evidence
from acceptance.finding import Finding, summary
from acceptance.observe.still_stored import lost_documents
from acceptance.polling import poll
from acceptance.probes.answers import other_form
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.concurrent_users import converse_at_once
from acceptance.probes.dialog.conversation import LONG_TALK, Conversation, other_forms, other_modes
from acceptance.probes.dialog.gateway import RECALL, keep, new_word
from acceptance.probes.dialog.sessions import Sessions
from acceptance.probes.flag_path import answered
from acceptance.probes.likeness import OldPath
from acceptance.probes.odd_requests import odd_findings
from fixtures.given import (
    ODD_REQUESTS,
    STORED,
    Answers,
    Before,
    Butler,
    EvidenceBox,
    FlagState,
    NewId,
    Prometheus,
    StageWork,
    Store,
)

from .conftest import CONVERSATION, HELD_IN, KEPT_APART, LONG_CONVERSATION, Show, Talk, TrySessions

pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("flag_on")]

SESSIONS = 100
ASK_LATER = 2
CONCURRENT_DEADLINE_S = 60
STORED_S = 0.1
"""Within so many seconds of its answer a turn is stored at once; what is answered and not stored, a restart loses."""


@pytest.fixture(scope="module")
def conversation(talk: Talk, new_id: NewId, word: str) -> Conversation:
    """The checklist's own message, then a word to keep and the question what was said; others ask after a rollback."""
    for _ in range(ASK_LATER):
        talk(new_id("later"), keep(new_word()))
    return talk(new_id("on"), "Testing new repo", keep(word), RECALL)


@pytest.mark.checklist("21_01a.rollout.2")
def test_flag_change_restarted_the_bot(flag_on: FlagState) -> None:
    """Enable feature flag: the process that runs now started after the change."""
    restarted = flag_on.switched()
    assert restarted, "the flag was on already: nothing was switched"
    assert restarted.proved, f"expected a process that started after the change, found {restarted}"


@pytest.mark.checklist("21_01a.rollout.2", "21_01a.rollout.3")
def test_contexts_are_saved_via_the_repository(
    conversation: Conversation, prometheus: Prometheus, stage_work: StageWork
) -> None:
    """Verify context saved via repository: only the new one counts its operations, so the flag is really read."""
    job, turns = stage_work.service.job, len(conversation.turns)
    patience = stage_work.target.scrape_patience_s
    saved = poll(lambda: contexts.saves(prometheus, job), lambda count: count >= turns, patience)
    assert saved >= turns, (
        f"{'some messages take the old path, or are counted otherwise' if saved else 'the flag has no effect'}: "
        f"expected {turns} saves by the repository, found {saved:g} in {prometheus.own(contexts.OPERATIONS)} of {job}; "
        f"{answered(conversation.findings())}"
    )


@pytest.mark.checklist("21_01a.rollout.2", "21_01a.rollout.3")
def test_new_path_is_at_work(conversation: Conversation, stage_work: StageWork) -> None:
    """Enable feature flag: what only the new repository does is seen after our requests."""
    assert stage_work.new_path.appears(), (
        f"the flag has no effect: expected {stage_work.new_path}, found nothing; {answered(conversation.findings())}"
    )


@pytest.mark.checklist("21_01a.rollout.3")
def test_butler_answers(conversation: Conversation, show: Show) -> None:
    """Smoke test with flag on: a message gets an answer and no error text."""
    show(conversation)
    found = conversation.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_orders_are_answered(orders: list[Finding]) -> None:
    """Smoke test with flag on: a digest, and channel info, of the channel that was asked for."""
    assert orders == [], summary(orders)


@pytest.mark.checklist("21_01a.rollout.3")
def test_session_stays_the_same(conversation: Conversation) -> None:
    """Smoke test with flag on: a conversation is one session."""
    found = conversation.other_session()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_context_is_stored(conversation: Conversation) -> None:
    """Smoke test with flag on: the context can be retrieved and holds the whole conversation."""
    found = contexts.findings(conversation.contexts[-1], conversation.turns[0].user_id, conversation.said)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_context_is_stored_in_no_other_collection(conversation: Conversation, mongo: Store, before: Before) -> None:
    """Smoke test with flag on: no copy lies where none did, which a rollback leaves and nobody deletes."""
    [(user, held)], now = before.of(HELD_IN), mongo.holding(conversation.turns[0].user_id)
    old = {*held, *mongo.holding(user)}  # what is written late by the old path is there by now
    assert old.issuperset(now), f"expected the user in {sorted(old)}, as with the flag off, found {now}"


@pytest.mark.checklist("21_01a.rollout.3")
def test_step_count_grows(conversation: Conversation) -> None:
    """Smoke test with flag on: each turn is a step."""
    counts = contexts.steps(conversation.contexts)
    grown = sorted({count for count in counts if count})
    assert counts == grown, f"expected a step_count that grows with each turn, found {counts}"


@pytest.mark.checklist("21_01a.rollout.3")
def test_steps_are_counted_as_before(before: Before, conversation: Conversation) -> None:
    """Smoke test with flag on: a conversation of as many turns has the steps that it had with the flag off."""
    old, now = (
        [*contexts.steps(each.contexts), (each.contexts[-1] or {}).get("state")]
        for each in (before.of(CONVERSATION)[0], conversation)
    )
    assert now == old, f"expected step_count and state {old} after the turns, as with the flag off, found {now}"


@pytest.mark.checklist("21_01a.rollout.3")
def test_history_is_used(conversation: Conversation, word: str) -> None:
    """Smoke test with flag on: Butler knows what was said before."""
    found = conversation.turns[-1].forgot(word)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_conversation_of_the_old_code_goes_on(before: Before, talk: Talk, mongo: Store) -> None:
    """Smoke test with flag on: what was begun with the flag off is not lost, ours and that of others."""
    lost = lost_documents(mongo, before.of(STORED)[0])
    begun = before.of(CONVERSATION)[0]
    user, session = begun.turns[0].user_id, begun.session_id
    more = talk(user, keep(new_word()), session_id=session)  # what was said before would be found before it is stored
    said = [*begun.said, *more.said]
    found = [*lost, *more.findings(), *more.other_session(), *contexts.findings(more.contexts[-1], user, said)]
    assert (found, more.session_id) == ([], session), summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_many_sessions_at_once(butler: Butler, new_id: NewId, evidence: EvidenceBox, stage_work: StageWork) -> None:
    """Smoke test with flag on: 100 concurrent sessions are answered, each with its own history."""
    with stage_work.synthetic.together():
        done = converse_at_once(butler, [new_id("together") for _ in range(SESSIONS)], CONCURRENT_DEADLINE_S)
    evidence.add(
        Evidence("text", "at once", {"text": f"{len(done.conversations)} conversations in {done.seconds:.2f} s"})
    )
    found = done.findings()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_as_much_is_remembered_as_with_the_flag_off(long_talk: Conversation, before: Before) -> None:
    """Smoke test with flag on: twelve turns on one connection are answered, and as much is stored as before."""
    found = long_talk.findings()
    assert found == [], summary(found)
    talks = (before.of(LONG_CONVERSATION)[0], long_talk)
    old, now = (contexts.remembered(each.contexts[-1], each.said) for each in talks)
    unlike = {message[:60]: (times, now[message]) for message, times in old.items() if now[message] != times}
    assert unlike == {}, f"expected each message stored in full as often as with the flag off, found {unlike}"


@pytest.mark.checklist("21_01a.rollout.3")
def test_contexts_are_stored_as_with_the_flag_off(
    before: Before, conversation: Conversation, long_talk: Conversation, talk: Talk, new_number: NewId
) -> None:
    """Smoke test with flag on: what is stored is of the same form, for the old code to read, and stored as soon."""
    begun, long = before.of(CONVERSATION)[0], before.of(LONG_CONVERSATION)[0]
    old = OldPath([begun.seen, long.seen], lists=frozenset({"context"}))
    pairs = ((conversation, begun), (long_talk, long))
    found = [each for new, same in pairs for each in old.unlike(new.session_id, new.seen, same.seen)]
    found += [*other_modes(long.turns, long_talk.turns), *other_forms(long.turns, long_talk.turns)]
    exchanges = [turn.exchange for turn in (*begun.turns, *long.turns)]
    found += other_form(exchanges, [turn.exchange for turn in (*conversation.turns, *long_talk.turns)])
    waited, waits = ([*one.waits, *many.waits] for one, many in ((begun, long), (conversation, long_talk)))
    found += slower_too(
        "answered turns until they are stored",
        waited,
        waits,
        lambda: talk(new_number("Long"), *LONG_TALK).waits,
        STORED_S,
    )
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3", "trigger.2")
def test_sessions_are_kept_apart_as_with_the_flag_off(
    sessions: Sessions, try_them: TrySessions, before: Before
) -> None:
    """Smoke test with flag on: two conversations of a user, a stranger in a session, messages at the same moment."""
    old = before.of(KEPT_APART)[0]
    found = sessions.unlike(old)
    found += slower_too("messages at the same moment", old.seconds, sessions.seconds, lambda: try_them().seconds)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01a.rollout.3")
def test_odd_requests_are_refused_as_with_the_flag_off(odd_on: Answers, before: Before) -> None:
    """Smoke test with flag on: what no service can serve is refused as before."""
    found = odd_findings(odd_on, before.of(ODD_REQUESTS)[0])
    assert found == [], summary(found)
