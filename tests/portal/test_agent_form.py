"""Editing an agent: what the form shows is written, what it does not show stays."""

import copy
from typing import Any

import pytest

from konstruct_portal.errors import (
    Problem,
    ResourceConflict,
    ResourceInvalid,
    ResourceNotFound,
    ResourceReadOnly,
)
from konstruct_portal.pages.agent.form import PATHS, form_of, read_form
from support.portal_site import Site, submit

ADDRESS = "/tenants/acme/agents/ana"
SPEC: dict[str, Any] = {
    "displayName": "Ana",
    "persona": "Warm.",
    "tools": [{"name": "clock", "type": "BuiltIn"}],
    "models": {"default": "small", "fallbacks": ["a", "b"], "byPurpose": {"vision": "big"}},
    "avatar": {"emoji": "🦊"},
    "budget": {"monthlyMicroUSD": 2_500_000, "softPercent": 80, "onLimit": "Refuse"},
}


def _same(text: str) -> str:
    return text


def test_a_form_sent_back_unchanged_changes_nothing() -> None:
    read = read_form(dict(form_of(SPEC).values), SPEC, _same)
    assert read.spec == SPEC
    assert read.form.problems == {}


def test_reading_a_form_leaves_the_given_spec_alone() -> None:
    before = copy.deepcopy(SPEC)
    read_form({"emoji": "", "model": "other"}, SPEC, _same)
    assert before == SPEC


def test_each_field_is_written_to_its_own_place() -> None:
    filled = {
        "display_name": "Bia",
        "role": "Helper",
        "emoji": "🐙",
        "persona": "Dry.",
        "instructions": "Be brief.\n\nAlways.",
        "language": "pt",
        "model": "large",
        "fallbacks": " a ,\n c\n",
        "operating_mode": "Suspended",
        "window_turns": "7",
        "recall": "Enabled",
        "recall_limit": "3",
        "budget": "12,5",
    }
    assert set(filled) == set(PATHS)
    assert read_form(filled, SPEC, _same).spec == {
        "displayName": "Bia",
        "role": "Helper",
        "avatar": {"emoji": "🐙"},
        "persona": "Dry.",
        "instructions": "Be brief.\n\nAlways.",
        "language": "pt",
        "models": {"default": "large", "fallbacks": ["a", "c"], "byPurpose": {"vision": "big"}},
        "operatingMode": "Suspended",
        "memory": {"windowTurns": 7, "recall": "Enabled", "recallLimit": 3},
        "budget": {"monthlyMicroUSD": 12_500_000, "softPercent": 80, "onLimit": "Refuse"},
        "tools": SPEC["tools"],
    }


def test_an_emptied_field_is_taken_away_with_the_object_it_leaves_empty() -> None:
    spec = read_form({"emoji": "", "model": "", "persona": "  "}, SPEC, _same).spec
    assert "avatar" not in spec
    assert "persona" not in spec
    assert spec["models"] == {"fallbacks": ["a", "b"], "byPurpose": {"vision": "big"}}


@pytest.mark.parametrize("text", ["many", "1.5", "12 turns", "NaN"])
def test_what_is_no_number_is_told_at_its_field(text: str) -> None:
    read = read_form({"window_turns": text}, SPEC, _same)
    assert list(read.form.problems) == ["window_turns"]
    assert read.form.of("window_turns") == text


@pytest.mark.parametrize("text", ["much", "Infinity", "NaN", "1e999999"])
def test_an_impossible_budget_is_told_at_its_field(text: str) -> None:
    assert "budget" in read_form({"budget": text}, SPEC, _same).form.problems


def test_problems_find_their_fields_and_the_rest_stays_apart() -> None:
    form = form_of(SPEC).with_problems(
        [
            Problem("spec.displayName", "too long"),
            Problem("spec.models.fallbacks[1]", "unknown"),
            Problem("spec.budget.monthlyMicroUSD", "negative"),
            Problem("spec.tools[0].name", "taken"),
        ]
    )
    assert form.wrong("display_name") == ["too long"]
    assert form.wrong("fallbacks") == ["unknown"]
    assert form.wrong("budget") == ["negative"]
    assert [one.path for one in form.elsewhere] == ["spec.tools[0].name"]


