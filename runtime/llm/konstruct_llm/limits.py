"""Pure ASGI middleware: a request's body has a largest size."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _TooLarge(Exception):
    """The body has grown over the limit; raised and caught in this module."""


class BodyLimit:
    """Answers 413 to bodies over `most_bytes`, whether they announce their size or not."""

    def __init__(self, app: ASGIApp, *, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        over = False
        begun = False

        async def counted() -> Message:
            nonlocal seen, over
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                over = True
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            if over and not begun:
                raise _TooLarge  # whatever the framework makes of the interruption
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLarge:
            if not begun:
                await _refuse(send)


async def _refuse(send: Send) -> None:
    body = b'{"error": {"message": "The request is too large.", "code": "too_large"}}'
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
