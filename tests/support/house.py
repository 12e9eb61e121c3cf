"""The house rules that no off-the-shelf linter knows, as pure functions over a tree of files."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOMS = (
    "bench",
    "charts",
    "crds/konstruct_crds",
    "operator/konstruct_operator",
    "runtime/agent/konstruct_agent",
    "runtime/channels/konstruct_channels",
    "runtime/gateway/konstruct_gateway",
    "runtime/llm/konstruct_llm",
    "runtime/local/konstruct_local",
    "runtime/media/konstruct_media",
    "runtime/messages/konstruct_messages",
    "runtime/portal/konstruct_portal",
    "runtime/registry/konstruct_registry",
    "runtime/store/konstruct_store",
    "runtime/telemetry/konstruct_telemetry",
    "tests",
)
TRANSLATED = ("es", "pt")
LONGEST_FILE = 500

# Written in halves, so that the rule does not break itself.
_REGISTRY_HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "npm" + "js.com",
    "proxy.go" + "lang.org",
    "sum.go" + "lang.org",
    "deb.deb" + "ian.org",
    "security.deb" + "ian.org",
    "crates" + ".io",
    "repo.maven" + ".apache.org",
    "repo1.maven" + ".org",
    "registry.yarn" + "pkg.com",
    "unpkg" + ".com",
    "jsdel" + "ivr.net",
)
_BANNED_IN_LOCKS = ("--index-url", "--extra-index-url", "--find-links", "file:")


def python_files_outside_rooms(files: Iterable[str]) -> list[str]:
    """Return the Python files (paths from the root) that lie in no room."""
    return sorted(
        file
        for file in files
        if file.endswith(".py") and not any(file.startswith(f"{room}/") for room in ROOMS)
    )


def files_with_registry_addresses(contents: Mapping[str, str]) -> list[str]:
    """Return `file: host` for every package registry's host that a file names."""
    return sorted(
        f"{file}: {host}"
        for file, text in contents.items()
        for host in _REGISTRY_HOSTS
        if host in text
    )


def unpinned_requirements(contents: Mapping[str, str]) -> list[str]:
    """Return `file: line` for every lock entry without a version or a hash, or with an address."""
    found: list[str] = []
    for file, text in contents.items():
        joined = text.replace("\\\n", " ")
        for line in joined.splitlines():
            entry = line.strip()
            if not entry or entry.startswith("#"):
                continue
            pinned = re.match(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==\S+", entry)
            addressed = any(word in entry for word in _BANNED_IN_LOCKS)
            if not pinned or "--hash=sha256:" not in entry or addressed:
                found.append(f"{file}: {entry[:80]}")
    return found


def files_too_long(contents: Mapping[str, str]) -> list[str]:
    """Return `file: lines` for every Python file over the hard stop."""
    return sorted(
        f"{file}: {text.count(chr(10))} lines"
        for file, text in contents.items()
        if file.endswith(".py") and text.count("\n") > LONGEST_FILE
    )


def untranslated_sentences(package: Path) -> list[str]:
    """Return `language: sentence` for every sentence of a package that a catalogue lacks.

    A package without sentences needs no catalogue.
    """
    sentences = _sentences(package)
    if not sentences:
        return []
    return [
        f"{language}: {sentence}"
        for language in TRANSLATED
        for sentence in sorted(sentences - _translated(package, language))
    ]


def bare_sentences_of_templates(templates: Mapping[str, str]) -> list[str]:
    """Return `file: text` for words in HTML templates that stand outside of a translation.

    Words in `{% trans %}` blocks and `{{ _("...") }}` are translated; any other text between tags
    with two letters in a row, or such text in a visible attribute, is a sentence somebody forgot.
    """
    found: list[str] = []
    for file, text in templates.items():
        html = re.sub(r"{%-?\s*trans\b.*?{%-?\s*endtrans\s*-?%}", "", text, flags=re.DOTALL)
        html = re.sub(r"{#.*?#}|<!--.*?-->", "", html, flags=re.DOTALL)
        html = re.sub(r"{{.*?}}|{%.*?%}", "", html, flags=re.DOTALL)
        html = re.sub(r"<(script|style|svg|code)\b.*?</\1>", "", html, flags=re.DOTALL)
        pieces = re.findall(r">([^<>]+)<", f">{html}<")
        pieces += re.findall(r'\s(?:title|placeholder|aria-label|alt)="([^"]+)"', html)
        found += [
            f"{file}: {piece.strip()[:60]}"
            for piece in pieces
            if re.search(r"[A-Za-z]{2}", re.sub(r"&[a-z]+;|Konstruct", "", piece))
        ]
    return sorted(found)


def skips_without_reason(contents: Mapping[str, str]) -> list[str]:
    """Return `file:line` for every pytest skip or xfail that gives no reason."""
    return [
        f"{file}:{node.lineno}"
        for file, text in contents.items()
        if file.endswith(".py")
        for node in _skips(ast.parse(text))
    ]


def _skips(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_skip(node.func):
            if not node.args and not any(word.arg == "reason" for word in node.keywords):
                yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (
                decorator
                for decorator in node.decorator_list
                if not isinstance(decorator, ast.Call) and _is_skip(decorator)
            )


def _is_skip(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail"}


def _sentences(package: Path) -> set[str]:
    extracted = extract_from_dir(
        str(package),
        method_map=[("**.py", "python"), ("**/*.html", "jinja2"), ("**.html", "jinja2")],
        options_map={"**.html": {"trimmed": "true", "silent": "false"}},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "N_": None},
    )
    return {
        message[0] if isinstance(message, tuple) else message
        for _file, _line, message, _comments, _context in extracted
    }


def _translated(package: Path, language: str) -> set[str]:
    path = package / "locale" / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return set()
    catalogue = read_po(BytesIO(path.read_bytes()), locale=language)
    translated: set[str] = set()
    for message in catalogue:
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id and all(strings) and not message.fuzzy:
            translated.add(message.id[0] if isinstance(message.id, tuple) else str(message.id))
    return translated
