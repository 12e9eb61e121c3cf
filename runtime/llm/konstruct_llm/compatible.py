"""Chat over OpenAI's own dialect at a given address (vLLM, Ollama, LM Studio, a company's proxy).

There is nothing to translate there, and litellm's way (its wrapper, the SDK's models of every
chunk) costs more processor time than all the rest of a message's path together.
"""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import aiohttp

from konstruct_llm.errors import AttemptFailed, FailureKind
from konstruct_llm.pool import OPENAI_PREFIX
from konstruct_llm.provider import ChatCall, Deployment, Piece, Usage

_CONNECT_SECONDS = 10.0
_BACKSTOP_SECONDS = 600.0
_KEPT_SECONDS = 4.0  # vLLM's server closes what was idle for five, perhaps under a request
_FIRST_ERROR = 400
_LONGEST_ERROR = 16_384
_DATA = b"data:"
_DONE = b"[DONE]"
_BROKEN = (aiohttp.ClientError, OSError)
_KINDS = {
    400: FailureKind.REFUSED,
    401: FailureKind.KEY_REFUSED,
    403: FailureKind.KEY_REFUSED,
    404: FailureKind.KEY_REFUSED,
    408: FailureKind.TIMEOUT,
    422: FailureKind.REFUSED,
    429: FailureKind.RATE_LIMITED,
}
_PATIENT = {FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE}
_TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context limit",
    "available context size",
    "maximum input length",
    "maximum number of tokens allowed",
    "input tokens exceed the configured limit",
    "`inputs` tokens + `max_new_tokens` must be",
)


def speaks(deployment: Deployment) -> bool:
    """Tell whether the pool asks for this way, and the deployment's server can be spoken to so."""
    return deployment.model.client == "Direct" and deployment.model.speaks_openai


class DirectVendor:
    """Chat with servers of that dialect; it needs no import that takes seconds."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def stream(
        self, deployment: Deployment, call: ChatCall, *, timeout_seconds: float
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer in pieces. See `provider.Vendor`."""
        del timeout_seconds  # the caller's own deadline is what ends a call
        async with contextlib.aclosing(stream(self._opened(), deployment, call)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made on the running loop at the first call."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=_CONNECT_SECONDS, sock_read=_BACKSTOP_SECONDS
                ),
            )
        return self._session


async def stream(
    session: aiohttp.ClientSession, deployment: Deployment, call: ChatCall
) -> AsyncGenerator[Piece, None]:
    """Yield the answer in pieces. See `provider.Vendor`."""
    address = f"{str(deployment.model.api_base).rstrip('/')}/chat/completions"
    headers = {"Authorization": f"Bearer {deployment.api_key or 'none'}"}
    try:
        async with session.post(address, json=_body(deployment, call), headers=headers) as response:
            if response.status >= _FIRST_ERROR:
                raise await _refusal(response)
            async with contextlib.aclosing(_events(response)) as events:
                async for event in events:
                    piece = _piece(event)
                    if piece is None:
                        continue
                    if piece.finish_reason:
                        yield await _last_piece(piece, event, events)
                        return
                    yield piece
    except TimeoutError as error:
        raise AttemptFailed(FailureKind.TIMEOUT, type(error).__name__) from error
    except _BROKEN as error:
        raise AttemptFailed(FailureKind.UNAVAILABLE, type(error).__name__) from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise AttemptFailed(FailureKind.MALFORMED, type(error).__name__) from error
    raise AttemptFailed(FailureKind.MALFORMED, "The stream ended without a finish reason.")


def _body(deployment: Deployment, call: ChatCall) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": deployment.model.model.removeprefix(OPENAI_PREFIX),
        "messages": list(call.messages_for(deployment.model)),
        "max_tokens": call.max_output_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **call.options,
    }
    if call.tools:
        body["tools"] = list(call.tools)
    return body


async def _refusal(response: aiohttp.ClientResponse) -> AttemptFailed:
    """Return what an error answer means. Its text may quote the prompt and is left behind."""
    text = b""
    with contextlib.suppress(*_BROKEN):
        async for part in response.content.iter_any():
            text += part
            if len(text) > _LONGEST_ERROR:
                break
    kind = _KINDS.get(response.status, FailureKind.UNAVAILABLE)
    said = text.decode(errors="replace").lower()
    if kind is FailureKind.REFUSED and any(sign in said for sign in _TOO_LONG):
        kind = FailureKind.TOO_LONG
    retry_after = 0.0
    if kind in _PATIENT:
        with contextlib.suppress(ValueError):
            retry_after = max(0.0, float(response.headers.get("retry-after", "")))
    return AttemptFailed(kind, f"status {response.status}", retry_after=retry_after)


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[Mapping[str, Any], None]:
    async for line in _lines(response):
        if not line.startswith(_DATA):
            continue
        data = line[len(_DATA) :].strip()
        if data == _DONE:
            continue  # read on: a response that is left early costs its connection
        event = json.loads(data)
        if event.get("error"):
            raise AttemptFailed(FailureKind.UNAVAILABLE, "The stream ended with an error.")
        yield event


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


def _piece(event: Mapping[str, Any]) -> Piece | None:
    choices = event.get("choices")
    if not choices:
        return None
    delta = choices[0].get("delta") or {}
    text = delta.get("content") or ""
    calls = tuple(_call(call) for call in delta.get("tool_calls") or ())
    finish = choices[0].get("finish_reason") or ""
    if not isinstance(text, str) or not isinstance(finish, str):
        raise TypeError("a delta's content is not a text")
    if not (text or calls or finish):
        return None
    return Piece(text=text, tool_calls=calls, finish_reason=finish)


def _call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    function = call.get("function") or {}
    return {
        "index": int(call.get("index") or 0),
        "id": str(call.get("id") or ""),
        "name": str(function.get("name") or ""),
        "arguments": str(function.get("arguments") or ""),
    }


async def _last_piece(
    piece: Piece, event: Mapping[str, Any], events: AsyncIterator[Mapping[str, Any]]
) -> Piece:
    """Return the last piece with the usage, which most servers send after it."""
    usage = _usage(event)
    # The answer is whole; its usage can be estimated.
    with contextlib.suppress(*_BROKEN, AttemptFailed, ValueError, TypeError, AttributeError):
        async for later in events:
            usage = _usage(later) or usage
    return Piece(piece.text, piece.tool_calls, piece.finish_reason, usage)


def _usage(event: Mapping[str, Any]) -> Usage | None:
    found = event.get("usage") or {}
    prompt, completion = (
        int(found.get(f"{name}_tokens") or 0) for name in ("prompt", "completion")
    )
    return Usage(prompt, completion) if prompt or completion else None
