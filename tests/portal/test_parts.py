"""The pure parts: passwords, standing, charts, formats, ownership, tickets, vendored files."""

import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

import konstruct_portal
from konstruct_messages.credentials import CredentialUse, verify
from konstruct_portal import formats, passwords
from konstruct_portal.chart import HEIGHT, month_chart
from konstruct_portal.cookies import Cookies
from konstruct_portal.language import _accepted
from konstruct_portal.ownership import changed_fields, merged, owned_fields, owner_of_leftover
from konstruct_portal.passwords import Passwords
from konstruct_portal.resources import Resource
from konstruct_portal.settings import PortalSettings
from konstruct_portal.standing import conditions_of, standing_of
from konstruct_portal.templates import STATIC
from support.portal_fakes import ACME, condition, resource
from support.portal_site import KEY, Site, token_of

PACKAGE = Path(konstruct_portal.__file__).parent


def _same(text: str) -> str:
    return text


async def test_passwords_are_hashed_as_strongly_as_the_bar_asks() -> None:
    pool = Passwords(workers=1)
    try:
        made = await pool.make("a long and quiet river")
        found = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", made)
        assert found
        assert int(found[1]) >= 19 * 1024
        assert int(found[2]) >= 2
        assert await pool.matches("a long and quiet river", made)
        assert not await pool.matches("another", made)
        assert not await pool.matches("anything", None)
        assert not await pool.matches("anything", "not a hash")
        assert not pool.outdated(made)
        assert pool.outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2g")
    finally:
        pool.close()


def test_generated_passwords_are_long_and_never_the_same() -> None:
    made = {passwords.generate() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one) >= 24 for one in made)


@pytest.mark.parametrize(
    ("conditions", "tone", "label"),
    [
        ([], "busy", "Not reported yet"),
        ([condition("Ready", "Unknown", "Pending")], "busy", "In progress"),
        ([condition("Ready", "True", "Ready")], "good", "Ready"),
        ([condition("Ready", "True", "Asleep")], "quiet", "Asleep"),
        ([condition("Ready", "True", "Suspended")], "quiet", "Suspended"),
        (
            [condition("Ready", "False", "X"), condition("Reconciling", "True", "X")],
            "busy",
            "In progress",
        ),
        (
            [condition("Ready", "False", "X"), condition("Stalled", "True", "X")],
            "bad",
            "Needs attention",
        ),
        ([condition("Ready", "False", "X")], "bad", "Not ready"),
    ],
)
def test_standing_is_one_word_for_the_conditions(
    conditions: list[dict[str, str]], tone: str, label: str
) -> None:
    shown = Resource("Agent", "ana", "x", {}, status={"conditions": conditions})
    standing = standing_of(shown, _same)
    assert (standing.tone, standing.label) == (tone, label)


def test_ready_comes_first_and_bad_news_is_never_green() -> None:
    shown = resource(
        "Agent",
        "ana",
        spec={},
        conditions=[
            condition("Stalled", "True", "X"),
            condition("SecretsReady", "False", "X"),
            condition("Ready", "False", "X"),
        ],
    )
    assert [(one.type, one.tone) for one in conditions_of(shown)] == [
        ("Ready", "bad"),
        ("Stalled", "bad"),
        ("SecretsReady", "bad"),
    ]


def test_a_month_has_a_bar_for_every_day_and_small_values_are_seen() -> None:
    chart = month_chart(
        {date(2026, 2, 3): 1, date(2026, 2, 4): 1_900_000},
        month=date(2026, 2, 1),
        today=date(2026, 2, 10),
    )
    assert len(chart.bars) == 28
    assert chart.top == 2_000_000
    assert chart.bars[2].height > 2
    assert chart.bars[3].height == pytest.approx(HEIGHT * 0.95)
    assert [bar.future for bar in chart.bars].count(True) == 18
    assert not chart.empty


def test_an_empty_month_says_so() -> None:
    assert month_chart({}, month=date(2026, 1, 1), today=date(2026, 1, 1)).empty


def test_small_amounts_do_not_look_free() -> None:
    assert formats.money(1_200, "en") == "$0.0012"
    assert formats.money(0, "en") == "$0.00"
    assert formats.money(12_345_678_900, "en") == "$12,345.68"


def test_a_time_in_the_future_is_not_told_as_such() -> None:
    assert "in " not in formats.ago(datetime(2999, 1, 1, tzinfo=UTC), "en")
    assert formats.ago("not a time", "en") == "not a time"


def test_initials_stand_for_any_name() -> None:
    assert [formats.initials(one) for one in ("Maria Souza", "acme", "", "—", "👋 hi")] == [
        "MS",
        "A",
        "?",
        "?",
        "H",
    ]


def test_a_preview_is_one_line_of_plain_words() -> None:
    text = "## Yes\n\n**until** 18:00, *today*:\n\n- `snake_case` stays\n> 2 * 3"
    assert formats.preview(text) == "Yes until 18:00, today: snake_case stays 2 * 3"
    assert formats.preview("") == ""


