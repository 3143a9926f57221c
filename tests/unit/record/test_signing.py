"""The signature over the manifest, made and checked by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import record_samples as samples
from record_scripts import script

from acceptance.record.publish import manifest, publish
from acceptance.record.signing import sign, signer
from acceptance.record.verify import verify
from acceptance.signoff_file import load_sign_offs
from acceptance.verdict import Inconclusive, Refused


def new_key(folder: Path, name: str) -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
    return path


def allow(file: Path, principal: str, key: Path, purpose: str = "record") -> Path:
    kind, blob, _ = key.with_suffix(".pub").read_text().split()
    file.write_text(f'{principal} namespaces="butler-acceptance-{purpose}" {kind} {blob}\n')
    return file


@pytest.fixture
def key(tmp_path):
    return new_key(tmp_path, "operator")


@pytest.fixture
def allowed(tmp_path, key):
    return allow(tmp_path / "allowed", "olsen@example.com", key)


@pytest.fixture
def folder(tmp_path):
    made = samples.go(tmp_path / "run")
    publish(made)
    return made


def test_a_signed_folder_stays_intact_and_names_its_signer(folder, key, allowed):
    sign(folder, key)
    sign(folder, key)  # again, without a question
    assert (verify(folder), signer(folder, allowed)) == ([], "olsen@example.com")


def test_log_record_and_manifest_rewritten_together_are_found(folder, key, allowed):
    sign(folder, key)
    (folder / "events.jsonl").unlink()
    publish(samples.no_go(folder))
    assert verify(folder) == [], "without a signature this cannot be seen"
    with pytest.raises(ValueError, match="does not fit MANIFEST"):
        signer(folder, allowed)


def test_a_stranger_s_signature_does_not_count(folder, tmp_path, allowed):
    sign(folder, new_key(tmp_path, "stranger"))
    with pytest.raises(ValueError, match="its key is not one of"):
        signer(folder, allowed)


def test_a_signature_for_another_purpose_does_not_count(folder, key, allowed):
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", key, folder / "MANIFEST.sha256"]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(ValueError, match="namespace"):
        signer(folder, allowed)


def test_what_cannot_be_checked_is_no_verdict(folder, tmp_path, key):
    with pytest.raises(Inconclusive, match="expected a file of allowed signers"):
        signer(folder, tmp_path / "nowhere")
    with pytest.raises(Inconclusive, match="could not sign"):
        sign(folder, tmp_path / "no-key")
    with pytest.raises(Inconclusive, match=r"expected MANIFEST\.sha256 to sign"):
        sign(tmp_path, key)


def test_the_commands_sign_and_demand_a_signature(folder, key, allowed):
    unsigned = script("record.py", "verify", folder, "--allowed-signers", allowed)
    assert (unsigned.returncode, "expected a signature, found none" in unsigned.stdout) == (1, True)
    assert script("record.py", "sign", folder, "--key", key).returncode == 0
    signed = script("record.py", "verify", folder, "--allowed-signers", allowed)
    assert (signed.returncode, signed.stdout.rstrip().endswith("; signed by olsen@example.com")) == (0, True)
    assert "signature not checked" in script("record.py", "verify", folder).stdout
    (folder / "record.html").write_text("GO")
    assert script("record.py", "sign", folder, "--key", key).returncode == 1
    (folder / "MANIFEST.sha256").write_text(manifest(folder))
    assert script("record.py", "verify", folder, "--allowed-signers", allowed).returncode == 1


@pytest.mark.parametrize(
    ("purpose", "more", "told"),
    [
        ("sign-off", "", ""),
        ("sign-off", "# more", "does not fit signs.toml"),
        ("record", "", "not permitted for use in signature namespace"),
        ("", "", "expected its signature beside it, signs.toml.sig"),
    ],
    ids=["signed", "changed", "for another purpose", "not signed"],
)
def test_sign_offs_count_with_a_signature_that_fits(purpose, more, told, key, tmp_path):
    signers = allow(tmp_path / "leads", "lead@example.com", key, purpose)
    (file := tmp_path / "signs.toml").write_text('ticket = "CHG-1"\n')
    if purpose:
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "butler-acceptance-sign-off", "-f", key, file]
        subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + more)
    try:
        said = load_sign_offs(file, "M. Olsen", "CHG-1", signers=signers).file
    except Refused as error:
        said = str(error)
    assert (told or ", signed by lead@example.com") in said
