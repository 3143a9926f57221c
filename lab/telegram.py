"""Where a lab's users are: at the dialogue gateway, or in Telegram (`LAB_DIALOG=telegram`)."""

import os
from importlib.util import find_spec

VARIABLE = "LAB_DIALOG"
PORT = "telegram"
"""Nothing of the lab listens there: whoever tries the bot serves the Bot API."""


def in_telegram() -> bool:
    """Tell whether this lab's users are in Telegram.

    Raises:
        SystemExit: aiogram is needed and not installed.
    """
    wanted = os.environ.get(VARIABLE) == "telegram"
    if wanted and find_spec("aiogram") is None:
        raise SystemExit("lab: expected aiogram for a bot in Telegram, found none; run pip install aiogram")
    return wanted
