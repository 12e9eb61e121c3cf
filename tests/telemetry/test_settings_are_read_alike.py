"""Every program reads its settings alike: what is wrong is named, and no value is repeated."""

import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from pydantic_settings import SettingsConfigDict

from konstruct_agent.settings import AgentSettings
from konstruct_gateway.settings import GatewaySettings
from konstruct_llm.settings import LlmSettings
from konstruct_operator.settings import OperatorSettings
from konstruct_telemetry.settings import TelemetrySettings, read_settings

CANARY = "sk-canary-d41d8cd98f00"


@pytest.fixture(autouse=True)
def _programs_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [one for one in os.environ if one.startswith("KONSTRUCT_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("kind", "secret", "missing"),
    [
        (AgentSettings, "WORK_TOKEN", "gateway_url"),
        (GatewaySettings, "REGISTRY_TOKEN", "public_url"),
        (LlmSettings, "SEAL_PRIVATE_KEYS", "database_url"),
        (OperatorSettings, "REGISTRY_TOKEN", "registry_url"),
    ],
)
def test_wrong_settings_are_named_and_no_value_is_repeated(
    kind: type[TelemetrySettings],
    secret: str,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"KONSTRUCT_{secret}", CANARY)
    monkeypatch.setenv("KONSTRUCT_LOG_LEVEL", CANARY)
    assert read_settings(kind, "any") is None
    written = capsys.readouterr().err
    (line,) = [json.loads(one) for one in written.splitlines()]
    assert (line["event"], line["program"]) == ("settings are wrong", "any")
    named = {one.split(":")[0] for one in line["problems"]}
    assert {missing, "log_level"} <= named
    assert CANARY not in written


def test_the_log_is_as_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Settings(TelemetrySettings):
        model_config = SettingsConfigDict(env_prefix="KONSTRUCT_")

    monkeypatch.setenv("KONSTRUCT_LOG_LEVEL", "WARNING")
    assert read_settings(Settings, "any") == Settings(log_level="WARNING")
    log = structlog.get_logger("any")
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(one)["event"] for one in capsys.readouterr().err.splitlines()] == ["loud"]
