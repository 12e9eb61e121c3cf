"""The model pool's file: what is accepted, and how a mistake is told."""

from pathlib import Path

import pytest

from konstruct_llm import choice
from konstruct_llm.errors import ModelUnknown, PoolInvalid, TryLater
from konstruct_llm.pool import Pool, PoolModel, default_pool, load_pool
from konstruct_llm.tenants import ProviderKeys
from konstruct_registry.snapshot import Models

GOOD = """\
models:
  - name: fast
    model: openai/fast-1
    apiBase: http://127.0.0.1:11434/v1
    apiKeyEnv: FAST_KEY
    contextTokens: 8192
    inputMicroUSD: 150000
    outputMicroUSD: 600000
    fallbacks: [slow]
  - name: slow
    model: openai/slow-1
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "models.yaml"
    file.write_text(text)
    return file


def test_a_good_file_is_read(tmp_path: Path) -> None:
    pool = load_pool(written(tmp_path, GOOD), {})
    fast = pool.find("fast")
    assert fast is not None
    assert fast.cost(1_000_000, 500_000) == 150_000 + 300_000
    assert fast.cost(1, 0) == 1
    assert pool.default("Chat") is fast
    assert pool.default("Embedding") is None


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("name: fast", "name: Fast!"), 2, "models[0].name"),
        (("inputMicroUSD: 150000", "inputMicroUSD: 0.15"), 7, "valid integer"),
        (("inputMicroUSD: 150000", "inputMicroUSD: -1"), 7, "greater than or equal to 0"),
        (("apiBase: http", "apiBase: ftp"), 4, "models[0].apiBase"),
        (("contextTokens", "contextTokenz"), 6, "Extra inputs are not permitted"),
        (("fallbacks: [slow]", "fallbacks: [gone]"), 1, "falls back to 'gone'"),
        (("name: slow", "name: fast"), 1, "two models are called 'fast'"),
        (("    model: openai/slow-1\n", ""), 10, "models[1].model"),
        (
            ("model: openai/slow-1", "client: Direct\n    model: openai/slow-1"),
            1,
            "has the client Direct",
        ),
        (
            ("model: openai/fast-1", "client: Direct\n    model: mistral/fast-1"),
            1,
            "has the client Direct",
        ),
        (("models:", "models: ["), 2, ""),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, change: tuple[str, str], line: int, said: str
) -> None:
    file = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(PoolInvalid) as caught:
        load_pool(file, {})
    assert str(caught.value).startswith(f"{file}:{line}: "), str(caught.value)
    assert said in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PoolInvalid, match="cannot be read"):
        load_pool(tmp_path / "none.yaml", {})


def test_without_a_file_keys_choose_and_the_demo_model_is_always_there() -> None:
    assert [one.name for one in default_pool({}).models] == ["demo", "demo-embedding"]
    both = default_pool({"OPENAI_API_KEY": "sk", "ANTHROPIC_API_KEY": "sk"})
    assert [one.name for one in both.models][:3] == ["openai", "anthropic", "demo"]
    assert default_pool({"OPENAI_API_KEY": ""}).models[0].name == "demo"


POOL = Pool(
    models=(
        PoolModel(name="dear", model="x/1", input_micro_usd=9, output_micro_usd=9),
        PoolModel(name="cheap", model="x/2", input_micro_usd=1, output_micro_usd=1),
        PoolModel(name="keyed", model="x/3", api_key_env="K", fallbacks=("cheap",)),
        PoolModel(name="vectors", model="x/4", kind="Embedding"),
    )
)


def names(wanted: str, agent: Models, tenant: Models) -> list[str]:
    return [one.name for one in choice.choose(POOL, wanted, agent=agent, tenant=tenant)]


def test_the_agent_decides_before_the_tenant_and_the_tenant_before_the_pool() -> None:
    nothing = Models()
    assert names("", nothing, nothing) == ["dear"]
    assert names("", nothing, Models(default="cheap")) == ["cheap"]
    assert names("default", Models(default="keyed"), Models(default="cheap")) == ["keyed", "cheap"]
    assert names("", Models(default="dear", fallbacks=("cheap",)), nothing) == ["dear", "cheap"]
    assert names("", Models(by_purpose={"chat": "cheap"}), nothing) == ["cheap"]


def test_a_caller_cannot_name_a_model_that_nobody_declared() -> None:
    with pytest.raises(ModelUnknown, match="not declared"):
        names("keyed", Models(default="cheap"), Models())
    assert names("cheap", Models(fallbacks=("cheap",)), Models())[0] == "cheap"
    with pytest.raises(ModelUnknown, match="no Chat model called 'gone'"):
        names("", Models(default="gone"), Models())


def test_a_tenants_own_key_is_used_before_the_platforms() -> None:
    models = [POOL.models[2]]
    own = choice.deploy(models, own=ProviderKeys({"K": "sk-1"}), tenant="t", environment={"K": "p"})
    assert (own[0].api_key, own[0].owner) == ("sk-1", "t")
    ours = choice.deploy(models, own=ProviderKeys({}), tenant="t", environment={"K": "p"})
    assert (ours[0].api_key, ours[0].owner) == ("p", "platform")
    assert "sk-1" not in repr(own)
    sealed = ProviderKeys({}, usable=False)
    with pytest.raises(TryLater):  # declared keys that cannot be opened never charge the platform
        choice.deploy(models, own=sealed, tenant="t", environment={"K": "p"})


def test_only_cheaper_models_stand_in_at_a_reached_budget() -> None:
    dear, cheap, keyed, _ = POOL.models
    assert choice.cheaper([dear, cheap]) == [cheap]
    assert choice.cheaper([cheap, dear]) == []
    assert choice.cheaper([cheap, keyed]) == [keyed]
