"""`python -m konstruct_gateway doctor`, as somebody calls it inside a gateway's pod."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from konstruct_gateway.doctor.command import run_doctor
from konstruct_gateway.main import main
from support.gateways import REGISTRY_TOKEN, RunningGateway

pytestmark = pytest.mark.postgres


async def called(gateway: RunningGateway, *words: str, **environment: str) -> int:
    known = {
        "KONSTRUCT_INTERNAL_PORT": str(urlsplit(gateway.internal_url).port),
        "KONSTRUCT_REGISTRY_TOKEN": REGISTRY_TOKEN,
        **environment,
    }
    return await asyncio.to_thread(run_doctor, words, known)


async def test_it_prints_a_tenants_connections_in_the_language_of_the_terminal(
    running: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called(running, "acme", LANG="pt_BR.UTF-8") == 0
    said = capsys.readouterr().out
    assert said.startswith("acme/website  WebChat\n  ok  Páginas que podem abri-lo: ")
    assert "\n\nacme/staff  WebChat\n" in said
    assert "--  Última mensagem recebida: Nada recentemente." in said


async def test_it_prints_json_for_programs(
    running: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called(running, "acme/staff", "--json") == 0
    [found] = json.loads(capsys.readouterr().out)["connections"]
    assert (found["tenant"], found["connection"], found["verdict"]) == ("acme", "staff", "ok")


async def test_it_fails_where_it_cannot_ask(
    running: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await called(running, "acme/nobody") == 1
    assert await called(running, KONSTRUCT_REGISTRY_TOKEN="wrong") == 1
    assert await called(running, KONSTRUCT_INTERNAL_PORT="9") == 1
    said = capsys.readouterr().err.splitlines()
    assert ["404" in said[0], "401" in said[1], "Nobody answers" in said[2]] == [True] * 3


def test_wrong_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["a", "b"], ["--colour"], ["a/b", "--json", "--now"]):
        assert main(["doctor", *words]) == 2
    assert "Usage: python -m konstruct_gateway doctor" in capsys.readouterr().err
