"""The demo model's dialogue, in the three languages, and its embeddings."""

import json
import math
from typing import Any

import pytest

from konstruct_llm.demo import dialogue, languages
from konstruct_llm.demo.embedding import DIMENSIONS, embed

SYSTEM = "=== Role ===\nYou are Ana, an AI employee of Acme.\n=== Language ===\nin English (en)."


def say(*lines: str, system: str = SYSTEM, tools: tuple[str, ...] = ("time",)) -> str:
    messages = [{"role": "system", "content": system}]
    messages += [{"role": "user", "content": line} for line in lines]
    return dialogue.reply(messages, tools).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "Hello! I am Ana, speaking through Konstruct's built-in demo model."),
        ("Good morning!", "Hello! I am Ana"),
        ("hola", "¡Hola! Soy Ana y hablo a través del modelo de demostración"),
        ("Buenos días", "¡Hola! Soy Ana"),
        ("Olá!", "Olá! Sou Ana e falo por meio do modelo de demonstração"),
        ("Bom dia", "Olá! Sou Ana"),
    ],
)
def test_it_greets_and_says_what_it_is(text: str, expected: str) -> None:
    assert say(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Alice", "Alice"),
        ("hi, call me Mary Ann please", "Mary Ann"),
        ("me llamo José", "José"),
        ("Mi nombre es Lucía Pérez.", "Lucía Pérez"),
        ("Meu nome é João", "João"),
        ("Eu me chamo Inês", "Inês"),
    ],
)
def test_it_remembers_a_name_said_earlier(text: str, name: str) -> None:
    assert name in say(text)
    assert name in say(text, "what is my name?")
    assert name in say(text, "¿cómo me llamo?")
    assert name in say(text, "qual é o meu nome?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what's my name?", "You have not told me"),
        ("¿Cuál es mi nombre?", "Todavía no me has dicho"),
        ("Você sabe o meu nome?", "Você ainda não me disse"),
    ],
)
def test_it_does_not_invent_a_name(text: str, expected: str) -> None:
    assert say(text).startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?",
        "tell me the date please",
        "what day is it today?",
        "¿Qué hora es?",
        "dime la fecha",
        "Que horas são?",
        "qual a data de hoje?",
    ],
)
def test_it_calls_the_time_tool(text: str) -> None:
    reply = dialogue.reply([{"role": "user", "content": text}], ["time"])
    assert reply.call is not None
    assert reply.call.name == "time"
    assert json.loads(reply.call.arguments) == {}


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("What time is it in Tokyo?", "Asia/Tokyo"),
        ("¿Qué hora es en Ciudad de México?", "America/Mexico_City"),
        ("Que horas são em São Paulo?", "America/Sao_Paulo"),
        ("what time is it in Asia/Kolkata", "Asia/Kolkata"),
    ],
)
def test_it_asks_for_the_time_of_a_place(text: str, zone: str) -> None:
    reply = dialogue.reply([{"role": "user", "content": text}], ["time"])
    assert reply.call is not None
    assert json.loads(reply.call.arguments) == {"zone": zone}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What time is it?", "It is 09:05 on 2026-11-23 (Europe/Madrid)."),
        ("¿Qué hora es?", "Son las 09:05 del 2026-11-23 (Europe/Madrid)."),
        ("Que horas são?", "São 09:05 de 2026-11-23 (Europe/Madrid)."),
    ],
)
def test_it_says_what_the_tool_found(text: str, expected: str) -> None:
    found = {"time": "09:05", "date": "2026-11-23", "zone": "Europe/Madrid"}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": json.dumps(found)},
    ]
    assert dialogue.reply(messages, ["time"]).text == expected


def test_a_tool_that_failed_is_admitted() -> None:
    messages = [
        {"role": "user", "content": "¿Qué hora es?"},
        {"role": "tool", "content": '{"error": "no zone"}'},
    ]
    assert dialogue.reply(messages, ["time"]).text.startswith("Ahora mismo no he podido")


