"""litellm, and nothing else of the product imports it. Import this module late: it takes seconds.

Its router, retries, cool-downs, caches and callbacks are not used: they have failed in ways that
matter to us (a deployment in rotation after 25 failures, clients closed in use), and ours are
small. What is used is the translation of one call into each provider's dialect.
"""

import asyncio
import contextlib
import logging
import re
import uuid
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import litellm
import litellm.utils
from litellm import exceptions
from litellm.litellm_core_utils.streaming_handler import calculate_total_usage
from litellm.llms.custom_llm import CustomLLM

from konstruct_llm import pool
from konstruct_llm.demo import dialogue, embedding
from konstruct_llm.errors import AttemptFailed, FailureKind
from konstruct_llm.provider import ChatCall, Deployment, Embeddings, Piece, Usage
from konstruct_llm.tokens import estimate_prompt, estimate_text

_DEMO_PROVIDER = "konstruct-demo"
_LITELLM_MODULES = re.compile(r"litellm(\.|$)")
# One value for all calls: litellm keeps a client per timeout, and a call's own deadline would make
# (and leak) a connection each. The caller's `asyncio.timeout` is what ends a call.
_BACKSTOP_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_KEPT_SECONDS = 4.0  # vLLM's server closes what was idle for five, perhaps under a request
_NOBODY = "http://127.0.0.1:9/v1"
_untyped: Any = litellm  # what litellm neither exports nor types


