"""Make the redactor of a target, for every program of the suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding, Severity
from acceptance.redact import HIDDEN, SHORT, Redactor, named_secrets
from acceptance.target import by_hand
from acceptance.target.model import Target
from acceptance.verdict import Refused

_COMMON = "butler production staging lab admin root mongodb grafana redis postgres password secret 21_00"
RANDOM = 8
"""Below this length a value may stand in an answer by chance."""
_COMMANDS = ("restart_all", ".restart", "provider", "command")


def redactor(target: Target) -> Redactor:
    """Hide the secrets of the target file, of the env file and of this process's environment, but weak ones."""
    return Redactor([secret for secret in _secrets(target) if not _is_weak(secret, target)])


def known_secrets(target: Target) -> dict[str, str]:
    """Give the secrets of the target file and the env file that no text holds by chance, with their keys."""
    own = named_secrets(os.environ)
    return {
        text: key
        for text, key in _secrets(target).items()
        if text not in own and len(text) >= RANDOM and not _is_weak(text, target)
    }


def weak_secrets(target: Target) -> list[Finding]:
    """Name the secrets that equal a part of a name, a path or a stage: to hide them everywhere would spoil those.

    They are still hidden wherever their own name, a URL or a header announces them.
    """
    return [
        Finding(
            "weak secret",
            key,
            "a secret that stands nowhere else",
            "one that is a common word, or a part of this target's names, paths or commands",
            Severity.MEDIUM,
            "it is hidden only beside its own name; choose a random one",
        )
        for secret, key in _secrets(target).items()
        if _is_weak(secret, target)
    ]


def _secrets(target: Target) -> dict[str, str]:
    """Give every secret that this process can know, and the key that holds it."""
    known = dict.fromkeys(target.secrets(), target.source.name)
    with suppress(Refused):  # an env file that cannot be read has nothing to show either
        known |= named_secrets(EnvFile(target.env_file).read())
    return named_secrets(os.environ) | known


def _is_weak(secret: str, target: Target) -> bool:
    plain = secret.isalpha() or secret.isdigit() or len(secret) < SHORT
    return any(secret in text for text in _shown(target, commands=plain))


def _shown(target: Target, *, commands: bool) -> Iterator[str]:
    """Give what every reader sees of a target; a command's words only where a secret is no accident in them."""
    yield from [_COMMON, *target.flags, by_hand.recover(target.source)]
    yield from (by_hand.switch_off(target, flag) for flag in target.flags.values())
    for name, text in target.public().items():
        if HIDDEN not in text and (commands or not name.endswith(_COMMANDS)):
            yield text
