"""Which of our three languages a text is in, by its commonest words; enough for a demo."""

import re
import unicodedata


def _bag(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORD = re.compile(r"[^\W\d_]+")
_MARKS = {"es": "ñ¿¡", "pt": "ãõç"}
_WORDS = {
    "en": _bag(
        "a am and are bye can could date day do does evening good hello help hey hi how i in "
        "is it me morning my name now of please tell thank thanks the there time to today we "
        "what when who you your"
    ),
    "es": _bag(
        "adios ahora ayuda buenas buenos como con cual cuando cómo de del dia dias dime el en "
        "eres es estas está estás favor fecha gracias hasta hay hola hora hoy la las llamo "
        "los luego me mi noches nombre por puede puedes que quien quién qué son soy también "
        "tardes tu un una usted y yo"
    ),
    "pt": _bag(
        "a agora ajuda as boa bom chamo com como data de dia diga e em está eu favor hoje "
        "hora horas há me meu minha noite nome não o obrigada obrigado oi ola olá os pode "
        "podes por qual quando que quem sou são também tarde tchau tu um uma voce você é"
    ),
}
_HINT = re.compile(r"\((en|es|pt)[-)]", re.IGNORECASE)


def detect(text: str, *, otherwise: str) -> str:
    """Return `en`, `es` or `pt` for `text`; `otherwise` where nothing speaks for one of them."""
    lowered = unicodedata.normalize("NFC", text.lower())
    words = _WORD.findall(lowered)
    scores = {
        language: sum(word in known for word in words)
        + 2 * sum(lowered.count(mark) for mark in _MARKS.get(language, ""))
        for language, known in _WORDS.items()
    }
    best = max(scores.values())
    leaders = [language for language, score in scores.items() if score == best]
    if best == 0 or (len(leaders) > 1 and otherwise in leaders):
        return otherwise
    return leaders[0]


def hint(system: str) -> str:
    """Return the language a prompt's language instruction names as `(es)`; English without."""
    found = _HINT.findall(system)
    return found[-1].lower() if found else "en"
