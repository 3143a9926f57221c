"""Say what a reader must know first: outcome, kind of run, cause, next step, and the commands to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from acceptance.outcome import REFUSED
from acceptance.record import formatting
from acceptance.record.checks import findings_of
from acceptance.record.schema import Record, Rollback, Stage
from acceptance.verdict import ExitCode, Outcome, Verdict

FAILED = "ROLLBACK FAILED"
NOT_BEGUN = "REFUSED"
"""The banner's word for a run that was refused before it began."""

_KINDS = {"rehearse": "REHEARSAL", "deploy": "DEPLOYMENT", "survey": "SURVEY", "": "NOT BEGUN"}

_TALLY = re.compile(r"^\d+ checks? (failed|did not run|had no data)$|^stage \S+ was not accepted$")
"""A reason that only counts: the banner counts too."""

_TAIL = 60
"""Of two reasons that end with the same so many characters, one says what the other says."""

_LONG = 40
"""A cause of fewer characters, such as `expected 200, found 500`, is no sign that two checks tell of one thing."""

_RAW = re.compile(
    r"(?<!Internal Server )[\w.]*(?:Error|Exception|ConnectionPool|Traceback)\b\s*[:(].*"
    r"|\bassert .*|<[\w.]+ object at .*",
    re.S,
)
"""What Python says; a reader of the first screen needs the place where it stands, not the words."""

_STEP = re.compile(r"; [a-z](?:[^;()<>{}]|\([A-Z_, ]+\))*$")
"""How a message of ours ends: in what to do next."""


def must_act(record: Record) -> bool:
    """Tell whether the target is not as it should be, so that somebody must act now."""
    return record.rollback_failed or bool(formatting.still_on(record))


def alarming(record: Record) -> bool:
    """Tell whether a check that did not pass found something; what a check notes and passes is no cause of anything."""
    return any(check.verdict is not Verdict.PASS for check in record.checks if findings_of(check))


def word(record: Record) -> str:
    """Give the word of the banner: a failed rollback is louder than its NO-GO, and a refusal is no verdict."""
    if record.rollback_failed:
        return FAILED
    return NOT_BEGUN if record.refused else record.outcome.value


def sentence(record: Record) -> str:
    """Say in one sentence what the outcome means for the reader; what must be done at once comes first."""
    if record.refused:
        return "The run did not begin: nothing was changed."
    if record.rollback_failed:
        return "Act now: the rollback failed. Finish it by hand."
    if formatting.still_on(record):
        return "Act now: a flag was left on."
    subject = "The rehearsal passed" if record.facts.mode == "rehearse" else "The deployment stands"
    return {
        Outcome.GO: f"{subject}: everything planned ran and held.",
        Outcome.SURVEY: f"{_surveyed(record)} Nothing was switched, and nothing is accepted by it.",
        Outcome.NO_GO: f"Do not proceed: {_failed(record)}.",
        Outcome.INCONCLUSIVE: f"Not a pass: {_missing(record)[0]}.",
        Outcome.INTERRUPTED: "Not finished: what is missing was not proved.",
    }[record.outcome]


def _surveyed(record: Record) -> str:
    if record.counts.get(Verdict.FAIL):
        return "What was found, worst first."
    return "Nothing failed that can be asked without a switch."


def _failed(record: Record) -> str:
    failed = [stage.id for stage in record.stages if stage.verdict is Verdict.FAIL]
    undone = {each.stage for each in record.rollbacks if each.ok}
    back = [stage for stage in failed if stage in undone]
    rest = [stage for stage in failed if stage not in undone]
    told = [f"stage {', '.join(back)} failed and was rolled back"] if back else []
    told += [f"stage {', '.join(rest)} failed"] if rest else []
    return "; ".join(told) or "something failed"


def _missing(record: Record) -> tuple[str, str]:
    """Say what keeps a run in which nothing failed from being a GO, and what to do about it."""
    if record.counts.get(Verdict.INCONCLUSIVE):
        return "something could not be seen", "make visible what could not be seen (see Why), then run it again"
    if record.counts.get(Verdict.NOT_RUN):
        return "a part did not run", "run the whole stage, once nothing named under Why keeps it from running"
    return "something is open", "settle what is named under Why, then run it again"


def kind(record: Record) -> str:
    """Name the kind of run: a rehearsal proves nothing about production, and must not look as if it did."""
    return _KINDS.get("" if record.refused else record.facts.mode, record.facts.mode.upper())


def stage_word(stage: Stage) -> str:
    """Give the verdict of a stage; one that began and was cut off is not one that did not run."""
    cut = stage.started_at and not stage.finished_at and stage.verdict is Verdict.NOT_RUN
    return Outcome.INTERRUPTED.value if cut else stage.verdict.value


def causes(record: Record) -> list[str]:
    """Give the causes among the reasons, each once: no counts, and nothing that another cause cut short."""
    if record.refused:
        return [reason for reason in record.reasons if reason.startswith(REFUSED)]
    own = [reason for reason in record.reasons if not _TALLY.match(reason) and ": cut short: " not in reason]
    in_banner = FAILED if record.rollback_failed else ()
    told = [reason for reason in own or record.reasons if not reason.startswith(in_banner)]
    tried = [each.account.rpartition("then failed: ")[2] for each in record.tries if each.ok is False]
    return _once([plain(reason) for reason in told or tried])


