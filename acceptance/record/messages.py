"""Write the texts that are sent after a run, in the checklist's formats, from the record alone.

A line claims only what the record bears: what was not checked is said to be so, and a rehearsal is called one.
Sources: post.documentation.1 and .2, post24.communication.1; the incident entry is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.message import EmailMessage
from itertools import groupby
from string import ascii_lowercase

from acceptance.checklist import State
from acceptance.record import formatting
from acceptance.record.delays import delay_of
from acceptance.record.documents import MISSING
from acceptance.record.formatting import parse
from acceptance.record.schema import Record, Rollback, Stage
from acceptance.record.timeline import on
from acceptance.stage_folders import flagged
from acceptance.verdict import Outcome, Verdict


def claims(record: Record) -> list[str]:
    """Give the checklist's four closing sentences, each as far as the record proves it."""
    flagged = [stage for stage in record.stages if stage.flag]
    gates = [gate.verdict for stage in record.stages for gate in stage.gates]
    states = {line.id: line.state for line in record.lines}
    return [
        _claim("All feature flags enabled successfully", [stands(stage) for stage in flagged])
        if record.facts.mode != "rehearse"
        else "Rehearsal: every flag that was enabled was restored",
        _claim("No errors detected in monitoring", [verdict is Verdict.PASS for verdict in gates]),
        _claim("Smoke tests pass", _settled(states["post.validation.1"])),
        _claim("User-facing validation successful", _settled(states["post.validation.5"])),
    ]


def stages_name(record: Record) -> str:
    """Name the stages as the checklist does: `Stage 21_01a-d` where their letters follow on, else one by one."""
    names = [stage.id for stage in record.stages if stage.id[:1].isdigit()]
    by_number = groupby(names, lambda name: name.rstrip(ascii_lowercase))
    told = [_run(base, [name.removeprefix(base) for name in group]) for base, group in by_number]
    return f"Stage {', '.join(told)}" if told else "without a stage"


def _run(base: str, letters: list[str]) -> str:
    if len(letters) > 1 and "".join(letters) in ascii_lowercase:
        return f"{base}{letters[0]}-{letters[-1]}"
    return ", ".join(f"{base}{letter}" for letter in letters)


def summaries() -> dict[str, str]:
    """Give what each stage with a flag changes, by its id."""
    return {stage.id: stage.summary for stage in flagged()}


def stands(stage: Stage) -> bool:
    """Tell whether a stage passed and its flag was left enabled."""
    return bool(stage.kept) and stage.verdict is Verdict.PASS


def _settled(state: State) -> list[bool]:
    return [] if state in (State.NOT_RUN, State.NOT_APPLICABLE, State.AWAITING) else [state is State.PASS]


def _claim(text: str, grounds: list[bool]) -> str:
    if not grounds:
        return f"{text}: not checked in this run"
    return text if all(grounds) else f"{text}: NO"


LOG_PATH = "docs/specs/epic_21/architect/deployment_log.md"


def deployment_log(record: Record) -> str:
    """Give the entry for the deployment log (post.documentation.1)."""
    facts = record.facts
    first, last = parse(facts.started_at), parse(facts.finished_at)
    when = f"{first:%Y-%m-%d %H:%M}–{last:%H:%M} UTC" if first and last else "unknown"
    planned = formatting.duration(facts.planned_minutes * 60) if facts.planned_minutes else "not stated"
    return "\n".join(
        [
            f"## {_kind(record)}: {formatting.day(facts.started_at)} {stages_name(record)}",
            "",
            f"- **Date**: {when}",
            f"- **Duration**: {formatting.duration(facts.seconds)} (planned: {planned})",
            f"- **Outcome**: {record.outcome} on {formatting.host_of(facts)}, {_reference(record)}",
            f"- **Issues**: {_issues(record)}",
            f"- **Rollbacks**: {'; '.join(_rollback(each) for each in record.rolled_back) or 'None'}",
            f"- **Deployed by**: {facts.operator or 'unknown'}",
            f"- **Validated by**: {', '.join(dict.fromkeys(each.name for each in record.sign_offs)) or 'nobody yet'}",
            "",
        ]
    )


def ops_post(record: Record, next_deployment: str = "") -> str:
    """Give the post for `#ops-shared` (post.documentation.2).

    Args:
        record: The run.
        next_deployment: What comes next and when, such as `Stage 21_02 (planned: 2025-12-06)`.
    """
    sign = {Outcome.GO: "✅", Outcome.NO_GO: "❌"}.get(record.outcome, "⚠️")
    done = "Complete" if record.outcome is Outcome.GO else record.outcome
    lines = [f"{sign} Epic 21 {stages_name(record)} {_kind(record)} {done}", ""]
    if record.outcome is Outcome.GO:
        lines += [f"- {claim}" for claim in claims(record)]
    else:
        lines += [f"- {reason}" for reason in record.reasons[:5]]
        lines.append(f"- {formatting.flag_words(record)}")
        lines += [f"- Rolled back: {_rollback(each)}" for each in record.rolled_back]
    if record.awaiting:
        lines.append(f"- Awaits sign-off: {', '.join(line.id for line in record.awaiting)}")
    if next_deployment:
        lines += ["", f"**Next deployment**: {next_deployment}"]
    return "\n".join([*lines, ""])


def summary_email(record: Record, sender: str = "", recipients: Iterable[str] = ()) -> EmailMessage:
    """Give the summary e-mail (post24.communication.1)."""
    message = EmailMessage()
    message["Subject"] = f"Epic 21 {stages_name(record)} {_kind(record)} Summary: {record.outcome}"
    if sender:
        message["From"] = sender
    if people := ", ".join(recipients):
        message["To"] = people
    message.set_content("\n".join(_summary(record)))
    return message


