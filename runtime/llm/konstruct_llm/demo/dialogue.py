"""What the demo model replies to a conversation in OpenAI's shape."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from konstruct_llm.demo import languages, sentences, showing
from konstruct_messages import translations

_ANYTHING = r"(?P<name>[^\W\d_][\w'\u2019-]*(?:\s+[A-ZÁÉÍÓÚÂÊÔÃÕÇÑ][\w'\u2019-]*)?)"
_NAME_SAID = re.compile(
    r"\b(?:(?i:my name is|call me|me llamo|mi nombre es|ll[aá]mame|"
    r"meu nome [eé]|me chamo|chamo-me|pode me chamar de))\s+" + _ANYTHING
)
_NAME_ASKED = re.compile(
    r"what(?:'|\u2019)?s my name|what is my name|who am i\b|remember my name|know my name"
    r"|c[oó]mo me llamo|cu[aá]l es mi nombre|qui[eé]n soy|recuerdas mi nombre|sabes mi nombre"
    r"|(?:qual [eé]|sabe|lembra(?:-se)?(?: d[oe])?) ?o? ?meu nome|como (?:eu )?me chamo"
    r"|quem sou eu",
    re.IGNORECASE,
)
_TIME_ASKED = re.compile(
    r"\b(?:what(?:'|\u2019)?s? (?:is )?(?:the )?(?:time|date)|what time|what day|which day"
    r"|current time"
    r"|today(?:'|\u2019)s date|tell me the (?:time|date)|time is it|time (?:now|in)"
    r"|qu[eé] horas?|la hora|qu[eé] d[ií]a|qu[eé] fecha|la fecha|fecha de hoy"
    r"|que horas|quantas horas|que dia|qual a data|data de hoje|a data|as horas|horas s[aã]o)",
    re.IGNORECASE,
)
_AI_ASKED = re.compile(
    r"\b(?:an? (?:ai|bot|robot|machine|human|person|real person)|artificial intelligence|chatbot"
    r"|una? (?:ia|bot|robot|m[aá]quina|humano|humana|persona)|inteligencia artificial"
    r"|uma? (?:ia|bot|rob[oô]|rob[oó]t|m[aá]quina|humano|humana|pessoa)|intelig[eê]ncia artificial)"
    r"\b[^?]*\?",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)|hola|buen[oa]s|ol[aá]|oi|bom dia"
    r"|boa (?:tarde|noite)|e a[ií])\b",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thanks|thank you|gracias|obrigad[oa])\b", re.IGNORECASE)
_GOODBYE = re.compile(
    r"\b(?:bye|goodbye|see you|adi[oó]s|hasta (?:luego|pronto|ma[nñ]ana)|tchau"
    r"|at[eé] (?:logo|mais))",
    re.IGNORECASE,
)
_AGENT = re.compile(r"\bYou are ([^,.\n]{1,80})[,.\n]")
_ZONE = re.compile(r"\b(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[\w/+-]+")
_CITIES = {
    "tokyo": "Asia/Tokyo",
    "tokio": "Asia/Tokyo",
    "tóquio": "Asia/Tokyo",
    "london": "Europe/London",
    "londres": "Europe/London",
    "madrid": "Europe/Madrid",
    "madri": "Europe/Madrid",
    "lisbon": "Europe/Lisbon",
    "lisboa": "Europe/Lisbon",
    "new york": "America/New_York",
    "nueva york": "America/New_York",
    "nova york": "America/New_York",
    "são paulo": "America/Sao_Paulo",
    "sao paulo": "America/Sao_Paulo",
    "mexico city": "America/Mexico_City",
    "ciudad de méxico": "America/Mexico_City",
}
_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True)
class ToolCall:
    """A call of an offered tool; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True)
class DemoReply:
    """Text, or a tool call, or both."""

    text: str = ""
    call: ToolCall | None = None

    def words(self) -> list[str]:
        """Return the text in the pieces that are streamed."""
        return _WORD.findall(self.text)


