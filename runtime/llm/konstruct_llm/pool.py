"""The model pool: which models there are, what they cost, who stands in for whom.

The file is `models.yaml`: a list under `models`. Prices are integer micro-USD per million tokens.
Without a file, the keys in the environment choose: a real model first, the demo model always.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from konstruct_llm.errors import PoolInvalid

DEMO_MODEL = "konstruct-demo/dialogue"
DEMO_EMBEDDING = "konstruct-demo/embedding"
OPENAI_PREFIX = "openai/"
"""How litellm spells that a model's server speaks OpenAI's dialect."""

_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class PoolModel(BaseModel):
    """One model of the pool. `model` is spelled as litellm does: `provider/name`."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid"
    )

    name: str = Field(pattern=_NAME, max_length=63)
    model: str = Field(min_length=1, max_length=256)
    kind: Literal["Chat", "Embedding"] = "Chat"
    #: Direct: chat over HTTP without litellm, for a server that speaks OpenAI's own dialect.
    client: Literal["LiteLLM", "Direct"] = "LiteLLM"
    api_base: str | None = Field(default=None, pattern=r"^https?://")
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    context_tokens: int = Field(default=32_768, ge=256)
    max_output_tokens: int = Field(default=4_096, ge=1)
    #: Whether the model sees pictures; others are told their names.
    vision: bool = False
    input_micro_usd: int = Field(default=0, ge=0, alias="inputMicroUSD")
    output_micro_usd: int = Field(default=0, ge=0, alias="outputMicroUSD")
    fallbacks: tuple[str, ...] = Field(default=(), max_length=8)

    @property
    def speaks_openai(self) -> bool:
        """Tell whether the model is a server's at an address of its own, in OpenAI's dialect."""
        return self.api_base is not None and self.model.startswith(OPENAI_PREFIX)

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Return what a call costs in micro-USD, rounded up, so that no call is free by size."""
        product = input_tokens * self.input_micro_usd + output_tokens * self.output_micro_usd
        return -(-product // 1_000_000)


class Pool(BaseModel):
    """All models; the first of each kind is its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[PoolModel, ...] = Field(min_length=1, max_length=256)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two models are called {twice[0]!r}; give each its own name")
        for model in self.models:
            if model.client == "Direct" and not model.speaks_openai:
                raise ValueError(
                    f"{model.name!r} has the client Direct; give it an apiBase and a model"
                    f" that begins with {OPENAI_PREFIX}, or leave client out"
                )
            for fallback in model.fallbacks:
                found = self.find(fallback)
                if found is None or found.kind != model.kind or found is model:
                    raise ValueError(
                        f"{model.name!r} falls back to {fallback!r};"
                        f" write the name of another {model.kind} model of this file"
                    )
        return self

    def find(self, name: str) -> PoolModel | None:
        """Return the model called `name`, or None."""
        return next((model for model in self.models if model.name == name), None)

    def default(self, kind: Literal["Chat", "Embedding"]) -> PoolModel | None:
        """Return the first model of `kind`, or None."""
        return next((model for model in self.models if model.kind == kind), None)


def load_pool(path: Path | None, environment: Mapping[str, str]) -> Pool:
    """Return the pool of the file, or the one that the environment's keys select.

    Raises PoolInvalid with file, line and remedy.
    """
    if path is None:
        return default_pool(environment)
    try:
        text = path.read_text()
    except OSError as error:
        raise PoolInvalid(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or "not YAML"
        raise PoolInvalid(f"{path}:{line}: {problem}") from error
    try:
        return Pool.model_validate(document)
    except ValidationError as error:
        problems = [
            f"{path}:{_line(node, problem['loc'])}: {_path(problem['loc'])}{problem['msg']}"
            for problem in error.errors()
        ]
        raise PoolInvalid("\n".join(problems)) from error


def default_pool(environment: Mapping[str, str]) -> Pool:
    """Return the pool without a file: a real model where a key is, and always the demo model."""
    models: list[PoolModel] = []
    if environment.get("OPENAI_API_KEY"):
        models.append(
            PoolModel(
                name="openai",
                model="openai/gpt-5.4-mini",
                api_key_env="OPENAI_API_KEY",
                context_tokens=272_000,
                vision=True,
                input_micro_usd=750_000,
                output_micro_usd=4_500_000,
            )
        )
    if environment.get("ANTHROPIC_API_KEY"):
        models.append(
            PoolModel(
                name="anthropic",
                model="anthropic/claude-haiku-4-5",
                api_key_env="ANTHROPIC_API_KEY",
                context_tokens=200_000,
                vision=True,
                input_micro_usd=1_000_000,
                output_micro_usd=5_000_000,
            )
        )
    models.append(PoolModel(name="demo", model=DEMO_MODEL))
    models.append(PoolModel(name="demo-embedding", model=DEMO_EMBEDDING, kind="Embedding"))
    return Pool(models=tuple(models))


def _line(node: Any, location: Iterable[int | str]) -> int:
    """Return the 1-based line of the deepest part of `location` that the document has."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            entry = next((pair for pair in node.value if pair[0].value == part), None)
            if entry is None:
                return line
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return line
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _path(location: Iterable[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{text.removeprefix('.')}: " if text else ""
