"""The duty to say that this is an AI, kept by code where the model does not keep it.

Pure but for the catalogue. A question is recognised by phrases (en, es, pt), since a model can be
talked out of recognising it; the tables of `tests/agent/test_disclosure.py` are the specification.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from gettext import NullTranslations

_KINDS = {
    "en": r"(?:an? )?(?:real |actual |live |human |just |only |some kind of )*"
    r"(?:ai|a\.i\.|artificial intelligence|bot|chat ?bot|robot|machine|computer|program|software"
    r"|llm|language model|human(?: being)?|person|man|woman|people|automated|gpt|chatgpt)",
    "es": r"(?:(?:una?|el|la) )?(?:verdader[oa] |autentic[oa] |simple )*"
    r"(?:ia|i\.a\.|inteligencia artificial|bot|chat ?bot|robot|maquina|ordenador|computadora"
    r"|programa|modelo de lenguaje|human[oa]|ser humano|persona|hombre|mujer|gente"
    r"|automatic[oa])",
    "pt": r"(?:(?:uma?|o|a) )?(?:verdadeir[oa] |simples )*"
    r"(?:ia|i\.a\.|inteligencia artificial|bot|chat ?bot|robo|maquina|computador|programa"
    r"|modelo de linguagem|human[oa]|ser humano|pessoa|homem|mulher|gente|automatic[oa])",
}
_QUESTIONS = {
    "en": (
        (
            r"\b(?:are|r|aren'?t) (?:you|u|ya)(?: really| actually| just| only| even| not)*"
            r" (?:talking |speaking )?{kind}\b"
        ),
        (
            r"\b(?:am i|are we|i'?m|i am)(?: really| actually)*"
            r" (?:talking|speaking|chatting|texting|writing)(?: to| with){{1,2}} {kind}\b"
        ),
        (
            r"\b(?:is|isn'?t) (?:this|that|it|there)(?: really| actually| just)*"
            r" (?:an? )?{kind}(?: (?:there|here|behind (?:this|that)|answering|i'?m talking to))?\b"
        ),
        r"\byou(?:'re| are)(?: really| actually| just)* {kind}\b[^.!]*(?:\?|right|correct)",
        r"\b(?:do|did|does) (?:a |an )?(?:human|person|bot|ai|machine) (?:write|answer|read|type)",
        (
            r"\b(?:bot or (?:a )?human|human or (?:a )?(?:bot|machine|robot|ai)|ai or (?:a )?human"
            r"|robot or (?:a )?human|man or machine|person or (?:a )?(?:bot|machine|robot|ai))\b"
        ),
        (
            r"\bwho(?:'s| is| am i)? (?:really )?(?:answering|talking to|speaking to)\b.*"
            r"{kind}\b"
        ),
    ),
    "es": (
        (
            r"\b(?:eres|es usted|sos|seras?|no eres|no es usted)(?: realmente| acaso| solo"
            r"| de verdad| en realidad)* {kind}\b"
        ),
        (
            r"\b(?:estoy|estamos) (?:hablando|chateando|escribiendo|conversando)(?: realmente"
            r"| de verdad)*(?: con)? {kind}\b"
        ),
        r"\bhablo(?: realmente| de verdad)?(?: con)? {kind}\b",
        r"\b(?:esto|este|hay)(?: es)? {kind}(?: (?:ahi|aqui|detras|al otro lado))?[^.!]*\?",
        (
            r"\b(?:humano o (?:bot|maquina|robot|ia)|persona o (?:una? )?(?:bot|maquina|robot|ia)"
            r"|(?:bot|robot|maquina|ia) o (?:un |una )?(?:humano|persona))\b"
        ),
        r"\bme (?:responde|contesta|atiende)(?: realmente)? {kind}\b",
    ),
    "pt": (
        (
            r"\b(?:voce|vc|tu|o senhor|a senhora)(?: nao)? (?:e|es|seria)(?: realmente| mesmo| so"
            r"| apenas| por acaso)* {kind}\b"
        ),
        r"\b(?:es|e)(?: realmente| mesmo)* {kind}\b[^.!]*\?",
        (
            r"\b(?:estou|estamos|to) (?:falando|a falar|conversando|a conversar)"
            r"(?: realmente| mesmo)*(?: com)? {kind}\b"
        ),
        r"\bfalo(?: realmente| mesmo)?(?: com)? {kind}\b",
        r"\b(?:isso|isto|tem|ha)(?: e)? {kind}(?: (?:ai|aqui|do outro lado|por tras))?[^.!]*\?",
        (
            r"\b(?:humano ou (?:uma? )?(?:bot|maquina|robo|ia)|pessoa ou (?:uma? )?(?:bot|maquina"
            r"|robo|ia)|(?:bot|robo|maquina|ia) ou (?:um |uma )?(?:humano|pessoa))\b"
        ),
        r"\b(?:quem )?me (?:responde|atende)(?: realmente)? {kind}\b",
    ),
}
_QUALITY = (
    r"(?:(?!(?:of|in|from|at|for|with|who|the|de|del|da|do|en|em|con|com|para|que)\b)\w+ ){0,3}?"
)
_ADMISSIONS = re.compile(
    r"\b(?:"
    r"(?:i am|i'?m|as|yes,?|being) (?:indeed |actually |really |just |only |in fact )*"
    rf"(?:an? {_QUALITY})?(?:ai|a\.i\.|artificial intelligence|(?:chat ?)?bot|robot|machine"
    r"|language model|virtual assistant)"
    r"|i(?:'?m| am) not (?:actually )?(?:a )?(?:human|person|real person)"
    r"|(?:soy|como|si,?) (?:realmente |en realidad |solo )*"
    rf"(?:una? {_QUALITY})?(?:ia|i\.a\.|inteligencia artificial|(?:chat ?)?bot|robot|maquina"
    r"|modelo de lenguaje|asistente virtual)"
    r"|no soy (?:una? )?(?:human[oa]|persona|ser humano)"
    r"|(?:sou|como|sim,?) (?:realmente |na verdade |apenas )*"
    rf"(?:uma? {_QUALITY})?(?:ia|i\.a\.|inteligencia artificial|(?:chat ?)?bot|robo|maquina"
    r"|modelo de linguagem|assistente virtual)"
    r"|nao sou (?:uma? )?(?:human[oa]|pessoa|ser humano)"
    r")\b"
)
_DENIALS = re.compile(
    r"\b(?:(?:i am|i'?m) not (?:an? )?(?:ai|bot|chatbot|robot|machine)"
    r"|(?:i am|i'?m) (?:an? )?(?:real |actual )*(?:human|person|man|woman)"
    r"|no soy (?:una? )?(?:ia|inteligencia artificial|bot|chatbot|robot|maquina)"
    r"|(?<!no )soy (?:una? )?(?:human[oa]|persona|ser humano|hombre|mujer)"
    r"|nao sou (?:uma? )?(?:ia|inteligencia artificial|bot|chatbot|robo|maquina)"
    r"|(?<!nao )sou (?:uma? )?(?:human[oa]|pessoa|ser humano|homem|mulher))\b"
)


def asked_in(text: str) -> str:
    """Return the language (en, es, pt) in which `text` asks whether this is an AI; '' if not."""
    folded = _folded(text)
    for language, patterns in _QUESTIONS.items():
        for pattern in patterns:
            if re.search(pattern.format(kind=_KINDS[language]), folded):
                return language
    return ""


def discloses(reply: str) -> bool:
    """Tell whether a reply says that its writer is an AI and nowhere the contrary."""
    folded = _folded(reply)
    return bool(_ADMISSIONS.search(folded)) and not _DENIALS.search(folded)


def ensure(reply: str, *, asked: Sequence[str], catalogues: Mapping[str, NullTranslations]) -> str:
    """Return `reply`, with the disclosure added where one of `asked` asks and it is missing."""
    language = next((found for text in asked if (found := asked_in(text))), "")
    if not language or discloses(reply):
        return reply
    return f"{reply.rstrip()}\n\n{sentence(catalogues[language])}".lstrip()


def sentence(catalogue: NullTranslations) -> str:
    """Return the disclosure in a catalogue's language."""
    _ = catalogue.gettext
    return _("To be clear: I am an AI, not a person.")


def _folded(text: str) -> str:
    """Return `text` in lower case, without accents, with plain apostrophes and single spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(plain.replace("\u2019", "'").replace("\u02bc", "'").split())
