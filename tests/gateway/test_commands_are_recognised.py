"""A command is a whole message, in any of the three languages, however it is written."""

import pytest

from konstruct_gateway.commands import Commands
from konstruct_gateway.sentences import Sentences
from konstruct_messages.inbound import Command
from konstruct_messages.translations import LANGUAGES

COMMANDS = Commands()


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("help", Command.HELP),
        ("¡AYÚDAME!", Command.HELP),
        ("ayudame", Command.HELP),
        ("Ajuda?", Command.HELP),
        ("stop", Command.STOP),
        ("  STOP!!! ", Command.STOP),
        ("¡Para!", Command.STOP),
        ("Pare.", Command.STOP),
        ("/stop", Command.STOP),
        ("/detener", Command.STOP),
        ("Start over", Command.START_OVER),
        ("Nueva conversacion", Command.START_OVER),
        ("recomecar", Command.START_OVER),
        ("RECOMEÇAR", Command.START_OVER),
        ("Talk to a human, please"[:15], Command.HUMAN),
        ("Quiero hablar con una persona.", Command.HUMAN),
        ("quero falar com um atendente", Command.HUMAN),
    ],
)
def test_a_command_is_recognised(text: str, command: Command) -> None:
    assert COMMANDS.recognise(text) is command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "?",
        "How do I stop the machine?",
        "stop the machine",
        "help me with my invoice",
        "Para qué sirve",
        "I talked to a human yesterday",
        "/stops",
        "/ stop it now",
        "stop " * 40,
        "restart",
        "cancel",
    ],
)
def test_a_sentence_is_never_a_command(text: str) -> None:
    assert COMMANDS.recognise(text) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_names_forms_that_are_understood(language: str) -> None:
    words = Sentences().help("Ana", language)
    assert "Ana" in words
    assert "{" not in words
    forms = [line[2:].split(":")[0] for line in words.splitlines() if line.startswith("- ")]
    assert {COMMANDS.recognise(one) for one in forms} == set(Command)
