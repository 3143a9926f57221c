"""An answer to a request that is not read to its end."""

import asyncio

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

_LINGER_SECONDS = 1.0


class LingeringResponse(JSONResponse):
    """Answer at once, throw away what the client still sends for a moment, then close.

    Closing with unread bytes makes the kernel reset the connection, and a client that is still sending may then
    never see the answer. The moment is bounded, so an endless body ends here.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, drain, close."""
        self.headers["connection"] = "close"
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                more = True
                while more:
                    message = await receive()
                    more = message["type"] == "http.request" and message.get("more_body", False)
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
