"""Sign a run's manifest with the operator's SSH key, by OpenSSH's own `ssh-keygen -Y`.

It answers what the manifest alone cannot: whether somebody rewrote log, record and manifest together. The key
stays where it is (a file, an agent, a token); every machine that reaches production has `ssh-keygen`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from acceptance.record.publish import MANIFEST, SIGNATURE
from acceptance.verdict import Inconclusive

NAMESPACE = "butler-acceptance-record"
"""A signature made for another purpose does not count here."""

_TIMEOUT_S = 120.0
"""A person may have to type a passphrase or touch a token."""


def sign(folder: Path, key: Path) -> Path:
    """Sign the folder's manifest; a signature that was there is replaced.

    Args:
        folder: A sealed folder.
        key: Private key, or the public key of one that an agent holds.

    Returns:
        The signature's file.

    Raises:
        Inconclusive: There is no manifest, or `ssh-keygen` could not sign; the message has its words.
    """
    sealed = folder / MANIFEST
    if not sealed.is_file():
        raise Inconclusive(f"{folder}: expected {MANIFEST} to sign, found none; use scripts/ops/record.py render")
    # Through standard input: with a file, ssh-keygen asks at the terminal before it replaces a signature.
    done = _ssh_keygen("sign", sealed, "-q", "-f", str(key))
    if done.returncode != 0:
        raise Inconclusive(f"{key}: could not sign {sealed}: {_said(done)}")
    (folder / SIGNATURE).write_bytes(done.stdout)
    return folder / SIGNATURE


def signer(folder: Path, allowed_signers: Path) -> str:
    """Tell who signed the manifest, as the allowed signers file names them (see ssh-keygen(1), ALLOWED SIGNERS).

    Raises:
        ValueError: No signature, one by a key that is not allowed, or one that does not fit the manifest.
        Inconclusive: The allowed signers file or `ssh-keygen` could not be read or run.
    """
    signature = folder / SIGNATURE
    if not allowed_signers.is_file():
        raise Inconclusive(f"{allowed_signers}: expected a file of allowed signers, found none; see ssh-keygen(1)")
    if not signature.is_file():
        raise ValueError(f"{SIGNATURE}: expected a signature, found none; sign with scripts/ops/record.py sign")
    who = ["-s", str(signature), "-f", str(allowed_signers)]
    found = _ssh_keygen("find-principals", folder / MANIFEST, *who)
    name = found.stdout.decode(errors="replace").partition("\n")[0].strip()
    if found.returncode != 0 or not name:
        raise ValueError(f"{SIGNATURE}: its key is not one of {allowed_signers}: {_said(found)}")
    checked = _ssh_keygen("verify", folder / MANIFEST, "-I", name, *who)
    if checked.returncode != 0:
        raise ValueError(f"{SIGNATURE}: does not fit {MANIFEST}, which was changed or sealed again: {_said(checked)}")
    return name


def _ssh_keygen(action: str, manifest: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    argv = ["ssh-keygen", "-Y", action, "-n", NAMESPACE, *options]
    try:
        with manifest.open("rb") as stream:
            return subprocess.run(argv, stdin=stream, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Inconclusive(
            f"{' '.join(argv[:3])}: expected an answer of OpenSSH 8.2 or later, found: {error}"
        ) from error


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    text = (done.stderr or done.stdout).decode(errors="replace").strip()
    return text or f"exit code {done.returncode}, no words"
