"""Give every command of `scripts/ops` its target, one verdict line, `--json` and exit codes.

The word in front of each line, and the exit code:

- PASS, 0: the expectation holds.
- FAIL, 1: it does not; also where a change did not take effect, for then something was tried.
- INCONCLUSIVE, 2: it could not be seen; no data is never good.
- REFUSED, 2: nothing was changed: wrong usage, bad target file, target in use, outside the window.
- LEFT TO THE NEXT START, 10: flags and services are in order, and the lines name what is not: test data, or a note.
- INTERRUPTED, 130: a signal ended it; what it had changed is undone.
- ROLLBACK FAILED, 12, as of a test run: what the command had changed is not all undone; the lines say how to
  finish by hand.

Where nobody reads the output any more, as in `COMMAND | head`, a PASS ends with 141, as a shell says it; other codes
stand.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acceptance.commands.interruption import interruptible, report_signals_only
from acceptance.commands.output import say, to_its_end
from acceptance.finding import Finding, as_facts, by_kind, ranked
from acceptance.redact import Redactor
from acceptance.target.file import TargetError
from acceptance.target.loading import find_target, load_target
from acceptance.target.model import Target
from acceptance.target.redaction import redactor
from acceptance.verdict import DataLeft, ExitCode, Inconclusive, MutationFailed, Refused, RollbackFailed, Verdict

_SAID: tuple[tuple[type[Exception], str, int], ...] = (
    (RollbackFailed, "ROLLBACK FAILED", ExitCode.ROLLBACK_FAILED),  # guard: exit-code-12-of-a-command
    (DataLeft, "LEFT TO THE NEXT START", ExitCode.INCONCLUSIVE),
    (MutationFailed, Verdict.FAIL, 1),
    (Inconclusive, Verdict.INCONCLUSIVE, 2),
    (Refused, "REFUSED", 2),
    (OSError, "REFUSED", 2),
)
INTERRUPTED = 130
"""Exit code of a command that a signal ended, as a shell gives it for Ctrl-C."""
TARGETS = Path(__file__).resolve().parents[2] / "targets"


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Attributes:
        findings: What is wrong; empty when the expectation holds.
        line: The good news in one line, with its numbers.
        facts: For `--json`.
        notes: Lines that stand below the findings: what was done, commands to finish by hand.
    """

    findings: Sequence[Finding]
    line: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def main(
    doc: str,
    act: Callable[[Target, argparse.Namespace], Answer],
    arguments: Callable[[argparse.ArgumentParser], object] = lambda _: None,
    argv: Sequence[str] | None = None,
) -> int:
    """Run one command: parse, find the target, act, print the verdict.

    Args:
        doc: The script's docstring; its first line is the help.
        act: What the command does; it may raise any of `acceptance.verdict`'s exceptions.
        arguments: Adds the command's own arguments.
        argv: Command line without the program, for tests.
    """
    parser = argparse.ArgumentParser(description=doc.strip().partition("\n")[0])
    parser.add_argument("--target", default=os.environ.get("OPS_TARGET"), help="name in targets/ or path (OPS_TARGET)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a line")
    arguments(parser)
    args = parser.parse_args(argv)
    with interruptible():
        return to_its_end(lambda: _ended(act, args))


def _ended(act: Callable[[Target, argparse.Namespace], Answer], args: argparse.Namespace) -> int:
    """Act, print how it ended, and give the exit code; a signal after the act changes neither."""
    hide = Redactor([])
    try:
        target = chosen_target(args.target)
        hide = redactor(target)
        answer = act(target, args)
        report_signals_only()
    except KeyboardInterrupt as error:
        _say(args.json, "INTERRUPTED", [f"by {error or 'SIGINT'}; what it had changed is undone"], {}, hide)
        return INTERRUPTED
    except tuple(kind for kind, *_ in _SAID) as error:
        report_signals_only()  # guard: no-signal-keeps-a-verdict-from-being-said
        word, code = next((word, code) for kind, word, code in _SAID if isinstance(error, kind))
        _say(args.json, word, [str(error)], {}, hide)
        return code
    found = answer.findings
    if not found:
        _say(args.json, Verdict.PASS, [answer.line], answer.facts, hide)
        return 0
    lines = [*([by_kind(found)] if len(found) > 1 else []), *map(str, ranked(found)), *answer.notes]
    _say(args.json, Verdict.FAIL, lines, {**answer.facts, **as_facts(found)}, hide)
    return 1


def chosen_target(name: str | None) -> Target:
    """Load the target that was asked for.

    Raises:
        TargetError: None was named, it is faulty, or it exists only while a test run provides it.
    """
    if not name:
        raise TargetError("no target: name one with --target or OPS_TARGET, such as staging")
    target = load_target(find_target(name, TARGETS))
    if target.provider is not None:
        raise TargetError(
            f"{target.source} exists only while something provides it: start «python -m lab serve» in another terminal "
            "and set OPS_TARGET to the file that it names"
        )
    return target


def _say(as_json: bool, verdict: str, lines: Sequence[str], facts: Mapping[str, Any], hide: Redactor) -> None:
    if as_json:
        say(json.dumps(hide.data({"verdict": verdict, "lines": list(lines), "facts": dict(facts)}), default=str))
    else:
        for line in lines:
            say(hide.text(f"{verdict}: {line}"), error=verdict != Verdict.PASS)
