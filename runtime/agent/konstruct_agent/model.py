"""The model service, as a client: one streamed chat completion per step."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from konstruct_agent.errors import RetryLater, TurnLost
from konstruct_agent.transport import Answer, Transport
from konstruct_agent.work import fence, raise_for
from konstruct_messages.turns import ClaimedTurn, Verdict

_DATA = b"data: "
_END = b"data: [DONE]"


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

    def __init__(self, llm: Transport, *, timeout_seconds: float) -> None:
        self._llm = llm
        self._timeout = timeout_seconds

    async def stream(
        self,
        turn: ClaimedTurn,
        number: int,
        *,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        answer: ModelAnswer,
        traceparent: str = "",
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
            "Content-Type": "application/json",
            **({"traceparent": traceparent} if traceparent else {}),
        }
        whole = False
        try:
            async with self._llm.stream(
                "/v1/chat/completions",
                body=json.dumps(body).encode(),
                headers=headers,
                seconds=self._timeout,
            ) as lines:
                if isinstance(lines, Answer):
                    raise_for(lines)
                    return
                async for line in lines:
                    whole = whole or line == _END
                    text = "" if whole else _take(line, answer)
                    if text:
                        yield text
        except RetryLater:
            if not whole:
                raise
        if not whole:
            raise RetryLater("The stream of the model service broke off.")


def _take(line: bytes, answer: ModelAnswer) -> str:
    """Add one line of the stream to `answer`; return the text it brought."""
    if not line.startswith(_DATA):
        return ""
    event = json.loads(line[len(_DATA) :])
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