def reply(messages: Sequence[Mapping[str, Any]], tools: Sequence[str]) -> DemoReply:
    """Return what the demo model says next. `tools` are the names of the tools it may call."""
    system = "\n".join(_text(one) for one in messages if one.get("role") == "system")
    said = [_text(one) for one in messages if one.get("role") == "user"]
    last = said[-1] if said else ""
    language = languages.detect(last, otherwise=_settled(said[:-1], languages.hint(system)))
    translate = _catalogues()[language].gettext
    person = _name_said(said)
    if messages and messages[-1].get("role") == "tool":
        return DemoReply(_found(translate, last, _text(messages[-1])))
    shown = showing.wanted(last, tools)
    if shown:
        spoken = _spoken(translate, messages)
        return DemoReply(call=ToolCall(shown, showing.arguments(translate, shown, spoken)))
    if _TIME_ASKED.search(last) and "time" in tools:
        zone = _zone(last)
        arguments = json.dumps({"zone": zone} if zone else {})
        return DemoReply(call=ToolCall("time", arguments))
    agent = _AGENT.search(system)
    name = agent.group(1).strip() if agent else ""
    shows = {showing.CHOOSE, showing.FILE} <= set(tools)
    return DemoReply(_answer(translate, last, person=person, agent=name, shows=shows))


def _spoken(
    translate: sentences.Translate, messages: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return who said what, oldest first."""
    who = {"user": sentences.you(translate), "assistant": sentences.me(translate)}
    return [(who[one["role"]], _text(one)) for one in messages if one.get("role") in who]


def _answer(
    translate: sentences.Translate, last: str, *, person: str, agent: str, shows: bool
) -> str:
    answers: tuple[tuple[re.Pattern[str], Callable[[], str]], ...] = (
        (_AI_ASKED, lambda: sentences.disclosure(translate)),
        (_NAME_ASKED, lambda: sentences.your_name(translate, person=person)),
        (_NAME_SAID, lambda: sentences.well_met(translate, person=person)),
        (_TIME_ASKED, lambda: sentences.time_unknown(translate)),
        (_GREETING, lambda: sentences.greeting(translate, agent=agent, person=person)),
        (_THANKS, lambda: sentences.welcome(translate)),
        (_GOODBYE, lambda: sentences.goodbye(translate, person=person)),
    )
    for pattern, answer in answers:
        if pattern.search(last):
            return answer()
    if not last.strip():
        return sentences.greeting(translate, agent=agent, person=person)
    return sentences.limits(translate, shows=shows)


def _name_said(said: Sequence[str]) -> str:
    for text in reversed(said):
        found = _NAME_SAID.search(text)
        if found:
            return found.group("name")
    return ""


def _settled(earlier: Sequence[str], otherwise: str) -> str:
    """Return the language the person has been writing in, for a message that does not tell."""
    for text in reversed(earlier):
        language = languages.detect(text, otherwise="")
        if language:
            return language
    return otherwise


def _found(translate: sentences.Translate, last: str, result: str) -> str:
    if showing.made(result):
        return sentences.file_made(translate)
    if showing.wanted(last, {showing.FILE}):
        return sentences.file_not_made(translate)
    return _time_found(translate, result)


def _time_found(translate: sentences.Translate, result: str) -> str:
    try:
        found = json.loads(result)
        return sentences.time_is(
            translate, time=found["time"], date=found["date"], zone=found["zone"]
        )
    except (ValueError, KeyError, TypeError):
        return sentences.time_unknown(translate)


def _zone(text: str) -> str:
    named = _ZONE.search(text)
    if named:
        return named.group(0)
    lowered = text.lower()
    return next((zone for city, zone in _CITIES.items() if city in lowered), "")


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


@lru_cache(maxsize=1)
def _catalogues() -> Mapping[str, Any]:
    return translations.load_catalogues("konstruct_llm")
