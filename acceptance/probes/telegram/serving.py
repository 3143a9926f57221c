"""Have the Bot API of a target served once on this machine, and talk to the bot through it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, replace

import httpx

from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding
from acceptance.polling import poll
from acceptance.probes.dialog.gateway import MESSAGES_PATH, Butler, Turn
from acceptance.probes.http.client import Called, Caller
from acceptance.probes.http.under_way import Requests
from acceptance.probes.telegram.endpoint import SECRET_HEADER, SERVES, STATE_PATH, Endpoint, Patience, secret_of
from acceptance.redact import cut
from acceptance.target.model import Target
from acceptance.target.naming import HttpNames
from acceptance.target.parts import Telegram
from acceptance.verdict import Inconclusive, Refused

TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - the key's name
POLLED_WITHIN_S = 8.0
"""How long a bot that cannot reach us may pause before it tries again: aiogram's longest pause is 5 s."""
_OWN_S = 5.0
"""How long our own server may take to answer, in seconds; another program may never."""
_WITHOUT = HttpNames(fields={"session_id": "", "mode": ""})
_served: dict[tuple[str, int], Endpoint] = {}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class TelegramButler(Butler):
    """The bot, as its users in Telegram see it: an answer names neither session nor mode."""

    def unserved(self, user_id: str) -> list[Finding]:
        """Name what keeps the bot from getting messages."""
        state = poll(
            lambda: self.caller.get(STATE_PATH),
            lambda called: called.exchange.status == httpx.codes.OK,
            POLLED_WITHIN_S,
            every=0.5,
        )
        if state.exchange.status == httpx.codes.OK:
            return []
        expected = f"a bot that polls {self.caller.base_url}"
        return [Finding("no bot", "Telegram bot", expected, str(state.get("detail") or state.exchange.explain()))]

    def order(self, user_id: str, message: str, word: str) -> Turn:
        """Ask for what may come in a later message than the answer, and wait for it."""
        body = {"user_id": user_id, "message": message, "until": word}
        return self._turn(user_id, message, self.caller.post(MESSAGES_PATH, body))

    def _turn(self, user_id: str, message: str, called: Called) -> Turn:
        """Time the answer by the bot's messages: that no other followed is no part of it."""
        told = {"elapsed_s": called.get("elapsed_s")} if called.get("elapsed_s") is not None else {}
        if why := called.get("detail") or self._twice(called):
            told = {"status": None, "error": str(why)}
        return Butler._turn(self, user_id, message, replace(called, exchange=replace(called.exchange, **told)))

    @staticmethod
    def _twice(called: Called) -> str:
        text = str(called.get("twice") or "")
        return f"the message before this was answered with the same text twice: {cut(text, 200)!r}" if text else ""


def serve(target: Target) -> None:
    """Serve the Bot API from now on until this process ends, unless another process of ours does, or there is no need.

    What keeps it from that is no obstacle to a rollback: it is told to whoever asks for the bot.
    """
    if target.telegram and "bot" in target.services:
        with suppress(Inconclusive, Refused):  # guard: a-rollback-needs-no-bot-api
            reach(target, target.telegram)


def reach(target: Target, telegram: Telegram, trace_prefix: str = "") -> TelegramButler:
    """Give the bot of a target; serves the Bot API where nobody does.

    Raises:
        Inconclusive: The env file has no token, or another program has the address.
        EnvFileError: It cannot be read.
    """
    token = EnvFile(target.env_file).read().get(TOKEN, "")
    if not token.partition(":")[0].isdigit():
        raise Inconclusive(f"{target.env_file}: expected the staging bot's {TOKEN}, NUMBER:TEXT, found none")
    host, port = telegram.address
    patience = Patience(target.restart_timeout_s, target.http_timeout_s, telegram.settle_s)
    own = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - a bot in a container calls from outside
    caller = Caller(
        f"http://{own}:{port}",
        patience.most + _OWN_S,
        trace_header="",
        trace_prefix=trace_prefix,
        headers={SECRET_HEADER: secret_of(token)},
        names=_WITHOUT,
        requests=Requests(target.journal_dir, trace_prefix),
    )
    with _one_at_a_time:
        if telegram.address not in _served:
            _begin(telegram, token, patience, caller)
    return TelegramButler(caller)


def _begin(telegram: Telegram, token: str, patience: Patience, caller: Caller) -> None:
    try:
        endpoint = Endpoint(telegram.address, token, patience, telegram.rate_limit)
    except OSError as error:
        if replace(caller, timeout_s=_OWN_S).get(STATE_PATH).get("serves") == SERVES:
            return  # another process of ours does
        raise Inconclusive(
            f"TELEGRAM_LISTEN {telegram.listen}: expected an address to serve the Bot API at, found {error}; "
            "choose a free port, and end a run on another target that has it"
        ) from error
    threading.Thread(target=endpoint.serve_forever, name="bot-api", daemon=True).start()
    _served[telegram.address] = endpoint
