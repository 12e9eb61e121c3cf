"""Each house rule catches the violation it was made for."""

from pathlib import Path

from support import house


def test_a_python_file_outside_every_room_is_found() -> None:
    files = ["runtime/store/konstruct_store/claims.py", "runtime/helpers.py", "utils.py"]
    assert house.python_files_outside_rooms(files) == ["runtime/helpers.py", "utils.py"]


def test_a_registrys_address_is_found() -> None:
    address = "https://" + "pypi" + ".org/simple"
    found = house.files_with_registry_addresses({"uv.lock": f'source = "{address}"', "a": "b"})
    assert found == ["uv.lock: " + "pypi" + ".org"]


def test_a_requirement_without_hash_version_or_with_an_address_is_found() -> None:
    good = "asyncpg==0.32.0 \\\n    --hash=sha256:00ff\n"
    bad = "asyncpg==0.32.0\nhttpx \\\n    --hash=sha256:00ff\n-e file:///somewhere\n"
    assert house.unpinned_requirements({"good.txt": good}) == []
    assert len(house.unpinned_requirements({"bad.txt": bad})) == 3


def test_an_overlong_file_is_found() -> None:
    assert house.files_too_long({"a.py": "\n" * 501, "b.py": "\n" * 500}) == ["a.py: 501 lines"]


def test_an_untranslated_sentence_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text('def page(_):\n    return _("Hello there")\n')
    assert house.untranslated_sentences(tmp_path) == ["es: Hello there", "pt: Hello there"]


def test_a_fuzzy_or_empty_translation_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("{% trans %}Good day{% endtrans %}")
    for language, entry in {
        "es": 'msgid "Good day"\nmsgstr ""\n',
        "pt": '#, fuzzy\nmsgid "Good day"\nmsgstr "Bom dia"\n',
    }.items():
        folder = tmp_path / "locale" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        (folder / "messages.po").write_text(header + entry)
    assert house.untranslated_sentences(tmp_path) == ["es: Good day", "pt: Good day"]


def test_bare_words_of_a_template_are_found() -> None:
    page = (
        '<h1>{{ _("Tenants") }}</h1><p>{% trans %}All of them{% endtrans %}</p>'
        '<button title="Close it">*</button><p>Forgotten words</p>'
    )
    assert house.bare_sentences_of_templates({"page.html": page}) == [
        "page.html: Close it",
        "page.html: Forgotten words",
    ]


def test_a_skip_without_reason_is_found() -> None:
    text = (
        "import pytest\n\n@pytest.mark.skip\ndef test_a() -> None: ...\n\n"
        '@pytest.mark.skip(reason="needs a node")\ndef test_b() -> None: ...\n'
    )
    assert house.skips_without_reason({"tests/t.py": text}) == ["tests/t.py:3"]
