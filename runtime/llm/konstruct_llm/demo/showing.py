"""What the demo model shows of an agent's tools: a question with buttons, and a file. Pure."""

import json
import re
from collections.abc import Collection, Sequence

from konstruct_llm.demo import sentences

CHOOSE, FILE = "choose", "file"
"""The names under which the samples' agents have these tools."""

_FILE_ASKED = re.compile(
    r"\b(?:file|spreadsheet|csv|archivo|fichero|hoja de c[aá]lculo|arquivo|planilha)\b",
    re.IGNORECASE,
)
_CHOICE_ASKED = re.compile(
    r"\b(?:buttons?|choices?|options?|bot[oó]n|botones|opci[oó]n|opciones|bot[aã]o|bot[oõ]es"
    r"|op[cç][aã]o|op[cç][oõ]es)\b",
    re.IGNORECASE,
)
_ATTACHED = re.compile(r"\[attached: [^\]]*\]")


def wanted(text: str, tools: Collection[str]) -> str:
    """Return the tool that a person asks to be shown; empty for none."""
    plain = _ATTACHED.sub("", text)
    if FILE in tools and _FILE_ASKED.search(plain):
        return FILE
    return CHOOSE if CHOOSE in tools and _CHOICE_ASKED.search(plain) else ""


def arguments(_: sentences.Translate, tool: str, said: Sequence[tuple[str, str]]) -> str:
    """Return the JSON with which `tool` is called; `said` are who and what, oldest first."""
    if tool == CHOOSE:
        return json.dumps(
            {"question": sentences.question(_), "choices": sentences.offers(_)}, ensure_ascii=False
        )
    lines = [f"**{who}:** {' '.join(text.split())}" for who, text in said if text.strip()]
    title = sentences.file_title(_)
    content = "\n\n".join([f"# {title}", *lines]) + "\n"
    name = f"{title.lower()}.md"
    return json.dumps({"name": name, "content": content}, ensure_ascii=False)


def made(result: str) -> bool:
    """Tell whether a tool's result is a file."""
    try:
        found = json.loads(result)
    except ValueError:
        return False
    return isinstance(found, dict) and "file" in found