def _summary(record: Record) -> list[str]:
    facts, name, kind = record.facts, stages_name(record), _kind(record).lower()
    verb = "rehearsed" if kind == "rehearsal" else "deployed"
    changed = [f"- {summaries()[stage.id]}" for stage in record.stages if stage.id in summaries() and stands(stage)]
    did = {Outcome.GO: "was successfully", Outcome.NO_GO: "was NOT successfully"}.get(
        record.outcome, "was not provably"
    )
    if changed and record.outcome is not Outcome.GO:
        did = "was only in part"
    results = claims(record) if record.outcome is Outcome.GO else record.reasons
    return [
        "Stakeholders,",
        "",
        f"Epic 21 {name} (Architecture & Layering Remediation) {did}",
        f"{verb} on {formatting.day(facts.started_at)} {_in_window(record)}.",
        "",
        "**What Changed**:",
        *(changed or [f"- Nothing that was accepted. {formatting.flag_words(record)}"]),
        "",
        "**Results**:",
        *(f"- {line}" for line in results),
        *(f"- Rolled back: {_rollback(each)}" for each in record.rolled_back),
        "",
        "**Next Steps**:",
        *(_next_steps(record)),
        "",
        f"Details: {LOG_PATH}",
        "",
        "Thanks,",
        facts.operator or "EP21 Tech Lead",
        "",
    ]


def incident(record: Record) -> str:
    """Give the incident entry for what was rolled back; empty when nothing was."""
    return "\n".join(_incident(record, each) for each in record.rolled_back)


def _incident(record: Record, each: Rollback) -> str:
    state = {True: "old behaviour back", False: "ROLLBACK FAILED", None: "UNKNOWN: the log ends within the rollback"}
    return "\n".join(
        [
            f"## Incident: rollback of stage {each.stage}, {formatting.clock(each.at)} UTC",
            "",
            f"- **Ticket**: {record.facts.ticket or 'none'}",
            f"- **Target**: {formatting.host_of(record.facts)}, run {record.facts.run_id}",
            f"- **Trigger**: {', '.join(each.triggers) or 'a failed check, see the cause'}",
            f"- **Cause**: {each.reason or 'not in the log'}",
            f"- **Done**: {each.account or 'not in the log'}",
            f"- **Took**: {formatting.duration(each.seconds)}",
            f"- **State now**: {state[each.ok]}",
            f"- **Left to do by hand**: {'; '.join(f'`{command}`' for command in each.by_hand) or 'nothing'}",
            f"- **Operator**: {record.facts.operator or 'unknown'}",
            "",
        ]
    )


def delay(record: Record) -> str:
    """Give the notice of a delay ("If Deployment Window Overruns"); empty when all was done as planned."""
    found = delay_of(record)
    if found is None:
        return ""
    late = [stage for stage in record.stages if stage.id in found.stages]
    lines = [
        f"⏰ Epic 21 {stages_name(record)}: {_kind(record).lower()} delayed ({_reference(record)})",
        "",
        f"- Window: {formatting.window(record.facts)}",
        *(f"- Stage {stage.id}: {stage.verdict}: {stage.reason}" for stage in late),
        f"- {formatting.flag_words(record)}",
        *([f"- Rescheduled: stage {', '.join(found.stages)} for {found.when}"] if late else []),
        *(
            f"- Stage {stage.id}: took {formatting.against_plan(stage.seconds, stage.planned_minutes, record.facts)}"
            for stage in record.stages
            if stage.id in found.overran
        ),
        "- EP21 Tech Lead decides: go on now (--outside-window with the reason), leave it until then, or roll back"
        if late or found.seconds
        else "- The window was enough",
    ]
    return "\n".join([*lines, ""])


def _reference(record: Record) -> str:
    """Name the ticket, or else the run, by which the entry is found again."""
    return f"ticket {record.facts.ticket}" if record.facts.ticket else f"ticket none, run {record.facts.run_id}"


def _kind(record: Record) -> str:
    return {"rehearse": "Rehearsal", "survey": "Survey"}.get(record.facts.mode, "Deployment")


def _rollback(each: Rollback) -> str:
    end = {True: f"done in {formatting.duration(each.seconds)}", False: "FAILED", None: "its end is not in the log"}[
        each.ok
    ]
    return f"stage {each.stage}, {end} ({each.reason or 'no reason given'})"


def _issues(record: Record) -> str:
    found = [] if record.outcome is Outcome.GO else list(record.reasons)
    if record.awaiting and not any(reason.startswith(MISSING) for reason in found):
        found.append(f"{MISSING}: {', '.join(line.id for line in record.awaiting)}")
    found += [f"{waiver.item} waived by {waiver.approver}: {waiver.reason}" for waiver in record.waivers]
    return "; ".join(found) or "None"


def _in_window(record: Record) -> str:
    facts, given = record.facts, record.facts.window or {}
    edges = [parse(given.get("start")), parse(facts.started_at), parse(facts.finished_at), parse(given.get("end"))]
    times = [edge for edge in edges if edge]
    if len(times) == 4 and times == sorted(times):
        return "during the scheduled maintenance window"
    return (
        f"outside the maintenance window ({facts.outside_window or 'no reason given'})"
        if given
        else "(no window given)"
    )


def _next_steps(record: Record) -> list[str]:
    lit = [flag for flag, value in record.flags.items() if on(value)]
    if record.outcome is Outcome.GO and lit:
        return ["- Monitor for 7 days before the next stage", "- Collect feedback from ops team"]
    if record.outcome is Outcome.GO:
        return ["- Deploy in the next window"]
    open_stages = [stage.id for stage in record.stages if stage.verdict is not Verdict.PASS and not stands(stage)]
    return ["- Find the cause", f"- Repeat in a later window: stage {', '.join(open_stages) or 'none'}"]
