#!/usr/bin/env python3
"""Verify, render, sign, tell or send a deployment's record, or index many of them."""

import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.record import run

if __name__ == "__main__":
    sys.exit(run(None, Path(__file__).resolve().parents[2] / "reports"))
