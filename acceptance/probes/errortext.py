"""Replies that read as an error: the real bot was seen to answer "Hello" with one, and 200 (target contract)."""

from __future__ import annotations

import re

_ERROR = re.compile(
    r"\b(?:an?|some|internal|unexpected|server) error\b|\berror (?:occurred|while|code)|\btraceback\b|\bexception\b"
    r"|\bsomething went wrong\b|\b(?:try|come back) (?:it )?again\b|\btemporarily unavailable\b|\bnot available\b"
    r"|\b(?:could|can)(?: ?not|n't) (?:process|handle|complete) (?:your|the|this)\b|\bfailed to (?:process|handle)\b"
    r"|ошибк|что-то пошло не так|не удалось|попробуйте (?:ещё|еще|снова|позже|повторить)|недоступ|❌",
    re.IGNORECASE,
)


def error_in(reply: str) -> str | None:
    """Give the words by which a reply reads as an error text, None when it does not."""
    found = _ERROR.search(reply)
    return found[0] if found else None
