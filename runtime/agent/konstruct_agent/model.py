"""The model service, as a client: one streamed chat completion per step."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from konstruct_agent.errors import RetryLater, TurnLost
from konstruct_agent.work import fence, raise_for
from konstruct_messages.turns import ClaimedTurn, Verdict

_DONE = "[DONE]"


@dataclass
class ModelAnswer:
    """One assistant message. `text` and `calls` grow while it streams."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""
    verdict: Verdict = Verdict.CONTINUE

    def message(self) -> dict[str, Any]:
        """Return the message as the next prompt repeats it."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = self.calls
        return message


def recorded_answer(result: Mapping[str, Any]) -> ModelAnswer:
    """Return a journalled model step as the answer it was."""
    message = result["message"]
    return ModelAnswer(
        text=message.get("content") or "",
        calls=list(message.get("tool_calls") or ()),
        finish_reason=str(result.get("finish_reason") or ""),
    )


class ModelClient:
    """Calls of the model service. Raises the errors of `konstruct_agent.errors`."""

    def __init__(self, http: httpx.AsyncClient, *, timeout_seconds: float) -> None:
        self._http = http
        self._timeout = httpx.Timeout(timeout_seconds, connect=5, pool=timeout_seconds)

    async def stream(
        self,
        turn: ClaimedTurn,
        number: int,
        *,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        answer: ModelAnswer,
    ) -> AsyncGenerator[str, None]:
        """Yield the pieces of text of step `number` and fill `answer` with all of it.

        When it ends without an error the step is journalled, and `answer` is complete.
        """
        body: dict[str, Any] = {"messages": list(messages), "stream": True}
        if tools:
            body["tools"] = list(tools)
        headers = {
            **fence(turn),
            "Konstruct-Turn": str(turn.turn_id),
            "Konstruct-Step": str(number),
        }
        whole = False
        try:
            async with self._http.stream(
                "POST", "/v1/chat/completions", json=body, headers=headers, timeout=self._timeout
            ) as response:
                if not response.is_success:
                    raise_for(response.status_code, await response.aread(), response.headers)
                # Read to the very end: a response that is left early costs its connection.
                async for line in response.aiter_lines():
                    whole = whole or line == f"data: {_DONE}"
                    text = "" if whole else _take(line, answer)
                    if text:
                        yield text
        except httpx.HTTPError as error:
            if not whole:
                raise RetryLater(
                    f"The model service cannot be reached: {type(error).__name__}."
                ) from error
        if not whole:
            raise RetryLater("The stream of the model service broke off.")


def _take(line: str, answer: ModelAnswer) -> str:
    """Add one line of the stream to `answer`; return the text it brought."""
    if not line.startswith("data: "):
        return ""
    event = json.loads(line.removeprefix("data: "))
    if "error" in event:
        code = str(event["error"].get("code") or "")
        if code == "turn_lost":
            raise TurnLost("The turn is lost.")
        raise RetryLater(f"The answer broke off: {code}.")
    if "konstruct" in event:
        answer.verdict = Verdict(event["konstruct"].get("verdict", Verdict.CONTINUE))
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        for part in delta.get("tool_calls") or ():
            _add_call(answer.calls, part)
        answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
        text = delta.get("content") or ""
        answer.text += text
        return text
    return ""


def _add_call(calls: list[dict[str, Any]], part: Mapping[str, Any]) -> None:
    index = int(part.get("index", len(calls)))
    while len(calls) <= index:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[index]
    function = part.get("function") or {}
    call["id"] = part.get("id") or call["id"]
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""
