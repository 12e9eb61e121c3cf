"""Our own Markdown as HTML: nothing of it is ever markup that somebody else wrote."""

import pytest
from markupsafe import Markup

from konstruct_channels.catalogue import load_specs
from konstruct_channels.presentation import read_setup
from konstruct_portal.markdown import Manual, render


def rendered(text: str) -> Manual:
    return render(text, copy_button=lambda copied: Markup("[copy {0}]").format(copied))


def body(text: str) -> str:
    return str(rendered(text).body)


def test_the_first_heading_is_the_title_and_second_ones_begin_sections() -> None:
    manual = rendered("# Slack\n\nHello.\n\n## When\n\nNow.\n\n### More\n\n```\n## no heading\n```")
    assert manual.title == "Slack"
    assert manual.body == "<p>Hello.</p>"
    [(heading, section)] = manual.sections
    assert heading == "When"
    assert section.startswith("<p>Now.</p><h4>More</h4>")
    assert "## no heading" in section


def link(address: str, label: str) -> str:
    return f'<a href="{address}" target="_blank" rel="noopener">{label}</a>'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b<c` d", "<p>a <code>b&lt;c</code> d</p>"),
        ("**a** and *b* and 2 * 3 * 4", "<p><strong>a</strong> and <em>b</em> and 2 * 3 * 4</p>"),
        (
            "<https://a.example> [b](https://b.example)",
            "<p>{} {}</p>".format(
                link("https://a.example", "https://a.example"), link("https://b.example", "b")
            ),
        ),
        ("one\ntwo", "<p>one two</p>"),
        ("- a\n- b\n  goes on", "<ul><li>a</li><li>b goes on</li></ul>"),
        ("1. a\n\n2. b\n\nend", "<ol><li>a</li><li>b</li></ol><p>end</p>"),
        ("1. a\n   - b\n2. c", "<ol><li><p>a</p><ul><li>b</li></ul></li><li>c</li></ol>"),
        ("| a |\n|---|\n| `b` |", None),
    ],
)
def test_what_manuals_use_is_rendered(text: str, html: str | None) -> None:
    if html is None:
        assert '<th scope="col">a</th>' in body(text)
        assert "<td><code>b</code></td>" in body(text)
    else:
        assert body(text) == html


def test_an_item_goes_on_over_its_code_and_the_numbers_run_on() -> None:
    text = "1. a\n\n   ```console\n   $ b\n   ```\n\n   more\n\n2. c\n"
    html = body(text)
    assert html.count("<ol>") == 1
    assert html.count("<li>") == 2
    assert "<code>$ b</code>" in html
    assert "[copy b]" in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,a)",
        '[x](https://a.example" onclick="b)',
        "`<img src=x>`",
        "**<b>**",
        '```\n"><script>\n```',
        "| <i> |\n|---|\n| <u> |",
        "# <b>\n## <i>\n",
    ],
)
def test_nothing_is_markup_that_a_value_brought(hostile: str) -> None:
    manual = rendered(f"{hostile}\n\nend")
    for html in (str(manual.body), *(str(section) for _, section in manual.sections)):
        for word in ("<script", "<img", "<b>", "<i>", "<u>", "javascript:al", 'onclick="b"'):
            assert word not in html.replace("[x](javascript:alert(1))", "")


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_every_manual_leaves_no_mark_behind(language: str) -> None:
    for spec in load_specs().values():
        manual = rendered(read_setup(spec, language))
        for html in (str(manual.body), *(str(section) for _, section in manual.sections)):
            outside = "".join(one.partition("</pre>")[2] or one for one in html.split("<pre"))
            for mark in ("**", "```", "](", "| "):
                assert mark not in outside, (spec.folder, mark)
