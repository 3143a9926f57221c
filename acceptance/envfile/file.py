"""Read the env file with python-dotenv, and write it with our own small atomic writer.

`dotenv.set_key` adds quotes that break the checklist's own grep, loses the owner, replaces a symbolic link
and loses concurrent updates. This writer changes the value of one key on every line that sets it, so that a
reader that takes the first and one that takes the last agree, and keeps all else to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from shlex import quote

from dotenv import dotenv_values
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from acceptance import tally
from acceptance.disk import share
from acceptance.envfile.atomic import WouldChange, overwrite_bytes, replace_bytes, scratch_of
from acceptance.envfile.change import Change, EnvFileConflict, EnvFileError, Restored, decode, encode, undone
from acceptance.envfile.check import MISSING, diagnose
from acceptance.envfile.flock import flocked
from acceptance.envfile.held import Held
from acceptance.envfile.obstacles import obstacles, regular_bytes
from acceptance.envfile.planning import plan_append, plan_set
from acceptance.envfile.text import BOM, overruling
from acceptance.finding import Finding, Severity

__all__ = ["Change", "EnvFile", "EnvFileConflict", "EnvFileError", "Restored"]

_TRIES = 5
_ON, _OFF = ("true", "1", "yes", "on", "y", "t"), ("false", "0", "no", "off", "n", "f", "")
Announce = Callable[[Change], object]


class ChangedMeanwhile(EnvFileError):
    """Somebody else changed the file between our reading it and our replacing it."""


class EnvFile:
    """One env file, such as `~/work/infra/.env.infra` (target contract, "Flags live in").

    Args:
        path: The file; a symbolic link is followed, and stays one.
        lock_timeout_s: Longest wait for another writer, in seconds.
    """

    def __init__(self, path: Path, lock_timeout_s: float = 10.0) -> None:
        self.path = path
        self._lock_timeout_s = lock_timeout_s

    def read(self) -> dict[str, str]:
        """Return all keys and values; of duplicates the last wins, as for a shell and Docker Compose.

        Raises:
            EnvFileError: The file cannot be read.
        """
        text = self._text(self._real()).removeprefix(BOM)
        tally.count("env file")
        read = dotenv_values(stream=StringIO(text, newline=""), interpolate=False)
        return {key: value for key, value in read.items() if value is not None}

    def flag(self, key: str) -> bool:
        """Return a flag's state.

        Raises:
            EnvFileError: The key is absent, or holds anything but true or false.
        """
        value = self.read().get(key)
        if value is None:
            raise EnvFileError(f"{self.path}: {key} is absent; stage 21_00 adds it, or add the line {key}=false")
        return self._is_on(key, value, ("true",), ("false",))

    def switch(self, key: str) -> bool:
        """Return whether a setting of the services is on, by any word that their settings library takes.

        Raises:
            EnvFileError: It holds another word.
        """
        return self._is_on(key, self.read().get(key, ""), _ON, _OFF)

    def _is_on(self, key: str, value: str, on: Sequence[str], off: Sequence[str]) -> bool:
        if value.lower() not in (*on, *off):
            raise EnvFileError(f"{self.path}: {key} holds {value!r}; expected true or false; correct the line")
        return value.lower() in on

    def set(self, key: str, value: str, announce: Announce | None = None) -> Change:
        """Give `key` another value on every line that sets it; quotes, comments and all else stay.

        Args:
            key: The key to change; it must be there.
            value: A plain word, such as `true`.
            announce: Called with the change under the lock before anything is written, to journal it;
                what it raises leaves the file untouched.

        Returns:
            What was done, for `restore`.

        Raises:
            EnvFileError: Key absent or not plain, or the file cannot be replaced; nothing was changed.
        """
        return self._edit(lambda text: plan_set(str(self.path), text, key, value), announce)

    def append(self, lines: Mapping[str, str], comment: str, announce: Announce | None = None) -> Change:
        """Add keys at the end under a comment, ending the last line first if need be (21_00.checklist.1).

        Args:
            lines: Keys that are not there yet, and their values.
            comment: One line of text, without the `#`.
            announce: As for `set`.

        Raises:
            EnvFileError: A key is there already, or the file cannot be replaced; nothing was changed.
        """
        return self._edit(lambda text: plan_append(str(self.path), text, lines, comment), announce)

    def _edit(self, plan: Callable[[str], tuple[Change, str]], announce: Announce | None) -> Change:
        """Make the change that a plan gives for the text as it is under the lock."""
        with self._locked() as real:
            self._require_replaceable(real)
            text = self._text(real)
            change, new = plan(text)
            self._apply(real, change, text, new, announce)
        return change

    def restore(self, change: Change) -> Restored:
        """Undo a change; twice is harmless, and what others changed meanwhile is kept.

        Raises:
            EnvFileConflict: Somebody else changed the key itself; the message says to what.
            EnvFileError: The file cannot be read or replaced.
        """
        if change.path != str(self.path):
            raise EnvFileError(f"{self.path}: this change is one of {change.path}; restore it there")
        again = Retrying(retry=retry_if_exception_type(ChangedMeanwhile), stop=stop_after_attempt(_TRIES), reraise=True)
        with self._locked() as real:
            return again(self._undo, change, real)

    def _undo(self, change: Change, real: Path) -> Restored:
        text = self._text(real)
        back, restored = undone(change, text)
        if back == text:
            return restored
        try:
            self._replace(real, text, back)
        except ChangedMeanwhile:
            raise
        # guard: restore-in-place-where-no-new-file-can-be-made
        except EnvFileError as error:  # a full disk, a folder that is not ours any more: the flag goes off all the same
            self._overwrite(real, text, back, error)
            return replace(restored, note=f"{restored.note}; written in place, for {error.__cause__}")
        return restored

    def _overwrite(self, real: Path, old: str, new: str, refused: EnvFileError) -> None:
        self._require_same(real, old)
        try:
            overwrite_bytes(real, encode(new))
        except OSError:
            raise refused from None

    def is_restored(self, change: Change) -> bool:
        """Tell whether there is nothing of a change to undo (any more).

        Raises:
            EnvFileConflict: Somebody else changed the key itself.
            EnvFileError: The file cannot be read.
        """
        return undone(change, self._text(self._real()))[1].outcome == "already"

    def held(self) -> Held:
        """Note what the file holds and who may read it, to compare it after a restart.

        Raises:
            EnvFileError: The file cannot be read.
        """
        return Held.of(self._real(), self.read())

    def drift(self, key: str, value: bool) -> Finding | None:
        """Return a finding when a flag is no longer what this run made it; never raises."""
        wanted = str(value).lower()
        try:
            found = self.read().get(key, "no line of it")
        except (EnvFileError, OSError) as error:
            found = f"a file that cannot be read ({error})"
        if found.lower() == wanted:
            return None
        remedy = "somebody else, or the restart command itself, wrote the file; find out who before you start again"
        return Finding("flag changed by others", f"{self.path}: {key}", wanted, found[:200], next_step=remedy)

    def overruled(self, key: str) -> Finding | None:
        """Return a finding when a line that is not `KEY=value` names the key, and wins for a program that reads it.

        Raises:
            EnvFileError: The file cannot be read.
        """
        if not (found := overruling(self._text(self._real()), key)):
            return None
        line, remedy = found[-1].line, f"see who wrote it; remove it, or add the line {key}=false behind it"
        told = "a line that Compose or a shell may take, and that does not say false"
        return Finding("flag line", f"{self.path}: line {line}: {key}", f"{key}=false", told, next_step=remedy)

    def refusals(self, keys: Iterable[str], *, may_be_missing: bool = False) -> list[Finding]:
        """Return what keeps these flags from being changed."""
        found = [each for each in self.diagnose(keys) if each.severity >= Severity.HIGH]
        return [each for each in found if not (may_be_missing and each.kind == MISSING)]

    def diagnose(self, keys: Iterable[str]) -> list[Finding]:
        """Return what would refuse or mislead a change of these flags; see `acceptance.envfile.check`."""
        return diagnose(self.path, keys)

    def _real(self) -> Path:
        try:
            return self.path.resolve(strict=True)
        except FileNotFoundError:
            raise EnvFileError(f"{self.path}: no such file; correct ENV_FILE in the target file") from None
        except (OSError, RuntimeError) as error:
            raise EnvFileError(f"{self.path}: cannot be followed: {error}; correct the link") from error

    def _text(self, real: Path) -> str:
        try:
            return decode(regular_bytes(real))
        except OSError as error:
            raise EnvFileError(
                f"{self.path}: cannot be read: {error.strerror}; make it a file that this user may read"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        real = self._real()
        lock = real.with_name(f"{real.name}.lock")
        with ExitStack() as stack:
            try:
                fd = stack.enter_context(flocked(lock, self._lock_timeout_s))
                share(fd, real)  # guard: whoever-may-change-the-file-may-lock-it
                scratch_of(real).unlink(missing_ok=True)  # what a killed writer left
            except BlockingIOError:
                raise EnvFileError(
                    f"{self.path}: another writer has held {lock} for {self._lock_timeout_s:g} s; nothing was "
                    f"changed; see who it is with: fuser {quote(str(lock))}"
                ) from None
            except OSError as error:
                raise self._unwritable(real, error) from error
            yield real

    def _require_replaceable(self, real: Path) -> None:
        if found := [f"{what}; {remedy}" for what, remedy in obstacles(real)]:
            raise EnvFileError(f"{self.path}: {'; '.join(found)}; nothing was changed")

    def _apply(self, real: Path, change: Change, old: str, new: str, announce: Announce | None) -> None:
        if announce:  # guard: journal-before-the-write
            announce(change)
        if new != old:
            self._replace(real, old, new)

    def _require_same(self, real: Path, text: str) -> None:
        """Read the file once more right before it is replaced: not every editor takes our lock."""
        if self._real() != real or self._text(real) != text:
            raise ChangedMeanwhile(
                f"{self.path}: somebody else changed it while this run was about to; their change is kept and nothing "
                "of ours was written; see who it was, then start again"
            )

    def _replace(self, real: Path, old: str, new: str) -> None:
        try:
            replace_bytes(real, encode(new), lambda: self._require_same(real, old))
        except WouldChange as error:
            raise EnvFileError(
                f"{self.path}: {error}; nothing was changed; run as the file's owner or as root"
            ) from error
        except OSError as error:
            raise self._unwritable(real, error) from error

    def _unwritable(self, real: Path, error: OSError) -> EnvFileError:
        found: list[str] = []
        with suppress(OSError):  # the file may be gone by now
            found = [f"{what}; {remedy}" for what, remedy in obstacles(real)]
        remedies = found or [f"run as a user who may write in {real.parent}, and see that its disk is not full"]
        return EnvFileError(
            f"{self.path}: cannot be replaced: {error.strerror or error} ({error.filename or real.parent}); it is as "
            f"it was; {'; '.join(remedies)}"
        )