def test_accepted_languages_are_read_in_the_order_of_their_weight() -> None:
    assert _accepted("fr;q=0.2, pt-BR, es;q=0.9, xx;q=oops, en;q=0") == ["pt-BR", "es", "fr"]


def test_only_what_changed_is_applied_beside_what_is_ours() -> None:
    before = {"a": 1, "b": {"c": 1, "d": 2}, "list": [1]}
    after = {"a": 1, "b": {"c": 1, "d": 3}, "list": [1, 2], "new": {"x": 1}}
    assert changed_fields(before, after) == {"b": {"d": 3}, "list": [1, 2], "new": {"x": 1}}
    managed = [
        {
            "manager": "konstruct-portal",
            "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:a": {}, "f:b": {"f:c": {}}, "f:gone": {}}},
        },
        {"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:spec": {"f:list": {}}}},
    ]
    owned = owned_fields(after, managed, "konstruct-portal")
    assert owned == {"a": 1, "b": {"c": 1}}
    assert merged(owned, {"b": {"d": 3}}) == {"a": 1, "b": {"c": 1, "d": 3}}


def test_a_field_that_somebody_else_keeps_is_told_with_its_owner() -> None:
    managed = [{"manager": "argocd", "fieldsV1": {"f:spec": {"f:models": {"f:default": {}}}}}]
    before = {"models": {"default": "big", "fallbacks": ["x"]}}
    wanted = {"models": {"fallbacks": ["x"]}}
    assert (
        owner_of_leftover(wanted=wanted, before=before, after=before, managed=managed) == "argocd"
    )
    assert owner_of_leftover(wanted=wanted, before=before, after=wanted, managed=managed) is None


def test_form_tokens_are_bound_to_a_cookie_and_a_key() -> None:
    ours, theirs = Cookies(False, b"k" * 32), Cookies(False, b"x" * 32)
    token = ours.form_token("session")
    assert ours.genuine(token, "session")
    assert not ours.genuine(token, "another")
    assert not ours.genuine("", "")
    assert not ours.genuine(token, "")
    assert not theirs.genuine(token, "session")


def test_settings_refuse_a_short_or_unreadable_key() -> None:
    for key in (base64.b64encode(b"short").decode(), "no base64!"):
        with pytest.raises(ValidationError):
            PortalSettings(database_url="x", chat_key=key)


def test_settings_keep_secrets_out_of_their_text() -> None:
    made = PortalSettings(database_url="postgresql://u:secret@h/d", chat_key=KEY)
    assert "secret@" not in repr(made)
    assert "kkkk" not in repr(made)


async def test_a_ticket_vouches_for_this_person_and_agent_only(site: Site) -> None:
    visitor = await site.signed_in(language="pt")
    page = await visitor.get("/tenants/acme/agents/ana/chat")
    answer = await visitor.post(
        "/tenants/acme/agents/ana/chat/ticket",
        headers={"Konstruct-Form-Token": token_of(page), "Accept": "application/json"},
    )
    given = answer.json()
    credential = verify(given["ticket"], b"k" * 32, use=CredentialUse.TICKET, now=datetime.now(UTC))
    user_id = next(iter(site.records.users))
    assert credential.tenant_id == ACME
    assert (credential.connection, credential.agent) == ("portal", "ana")
    assert credential.person_key == f"portal:{user_id}"
    assert credential.language == "pt"
    left = datetime.fromisoformat(given["expiresAt"]) - datetime.now(UTC)
    assert 0 < left.total_seconds() <= 60
    assert answer.headers["cache-control"] == "no-store"


async def test_an_unregistered_tenant_gives_no_ticket(site: Site) -> None:
    site.resources.items["Tenant", "", "acme"].status.pop("id")
    visitor = await site.signed_in()
    token = token_of(await visitor.get("/profile"))
    answer = await visitor.post(
        "/tenants/acme/agents/ana/chat/ticket", headers={"Konstruct-Form-Token": token}
    )
    assert answer.status_code == 404
    assert isinstance(ACME, UUID)


def test_vendored_files_are_what_they_were_when_they_were_chosen() -> None:
    vendor = STATIC / "vendor"
    declared = json.loads((vendor / "vendor.json").read_text())
    listed = {"vendor.json"}
    for one in declared:
        assert one["name"]
        assert one["licence"] in {"MIT", "0BSD", "OFL-1.1"}
        assert one["folder"].endswith(one["version"])
        for name, digest in one["files"].items():
            path = vendor / one["folder"] / name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path
            listed.add(f"{one['folder']}/{name}")
    present = {path.relative_to(vendor).as_posix() for path in vendor.rglob("*") if path.is_file()}
    assert present == listed


def test_vendored_files_point_to_no_source_map() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in {".js", ".css"}:
            assert "sourceMappingURL" not in path.read_text(encoding="utf-8"), path


def test_templates_and_scripts_keep_within_the_strict_policy() -> None:
    for path in PACKAGE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son\w+=\"|\|safe|javascript:", text), path
    for path in STATIC.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text
        )