class LitellmVendor:
    """All providers that litellm speaks to, and the demo model as one more of them."""

    def __init__(self) -> None:
        litellm.drop_params = True
        litellm.suppress_debug_info = True
        litellm.turn_off_message_logging = True
        litellm.disable_streaming_logging = True
        litellm.disable_token_counter = True  # it loads 100 MB; we estimate where no usage comes
        litellm.telemetry = False
        # A ruler of a table is no reason to break an answer off; size and deadline are ours.
        _untyped.REPEATED_STREAMING_CHUNK_LIMIT = 1_000_000
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # its errors quote prompts
        litellm.custom_provider_map = [
            {"provider": _DEMO_PROVIDER, "custom_handler": DemoProvider()}
        ]
        _untyped.utils.custom_llm_setup()

    async def stream(
        self, deployment: Deployment, call: ChatCall, *, timeout_seconds: float
    ) -> AsyncGenerator[Piece, None]:
        """Yield the answer in pieces. See `provider.Vendor`."""
        del timeout_seconds  # see _BACKSTOP_SECONDS
        _hush_warnings()
        parameters: dict[str, Any] = dict(call.options)
        if call.tools:
            parameters["tools"] = list(call.tools)
        try:
            response = await litellm.acompletion(
                model=deployment.model.model,
                messages=[dict(message) for message in call.messages_for(deployment.model)],
                max_tokens=call.max_output_tokens,
                stream=True,
                stream_options={"include_usage": True},
                api_base=deployment.model.api_base,
                api_key=deployment.api_key or _no_key(deployment),
                timeout=_BACKSTOP_SECONDS,
                max_retries=0,
                num_retries=0,
                _skip_mcp_handler=True,  # with tools it would import `mcp`, which is not installed
                **parameters,
            )
            try:
                async for chunk in response:
                    piece = _piece(chunk)
                    if piece is None:
                        continue
                    if piece.finish_reason:
                        yield await _last_piece(piece, response)
                        return
                    yield piece
            finally:
                await response.aclose()
        except (AttemptFailed, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            raise _translate(error) from error
        raise AttemptFailed(FailureKind.MALFORMED, "The stream ended without a finish reason.")

    async def warm_up(self) -> None:
        """Make two calls that lead nowhere, so that no person's first call loads the rest.

        litellm imports and builds half of itself at the first call: half a second, measured.
        """
        call = ChatCall(messages=[{"role": "user", "content": "hello"}])
        for name in (pool.DEMO_MODEL, "openai/warm-up"):
            model = pool.PoolModel(name="warm-up", model=name, api_base=_NOBODY)
            with contextlib.suppress(AttemptFailed, TimeoutError):
                async with asyncio.timeout(5):
                    async for _ in self.stream(Deployment(model), call, timeout_seconds=5):
                        pass

    async def embed(
        self, deployment: Deployment, texts: Sequence[str], *, timeout_seconds: float
    ) -> Embeddings:
        """Return one vector for each text. See `provider.Vendor`."""
        del timeout_seconds  # see _BACKSTOP_SECONDS
        _hush_warnings()
        try:
            response = await litellm.aembedding(
                model=deployment.model.model,
                input=list(texts),
                api_base=deployment.model.api_base,
                api_key=deployment.api_key or _no_key(deployment),
                timeout=_BACKSTOP_SECONDS,
                max_retries=0,
                num_retries=0,
            )
        except Exception as error:
            raise _translate(error) from error
        vectors = [[float(number) for number in item["embedding"]] for item in response.data]
        if len(vectors) != len(texts):
            raise AttemptFailed(FailureKind.MALFORMED, "The provider left out a vector.")
        usage = getattr(response, "usage", None)
        counted = int(getattr(usage, "prompt_tokens", 0) or 0)
        return Embeddings(
            vectors=vectors, input_tokens=counted or sum(estimate_text(text) for text in texts)
        )

    async def close(self) -> None:
        """Close litellm's cached clients, and forget them: it would hand out closed ones."""
        await _untyped.close_litellm_async_clients()
        _untyped.in_memory_llm_clients_cache.flush_cache()


def _hush_warnings() -> None:
    """Ignore warnings that arise in litellm itself: it reads what pydantic has deprecated.

    At every call, because whoever collects warnings (pytest does) replaces the filters.
    """
    ours = ("ignore", None, Warning, _LITELLM_MODULES, 0)
    if ours not in warnings.filters:
        warnings.filterwarnings("ignore", module=_LITELLM_MODULES.pattern)


def _no_key(deployment: Deployment) -> str | None:
    """Return what stands for a key at a server that wants none (Ollama, vLLM)."""
    return "none" if deployment.model.api_base else None


def _piece(chunk: Any) -> Piece | None:
    if not chunk.choices:
        return None
    choice = chunk.choices[0]
    text = choice.delta.content or ""
    calls = tuple(_call(call) for call in choice.delta.tool_calls or ())
    finish = choice.finish_reason or ""
    if not (text or calls or finish):
        return None
    return Piece(text=text, tool_calls=calls, finish_reason=finish)


async def _last_piece(piece: Piece, response: Any) -> Piece:
    """Return the last piece with the usage; raise AttemptFailed when the provider sent no end.

    litellm gives a stream that simply stops the finish reason "stop". What it does after the last
    piece (building the whole answer again, pricing and redacting it for loggers that nobody has) is
    half of a call's processor time, so the provider's own rest of the stream is read instead.
    """
    if response.received_finish_reason is None:
        raise AttemptFailed(FailureKind.MALFORMED, "The stream ended without a finish reason.")
    usages: list[Any] = [calculate_total_usage(chunks=response.chunks)]
    if hasattr(response.completion_stream, "__aiter__"):
        with contextlib.suppress(Exception):  # the answer is whole; its usage can be estimated
            usages += [_usage_of(chunk) async for chunk in response.completion_stream]
    counted = [_usage(usage) for usage in usages]
    return replace(piece, usage=next((usage for usage in reversed(counted) if usage), None))


def _usage_of(chunk: Any) -> Any:
    return chunk.get("usage") if isinstance(chunk, dict) else getattr(chunk, "usage", None)


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    found = usage if isinstance(usage, dict) else vars(usage)
    prompt, completion = (
        int(found.get(f"{name}_tokens") or 0) for name in ("prompt", "completion")
    )
    return Usage(prompt, completion) if prompt or completion else None


def _call(call: Any) -> Mapping[str, Any]:
    function = call.function
    return {
        "index": int(call.index or 0),
        "id": call.id or "",
        "name": (function.name if function else "") or "",
        "arguments": (function.arguments if function else "") or "",
    }


def _translate(error: Exception) -> AttemptFailed:
    """Say in our words what went wrong. The texts of litellm quote prompts and are left behind."""
    inner = getattr(error, "original_exception", None)
    if isinstance(error, exceptions.MidStreamFallbackError) and inner is not None:
        return _translate(inner)
    status = int(getattr(error, "status_code", 0) or 0)
    message = f"{type(error).__name__} ({status})"
    kind = next(
        (kind for types, kind in _kinds() if isinstance(error, types)), FailureKind.UNAVAILABLE
    )
    patient = kind in {FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE}
    return AttemptFailed(kind, message, retry_after=_retry_after(error) if patient else 0.0)


def _kinds() -> tuple[tuple[tuple[type[Exception], ...], FailureKind], ...]:
    """Return what litellm's errors mean to us; the narrower stand before the wider."""
    return (
        ((exceptions.ContextWindowExceededError,), FailureKind.TOO_LONG),
        ((exceptions.RateLimitError,), FailureKind.RATE_LIMITED),
        (
            (
                exceptions.AuthenticationError,
                exceptions.PermissionDeniedError,
                exceptions.NotFoundError,
            ),
            FailureKind.KEY_REFUSED,
        ),
        ((exceptions.Timeout, TimeoutError), FailureKind.TIMEOUT),
        ((exceptions.BadRequestError, exceptions.UnprocessableEntityError), FailureKind.REFUSED),
    )


def _retry_after(error: Exception) -> float:
    headers = getattr(error, "litellm_response_headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except (TypeError, ValueError):
        return 0.0


class DemoProvider(CustomLLM):
    """The demo model behind litellm's own interface, so that it takes the same path as all."""

    # litellm types this as a coroutine; its own examples, and its caller, want a generator.
    async def astreaming(  # type: ignore[override]
        self, *_args: Any, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the demo model's reply word by word. Takes what litellm gives."""
        messages: list[Mapping[str, Any]] = kwargs["messages"]
        tools: Iterable[Mapping[str, Any]] = kwargs["optional_params"].get("tools") or ()
        reply = dialogue.reply(messages, [tool["function"]["name"] for tool in tools])
        for word in reply.words():
            yield _demo_chunk(text=word)
            await asyncio.sleep(0)
        if reply.call is not None:
            yield _demo_chunk(
                tool_use={
                    "id": f"call_{uuid.uuid4().hex[:12]}",
                    "type": "function",
                    "function": {"name": reply.call.name, "arguments": reply.call.arguments},
                    "index": 0,
                }
            )
        yield _demo_chunk(
            finish="tool_calls" if reply.call else "stop",
            usage={
                "prompt_tokens": (prompt := estimate_prompt(messages)),
                "completion_tokens": (output := max(1, estimate_text(reply.text))),
                "total_tokens": prompt + output,
            },
        )

    async def aembedding(self, *_args: Any, **kwargs: Any) -> Any:
        """Return hashed bags of words as vectors. Takes what litellm gives."""
        texts: list[str] = kwargs["input"]
        response = kwargs["model_response"]
        response.data = [
            {"object": "embedding", "index": index, "embedding": embedding.embed(text)}
            for index, text in enumerate(texts)
        ]
        response.model = kwargs["model"]
        tokens = sum(estimate_text(text) for text in texts)
        response.usage = litellm.Usage(prompt_tokens=tokens, total_tokens=tokens)
        return response


def _demo_chunk(
    *,
    text: str = "",
    tool_use: dict[str, Any] | None = None,
    finish: str = "",
    usage: dict[str, int] | None = None,
) -> dict[str, Any]:
    return {
        "text": text,
        "tool_use": tool_use,
        "is_finished": bool(finish),
        "finish_reason": finish,
        "usage": usage,
        "index": 0,
    }
