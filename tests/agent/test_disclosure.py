"""The specification of the disclosure: which phrases ask, which replies disclose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct_agent import disclosure
from konstruct_messages.translations import load_catalogues

ASKS = {
    "en": [
        "Are you an AI?",
        "are you a bot",
        "Are you a real person?",
        "are you human??",
        "Are you really a human being?",
        "r u a bot?",
        "Aren't you a robot?",
        "Am I talking to a human?",
        "am I speaking with a real person or a machine?",
        "Is this a bot?",
        "Is this an AI or a human?",
        "is there a real person there?",
        "You're a robot, right?",
        "Bot or human?",
        "Hi! Before we start: are you an artificial intelligence?",
        "Are you ChatGPT?",
        "Did a human write this?",
        "I want to know whether I'm talking to a machine",
        "Are you just a computer program?",
        "Is it a person answering?",
    ],
    "es": [
        "¿Eres una IA?",
        "eres un bot",
        "¿Eres humano?",
        "¿Eres una persona real o un robot?",
        "¿Es usted una persona?",
        "¿Eres realmente una persona?",
        "¿Estoy hablando con una máquina?",
        "¿Estoy hablando con un humano?",
        "¿Hablo con una persona?",
        "¿Esto es un bot?",
        "¿Sos un robot?",
        "¿No eres un ser humano?",
        "Hola, ¿eres una inteligencia artificial?",
        "¿Hay una persona ahí?",
        "¿Me responde una persona?",
        "¿Persona o máquina?",
    ],
    "pt": [
        "Você é uma IA?",
        "voce e um robo?",
        "Você é humano?",
        "Você é uma pessoa de verdade?",
        "vc é um bot",
        "Tu és uma máquina?",
        "Estou falando com uma pessoa?",
        "Estou a falar com um robô?",
        "Falo com um humano?",
        "Isso é um bot?",
        "Você é realmente uma inteligência artificial?",
        "Tem uma pessoa aí?",
        "Humano ou robô?",
        "O senhor é uma pessoa?",
    ],
}
DOES_NOT_ASK = [
    "hello",
    "What time is it?",
    "Are you open on Sundays?",
    "Is this the person in charge of invoices?",
    "Can I speak to a person?",
    "I need an AI course",
    "Who is the person who signs?",
    "The robot vacuum is broken",
    "¿Qué hora es?",
    "¿Eres de Madrid?",
    "Necesito hablar con una persona",
    "Mi máquina no funciona",
    "¿Cuántas personas caben?",
    "Que horas são?",
    "Você é de Lisboa?",
    "Quero falar com uma pessoa",
    "A máquina não liga",
    "é uma boa ideia",
]
DISCLOSES = [
    "Yes, I am an AI.",
    "I'm a virtual assistant, an AI employee of Acme.",
    "As an AI, I cannot taste coffee.",
    "I am not a human, but I can help.",
    "Sí, soy una IA de Acme.",
    "Soy un asistente virtual.",
    "No soy una persona.",
    "Sim, sou uma inteligência artificial.",
    "Não sou humano.",
    "Sou um assistente virtual da Acme.",
    "I'm an automated AI assistant.",
    "Yes, I am an AI: a demo model, not a person.",
]
DOES_NOT_DISCLOSE = [
    "",
    "I am Ana from Acme.",
    "I'm a real person.",
    "I am a human being, not a bot.",
    "No, I'm not a bot.",
    "I am an AI expert? No, I am a person.",
    "Soy Ana, de Madrid.",
    "No soy un robot, soy una persona.",
    "Sou a Ana.",
    "Não sou um robô, sou uma pessoa.",
    "Ask our AI department.",
    "I am an employee of the AI department.",
    "I am Ana from the robot team.",
    "Soy una empleada del departamento de IA.",
    "Sou uma funcionária da equipe de IA.",
]


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language in ASKS for text in ASKS[language]]
)
def test_a_direct_question_is_recognised_in_its_language(language: str, text: str) -> None:
    assert disclosure.asked_in(text) == language


@pytest.mark.parametrize("text", DOES_NOT_ASK)
def test_other_questions_are_left_alone(text: str) -> None:
    assert disclosure.asked_in(text) == ""


@pytest.mark.parametrize("text", DISCLOSES)
def test_a_disclosure_is_recognised(text: str) -> None:
    assert disclosure.discloses(text)


@pytest.mark.parametrize("text", DOES_NOT_DISCLOSE)
def test_evasions_and_denials_do_not_disclose(text: str) -> None:
    assert not disclosure.discloses(text)


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_the_products_own_sentence_discloses(language: str) -> None:
    catalogue = load_catalogues("konstruct_agent")[language]
    assert disclosure.discloses(disclosure.sentence(catalogue))


@given(st.sampled_from([one for texts in ASKS.values() for one in texts]), st.text(max_size=300))
def test_whatever_is_replied_an_asked_person_is_told(question: str, reply: str) -> None:
    catalogues = load_catalogues("konstruct_agent")
    told = disclosure.ensure(reply, asked=["hello", question], catalogues=catalogues)
    language = disclosure.asked_in(question)
    assert disclosure.discloses(reply) or told.endswith(disclosure.sentence(catalogues[language]))


def test_nobody_else_is_told() -> None:
    catalogues = load_catalogues("konstruct_agent")
    reply = "Sunday is closed."
    assert disclosure.ensure(reply, asked=["Are you open?"], catalogues=catalogues) == reply