TOOLS = ("time", "choose", "file")


def call(*lines: str) -> tuple[str, dict[str, Any]]:
    """Return the tool that the model calls, and with what."""
    messages = [{"role": "system", "content": SYSTEM}]
    messages += [{"role": "user", "content": line} for line in lines]
    made = dialogue.reply(messages, TOOLS).call
    assert made is not None
    return made.name, json.loads(made.arguments)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Show me some buttons, please", "What would you like to see?"),
        ("¿Qué opciones hay?", "¿Qué quieres ver?"),
        ("Quais são as opções?", "O que você quer ver?"),
    ],
)
def test_asked_for_buttons_it_offers_what_it_understands(text: str, question: str) -> None:
    name, arguments = call(text)
    assert (name, arguments["question"]) == ("choose", question)
    time, file, person = arguments["choices"]
    assert call(time)[0] == "time"
    assert call(file)[0] == "file"
    assert "IA" in say(person) or "AI" in say(person)


def test_asked_for_a_file_it_writes_what_was_said() -> None:
    name, arguments = call("My name is Eva", "Give me a file of this")
    assert name == "file"
    assert arguments["name"] == "conversation.md"
    assert "**You:** My name is Eva" in arguments["content"]
    said: list[dict[str, Any]] = [{"role": "user", "content": "Quero um arquivo"}]
    good = json.dumps({"file": {"key": "k", "name": "conversa.md"}})
    for result, words in ((good, "Aqui está nossa"), ('{"error": "x"}', "Não consegui criar")):
        reply = dialogue.reply([*said, {"role": "tool", "content": result}], TOOLS)
        assert reply.text.startswith(words)
    # A person's own file is no wish for one.
    assert dialogue.reply(
        [{"role": "user", "content": "hi\n[attached: a.csv (text/csv)]"}], TOOLS
    ).text


def test_without_the_tools_it_promises_neither() -> None:
    assert "buttons" not in say("Write the annual report")
    assert "buttons" in say("Write the annual report", tools=TOOLS)
    assert "OPENAI_API_KEY" in say("Give me a file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Are you a human?", "Yes, I am an AI"),
        ("¿Eres un robot?", "Sí, soy una IA"),
        ("Você é uma pessoa?", "Sim, sou uma IA"),
    ],
)
def test_asked_it_says_that_it_is_an_ai(text: str, expected: str) -> None:
    assert say(text).startswith(expected)


def test_beyond_its_script_it_says_what_would_help() -> None:
    assert "OPENAI_API_KEY" in say("Please write the annual report of our subsidiary")
    assert "modelo de demostración" in say("Escribe el informe anual de la empresa")
    assert "modelo de demonstração" in say("Escreva o relatório anual da empresa")


def test_a_message_that_does_not_tell_keeps_the_conversations_language() -> None:
    assert say("hola, ¿qué tal estás?", "Pepsi 42").startswith("Soy el modelo de demostración")
    assert languages.hint("Answer in Portuguese (pt).") == "pt"
    assert say("42", system="... in Spanish (es).").startswith("Soy el modelo")


def test_the_same_conversation_gives_the_same_reply() -> None:
    assert say("hello", "what time is it?") == say("hello", "what time is it?")
    assert "".join(dialogue.DemoReply("one two  three").words()) == "one two  three"


def test_embeddings_have_unit_length_and_know_shared_words() -> None:
    one, two, other = (
        embed("The invoice is late"),
        embed("late invoice!"),
        embed("Wie geht es dir"),
    )
    assert len(one) == DIMENSIONS == 384
    for vector in (one, two, other, embed(""), embed("a a a")):
        assert math.isclose(sum(value * value for value in vector), 1.0)
    near = sum(a * b for a, b in zip(one, two, strict=True))
    far = sum(a * b for a, b in zip(one, other, strict=True))
    assert near > 0.6 > far
    assert embed("Café") == embed("cafe")
