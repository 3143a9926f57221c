#!/usr/bin/env python3
"""Upload an archive above the size limit: it must be refused with 413, and nothing kept (21_01c.security.3)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.hold_target import command_session
from acceptance.commands.units import size
from acceptance.finding import Finding, about
from acceptance.probes.archives.archives import of_exact_size
from acceptance.probes.storage.rejection import try_upload
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import Target
from acceptance.verdict import Refused

LARGEST = 4 * 10**9  # an archive beyond it needs zip64, which says nothing more about the limit


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=size, default=size("150MB"), help="such as 150MB (10^6 bytes) or 143MiB (2^20)")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    limit = target.storage.max_upload_bytes
    if not limit < args.size <= LARGEST:
        raise Refused(
            f"--size is {args.size} bytes: expected more than MAX_UPLOAD_BYTES={limit} of {target.source} "
            f"and at most {LARGEST}; nothing was sent"
        )
    findings: list[Finding] = []
    archive = of_exact_size(args.size)
    with command_session(target) as ours:
        ours.see_a_good_upload()
        for chunked in (False, True):
            upload, how = Upload(ours.new_id("oversized"), "hw02", archive), "chunked" if chunked else "with its length"
            refusal = try_upload(
                ours.uploader, upload, target.storage.root, ours.logs, event="size_limit", chunked=chunked
            )
            findings += about(how, refusal.findings("size_limit", 413), ours.hint())
    line = f"{args.size} bytes refused with 413, with and without a length told; nothing kept; the limit is {limit}"
    return cli.Answer(findings, line, {"size": args.size, "limit": limit})


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