def _once(reasons: Sequence[str]) -> list[str]:
    """Leave out repeated causes: one that several checks give, or that another cause contains."""
    found: dict[str, list[str]] = {}
    for reason in reasons:
        why = reason.partition(": ")[2]
        found.setdefault(why if len(why) > _LONG else reason, []).append(reason)
    told = [
        same[0].replace(": ", f" (and {len(same) - 1} more): ", 1) if len(same) > 1 else same[0]
        for same in found.values()
    ]
    tails = [each[-_TAIL:] for each in told]
    return [each for place, each in enumerate(told) if len(each) <= 2 * _TAIL or tails[place] not in tails[:place]]


def rolled_back_for(record: Record, rollback: Rollback) -> str:
    """Give why a stage was rolled back; empty where a cause says so already."""
    told = rollback.triggers or any(rollback.reason[-_TAIL:] in cause for cause in record.reasons)
    return "" if told else plain(rollback.reason)


def plain(text: str) -> str:
    """Remove Python's own words for an error, but not what to do next."""
    said = _RAW.sub("", text).rstrip(" :;,(")
    if said == text.rstrip(" :;,("):
        return said
    found = _STEP.search(text, len(said))
    step = found[0] if found and not _RAW.search(found[0]) else ""
    return f"{said} (the error itself stands at the check){step}"


def commands(record: Record) -> list[str]:
    """Give what must be typed now, if anything."""
    by_hand = [line for each in record.tries if each.ok is False for line in each.by_hand]
    state = {line for each in record.rollbacks for line in each.state_found}
    set_in = [line.strip() for line in record.rollback_failure.splitlines() if line.startswith("  ")]
    by_hand += [line for line in set_in if line not in state]
    needed = must_act(record) or record.facts.exit_code == ExitCode.RECOVERY_NEEDED
    return list(dict.fromkeys(by_hand)) or ([_recover(record)] if needed else [])


def failed_rollbacks(record: Record) -> Iterator[str]:
    """Describe for each failed rollback what was tried and how it ended."""
    accounts = [f"stage {each.stage}: {each.account}" for each in record.tries if each.ok is False]
    lines = record.rollback_failure.splitlines()
    yield from accounts or [" ".join(line for line in lines if not line.startswith("  ")).removesuffix(" By hand:")]


def next_step(record: Record, exit_code: int | None = None) -> str:
    """Say what the reader does next.

    Args:
        record: The run's record.
        exit_code: The run's own, where it is not in the record yet.
    """
    code = record.facts.exit_code if exit_code is None else exit_code
    if code == ExitCode.ROLLBACK_FAILED or record.rollback_failed:
        return "finish the rollback by hand, NOW: see below"
    if code == ExitCode.RECOVERY_NEEDED or formatting.still_on(record):
        return "undo it with this command (add --dry-run to only list it), then start again:"
    if code == ExitCode.REFUSED or record.refused:
        return "do what the reason says, then start again; --plan shows what a run would do"
    return _after(record)


def _after(record: Record) -> str:
    """Say what follows from the outcome of a run that left the target in order."""
    deploy = record.facts.mode == "deploy"
    match record.outcome:
        case Outcome.GO if deploy:
            return _after_stage(record)
        case Outcome.GO:
            return _after_rehearsal(record)
        case Outcome.SURVEY if record.counts.get(Verdict.FAIL):
            return "mend what was found, worst first; then rehearse"
        case Outcome.SURVEY if record.counts.get(Verdict.INCONCLUSIVE):
            return "nothing failed; see under Why what had no data, and what only a rehearsal can show: rehearse"
        case Outcome.SURVEY:
            return "nothing failed that can be asked without a switch: rehearse"
        case Outcome.NO_GO if deploy:
            done = "attach the record (scripts/ops/record.py attach), write the incident entry"
            return f"do not go on; {done}, find the cause"
        case Outcome.NO_GO:
            return "do not go on; find the cause and mend it, then rehearse again"
        case Outcome.INTERRUPTED:
            flags = "see that the flags above are as you want them, then " if record.flags else ""
            return f"{flags}start the stage again"
        case Outcome.INCONCLUSIVE:
            return f"{_missing(record)[1]}; this is no GO"


def _after_stage(record: Record) -> str:
    """Say what follows a part of a deployment that is GO: the next stage, or after the last one its papers."""
    attach = "attach the record to the ticket: scripts/ops/record.py attach"
    if any(stage.id.startswith("post") for stage in record.stages):
        return f"{attach}; log entry: scripts/ops/record.py log"
    return f"go on with the next stage of docs/window.md; {attach}"


def _after_rehearsal(record: Record) -> str:
    """Say what is still between a rehearsal that is GO and its deployment: staging, or a whole soak."""
    if record.facts.target_kind == "lab":
        return "a lab proves nothing about your deployment: rehearse on staging (--target staging)"
    if soak := record.facts.target.get("soak_seconds"):
        return f"its soaks were of {float(soak):g} s only: rehearse once without SOAK_SECONDS, then deploy"
    return "deploy in the window with --mode deploy --ticket TICKET"


def deployed(record: Record) -> str:
    """Name the commit that ran, as last seen; more than one where services differ."""
    return commit_of(record.facts.code) or "not known"


def commit_of(code: Mapping[str, Any]) -> str:
    """Name the commit of what was seen of the code; empty where nobody says."""
    seen: Mapping[str, Any] = list(code.values())[-1] if code else {}
    running: Sequence[str] = [commit for commits in seen.get("running", {}).values() for commit in commits]
    found = dict.fromkeys(running or filter(None, [seen.get("checkout")]))
    return ", ".join(commit[:12] for commit in found)


def _recover(record: Record) -> str:
    source = str(record.facts.target.get("source") or record.facts.target.get("name") or "TARGET")
    return shlex.join(["scripts/ops/recover.py", "--target", source])
