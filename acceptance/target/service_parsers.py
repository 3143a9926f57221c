"""Turn the text of a key that describes a service into a value, or say what was expected."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from acceptance.target.parsers import Malformed, Parser, command, http_url
from acceptance.target.parts import Health


def health(text: str) -> Health:
    """Return where a service tells its health: the path, perhaps the status, perhaps a text that the body holds."""
    found = re.fullmatch(r"(/[^\s?#]*)(?: ([1-5][0-9][0-9])(?: (\S.*))?)?", text)
    if not found:
        raise Malformed("/PATH, /PATH STATUS or /PATH STATUS TEXT, such as /health, or /ready 200 UP")
    return Health(found[1], int(found[2] or 200), found[3] or "")


def service_url(text: str) -> str:
    """Return the base of a service's address: a login in it would be sent with a stranger's calls too."""
    url = http_url(text)
    if "@" in urlsplit(url).netloc:
        raise Malformed("a URL without a login in it; what lets our calls in is SERVICE_LOGIN, such as `Basic BASE64`")
    return url


def renamings(form: str, *, may_lack: bool = False, kinds: bool = False) -> Parser:
    """Return a parser of pairs CONTRACT=THEIRS; with `may_lack`, nothing after the `=` means that there is none.

    A contract's name may have its kind before it, `KIND:NAME`, and with `kinds` must, as nothing would look for it
    without one; the others' names are then their own within the kind.
    """

    def parse(text: str) -> dict[str, str]:
        pairs = dict(pair.partition("=")[::2] for pair in text.split())
        theirs = [name for name in pairs.values() if name or not may_lack]
        good = (
            all("=" in pair for pair in text.split())
            and all(re.fullmatch(form, name) for name in (*pairs, *theirs))
            and len(pairs) == len(text.split())
            and all(":" in name for name in pairs if kinds)
        )
        told = [(name.rpartition(":")[0], its) for name, its in pairs.items() if its or not may_lack]
        if not good or len(set(told)) < len(told):
            lacking = ", or CONTRACT= for one that is not there" if may_lack else ""
            pair = "FIELD:CONTRACT=THEIRS" if kinds else "CONTRACT=THEIRS"
            raise Malformed(f"pairs {pair} with a space between them, each name once{lacking}")
        return pairs

    return parse


def start_proof(text: str) -> str:
    """Return what shows when the processes of a service started."""
    kind, _, rest = text.partition(":")
    names = {
        "docker": r"[\w.-]+( [\w.-]+)*",
        "systemd": r"[\w.@:\\-]+( [\w.@:\\-]+)*",
        "process": ".+",
        "command": ".+",
    }
    if text != "metric" and not re.fullmatch(names.get(kind, "(?!)"), rest):
        raise Malformed("metric, docker:CONTAINER, systemd:UNIT, process:REGEX or command:WORDS")
    if kind == "command":
        command(rest)
    if kind == "process":
        try:
            re.compile(rest)
        except re.error as error:
            raise Malformed(f"a regular expression after process: ({error})") from error
    return text


def new_path_proof(text: str) -> str:
    """Return what shows that a flag's new path is at work."""
    kind, _, rest = text.partition(":")
    good = {"log": r".*\S.*", "document": r"[\w.-]+", "path": r"/.*[^/]"}
    if text not in ("metric", "metric:used") and not re.fullmatch(good.get(kind, "(?!)"), rest):
        raise Malformed(
            "metric, metric:used, log:TEXT, document:COLLECTION or path:/PATTERN; without any, no flag can be verified"
        )
    return text
