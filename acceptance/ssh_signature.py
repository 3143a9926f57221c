"""Make and check signatures with people's SSH keys, by OpenSSH's own `ssh-keygen -Y`.

The key stays where it is (a file, an agent, a token); every machine that reaches production has `ssh-keygen`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from acceptance.verdict import Inconclusive

_TIMEOUT_S = 120.0
"""A person may have to type a passphrase or touch a token."""


def signature_of(signed: Path, key: Path, namespace: str) -> bytes:
    """Sign a file.

    Args:
        signed: The file.
        key: Private key, or the public key of one that an agent holds.
        namespace: What the signature is for; one made for another purpose does not count.

    Raises:
        Inconclusive: `ssh-keygen` could not sign; the message has its words.
    """
    # Through standard input: with a file, ssh-keygen asks at the terminal before it replaces a signature.
    done = _ssh_keygen("sign", signed, "-n", namespace, "-q", "-f", str(key))
    if done.returncode != 0:
        raise Inconclusive(f"{key}: could not sign {signed}: {_said(done)}")
    return done.stdout


def signed_by(signed: Path, signature: Path, allowed_signers: Path, namespace: str) -> str:
    """Tell who signed a file, as the allowed signers file names them (see ssh-keygen(1), ALLOWED SIGNERS).

    Raises:
        ValueError: The signature is by a key that is not allowed, or does not fit the file.
        Inconclusive: The allowed signers file or `ssh-keygen` could not be read or run.
    """
    if not allowed_signers.is_file():
        raise Inconclusive(f"{allowed_signers}: expected a file of allowed signers, found none; see ssh-keygen(1)")
    who = ["-n", namespace, "-s", str(signature), "-f", str(allowed_signers)]
    found = _ssh_keygen("find-principals", signed, *who)
    name = found.stdout.decode(errors="replace").partition("\n")[0].strip()
    if found.returncode != 0 or not name:
        raise ValueError(f"{signature.name}: its key is not one of {allowed_signers}: {_said(found)}")
    checked = _ssh_keygen("verify", signed, "-I", name, *who)
    if checked.returncode != 0:
        raise ValueError(
            f"{signature.name}: does not fit {signed.name}, which was changed or made again: {_said(checked)}"
        )
    return name


def _ssh_keygen(action: str, signed: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    argv = ["ssh-keygen", "-Y", action, *options]
    try:
        with signed.open("rb") as stream:
            return subprocess.run(argv, stdin=stream, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Inconclusive(
            f"{' '.join(argv[:3])}: expected an answer of OpenSSH 8.2 or later, found: {error}"
        ) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr or done.stdout).decode(errors="replace").strip()
    return text or f"exit code {done.returncode}, no words"
