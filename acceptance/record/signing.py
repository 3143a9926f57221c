"""Sign a run's manifest with the operator's SSH key.

It answers what the manifest alone cannot: whether somebody rewrote log, record and manifest together.
"""

from __future__ import annotations

from pathlib import Path

from acceptance.record.publish import MANIFEST, SIGNATURE
from acceptance.ssh_signature import signature_of, signed_by
from acceptance.verdict import Inconclusive

NAMESPACE = "butler-acceptance-record"


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
    (folder / SIGNATURE).write_bytes(signature_of(sealed, key, NAMESPACE))
    return folder / SIGNATURE


def signer(folder: Path, allowed_signers: Path) -> str:
    """Tell who signed the manifest, as the allowed signers file names them.

    Raises:
        ValueError: No signature, one by a key that is not allowed, or one that does not fit the manifest.
        Inconclusive: The allowed signers file or `ssh-keygen` could not be read or run.
    """
    if allowed_signers.is_file() and not (folder / SIGNATURE).is_file():
        raise ValueError(f"{SIGNATURE}: expected a signature, found none; sign with scripts/ops/record.py sign")
    return signed_by(folder / MANIFEST, folder / SIGNATURE, allowed_signers, NAMESPACE)
