"""Bodies of the OpenAI-compatible API, as far as this service reads them.

What a provider may understand and we do not is dropped: a request's effect must not depend on the
provider it happens to reach.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class StreamOptions(BaseModel):
    """Options of a stream; usage is always sent, whatever is asked."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool = True


class ChatCompletionRequest(BaseModel):
    """Body of `POST /v1/chat/completions`."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(default="", max_length=128, description="Empty: the declared default")
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2_000)
    tools: list[dict[str, Any]] = Field(default_factory=list, max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stop: str | list[str] | None = None
    response_format: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None

    def options(self) -> dict[str, Any]:
        """Return the optional parameters that were given."""
        names = ("temperature", "top_p", "stop", "response_format")
        found = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.tools:
            for name in ("tool_choice", "parallel_tool_calls"):
                if getattr(self, name) is not None:
                    found[name] = getattr(self, name)
        return found

    def output_tokens(self, most: int) -> int:
        """Return how many tokens may be generated, at most `most`."""
        wanted = self.max_completion_tokens or self.max_tokens or most
        return min(wanted, most)


class EmbeddingRequest(BaseModel):
    """Body of `POST /v1/embeddings`."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(default="", max_length=128, description="Empty: the declared default")
    input: str | list[str]
    encoding_format: Literal["float"] = "float"

    def texts(self) -> list[str]:
        """Return the texts as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


class ErrorDetail(BaseModel):
    """What went wrong: a sentence for people, a code for programs."""

    message: str
    type: str = "konstruct_error"
    code: str


class ErrorBody(BaseModel):
    """Body of every error, in OpenAI's shape."""

    error: ErrorDetail
