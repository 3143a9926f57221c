"""The virus scan: clamd's INSTREAM command over its socket (checklist 21_01c.preflight.3)."""

import asyncio
import struct
from pathlib import Path
from urllib.parse import urlsplit

from lab.api.refusal import Refusal

_PIECE = 1 << 18
_SECONDS = 60.0


async def scan(path: Path, clamd: str, kind: str) -> None:
    """Stream a file to clamd; `clamd` is `unix:///path` or `tcp://host:port`.

    Raises:
        Refusal: 422 for a hit; 503 when clamd does not answer or does not finish (unscanned is not clean).
    """
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await _instream(path, clamd)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise Refusal(
            503, "virus scan is unavailable", "av_scan_unavailable", kind=kind, notes={"reason": type(error).__name__}
        ) from None
    if answer.endswith("FOUND"):
        notes: dict[str, object] = {"signature": answer.removeprefix("stream: ").removesuffix(" FOUND")}
        raise Refusal(422, "archive was refused by the virus scan", "av_scan_reject", "av_scan_reject", kind, notes)
    if not answer.endswith("OK"):
        raise Refusal(503, "virus scan is unavailable", "av_scan_unavailable", kind=kind, notes={"reason": answer})


async def _instream(path: Path, clamd: str) -> str:
    url = urlsplit(clamd)
    if url.scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(url.path)
    else:
        reader, writer = await asyncio.open_connection(url.hostname, url.port or 3310)
    try:
        writer.write(b"zINSTREAM\0")
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                writer.write(struct.pack("!L", len(piece)) + piece)
                await writer.drain()
        writer.write(struct.pack("!L", 0))
        await writer.drain()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace")
    finally:
        writer.close()
