#!/usr/bin/env python3
"""Upload archives that changed after their digest was taken: refused and logged, each (21_01c.security.1)."""

import argparse
import sys
from dataclasses import replace

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.hold_target import command_session
from acceptance.finding import Finding, about
from acceptance.probes.archives.archives import Archive, bit_flip, good, truncated
from acceptance.probes.storage.rejection import ANY, try_upload
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import Target


def damaged() -> dict[str, Archive]:
    """Make the archives, each with the digest of the good one."""
    return {
        "first byte changed": bit_flip(at="start"),
        "middle changed": bit_flip(at="middle"),
        "end changed": bit_flip(at="end"),
        "cut in half": truncated(honest=False),
        "another file's digest": replace(good(), declared_sha256="0" * 64),
    }


def _act(target: Target, _: argparse.Namespace) -> cli.Answer:
    findings: list[Finding] = []
    tried = damaged()
    with command_session(target) as ours:
        ours.see_a_good_upload()
        for name, archive in tried.items():
            upload = Upload(ours.new_id("damaged"), "hw02", archive)
            event = ANY if archive.name != "good" else "checksum_failed"
            refusal = try_upload(ours.uploader, upload, target.storage.root, ours.logs, event=event)
            findings += about(name, refusal.findings(event), ours.hint())
    line = f"{len(tried)} of {len(tried)} damaged archives refused and logged, nothing kept"
    return cli.Answer(findings, line, {"tried": list(tried)})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act))