async def test_saving_writes_the_resource_and_says_so(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await submit(visitor, ADDRESS, display_name="Ana Clara", resource_version="1")
    assert answer.status_code == 303
    stored = site.resources.items["Agent", "tenant-acme", "ana"].spec
    assert stored["displayName"] == "Ana Clara"
    assert stored["tools"] == [{"name": "clock", "type": "BuiltIn"}]
    page = await visitor.get(answer.headers["location"])
    assert "Saved. The agent uses it from its next answer on." in page.text
    assert "Saved." not in (await visitor.get(ADDRESS)).text


async def test_saving_nothing_writes_nothing(site: Site) -> None:
    visitor = await site.signed_in()
    answer = await submit(visitor, ADDRESS, display_name="Ana", resource_version="1")
    assert answer.status_code == 303
    assert site.resources.items["Agent", "tenant-acme", "ana"].resource_version == "1"


async def test_an_invalid_edit_shows_each_problem_and_loses_nothing(site: Site) -> None:
    site.resources.refuse = ResourceInvalid(
        [
            Problem("spec.instructions", "write at most 32768 characters"),
            Problem("spec.tools[0].http.url", "must be https"),
        ]
    )
    visitor = await site.signed_in()
    answer = await submit(
        visitor, ADDRESS, instructions="my long <b>text</b>", persona="mine", resource_version="1"
    )
    assert answer.status_code == 422
    assert "write at most 32768 characters" in answer.text
    assert 'id="instructions-problem-0"' in answer.text
    assert 'aria-describedby="instructions-hint instructions-problem-0"' in answer.text
    assert "spec.tools[0].http.url" in answer.text
    assert "my long &lt;b&gt;text&lt;/b&gt;" in answer.text
    assert ">mine</textarea>" in answer.text


async def test_a_conflict_names_the_owner_and_loses_nothing(site: Site) -> None:
    site.resources.refuse = ResourceConflict("argocd-controller", "spec.persona is taken")
    visitor = await site.signed_in()
    answer = await submit(visitor, ADDRESS, persona="mine", resource_version="1")
    assert answer.status_code == 409
    assert "This is written by argocd-controller" in answer.text
    assert ">mine</textarea>" in answer.text


async def test_an_edit_in_between_is_noticed_and_the_second_save_is_meant(site: Site) -> None:
    first, second = await site.signed_in(), await site.signed_in()
    await submit(first, ADDRESS, persona="theirs", resource_version="1")
    answer = await submit(second, ADDRESS, persona="mine", resource_version="1")
    assert answer.status_code == 409
    assert "Somebody else saved this while you were typing" in answer.text
    assert site.resources.items["Agent", "tenant-acme", "ana"].spec["persona"] == "theirs"
    version = answer.text.partition('name="resource_version" value="')[2].partition('"')[0]
    again = await submit(second, ADDRESS, persona="mine", resource_version=version)
    assert again.status_code == 303
    assert site.resources.items["Agent", "tenant-acme", "ana"].spec["persona"] == "mine"


async def test_where_nothing_may_be_written_the_form_says_so(site: Site) -> None:
    site.resources.editable = False
    visitor = await site.signed_in()
    page = await visitor.get(ADDRESS)
    assert "savebar" not in page.text
    site.resources.refuse = ResourceReadOnly("forbidden")
    assert (await submit(visitor, ADDRESS, persona="mine")).status_code == 403


async def test_an_agent_deleted_meanwhile_is_not_found(site: Site) -> None:
    visitor = await site.signed_in()
    site.resources.refuse = ResourceNotFound("Agent", "ana")
    answer = await submit(visitor, ADDRESS, persona="mine", resource_version="1")
    assert answer.status_code == 404
