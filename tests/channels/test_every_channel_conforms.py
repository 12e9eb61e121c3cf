"""Every channel's folder, held to the one contract. A new channel is found without being listed."""

import importlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct_channels.catalogue import has_half, load_specs
from konstruct_channels.inbound import (
    Addressed,
    Arrived,
    Chosen,
    Connection,
    Delivered,
    EnvelopeInbound,
    Forged,
    Handshake,
    Intervened,
    Item,
    Judged,
    Learnt,
    Moved,
    NotReady,
    Opened,
    Reading,
    Receipt,
    SharedInbound,
    Stopped,
)
from konstruct_channels.spec import ChannelSpec, Transport
from konstruct_messages.inbound import Ignored
from support.channel_examples import NOW, Example, example_files, load_examples

SPECS = [one for one in load_specs().values() if has_half(one, "inbound")]
SENDING = [one for one in load_specs().values() if has_half(one, "outbound")]
EXAMPLES = load_examples()
WRONG: tuple[Any, ...] = (None, 5, -1.5, True, [], {}, "", " ", "\x00", [[["x"]]], [None], 2**70)

every_channel = pytest.mark.parametrize("spec", SPECS, ids=lambda one: one.folder)
every_sender = pytest.mark.parametrize("spec", SENDING, ids=lambda one: one.folder)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)


def told(reading: Reading) -> dict[str, Any]:
    """Say a reading in the words of the examples."""
    match reading:
        case Handshake():
            return {"handshake": reading.body.decode()}
        case Delivered():
            found: dict[str, Any] = {}
            for item in reading.items:
                kind, words = told_item(item)
                found.setdefault(kind, []).append(words)
            return found
        case _:
            return {"refused": reading.code}


def told_item(item: Item) -> tuple[str, dict[str, Any]]:
    """Say one item of a delivery in the words of the examples."""
    match item:
        case Arrived():
            words: dict[str, Any] = {
                "message": item.message.model_dump(mode="json"),
                "room": item.room,
                "only_if_known": item.only_if_known,
                "standing": item.standing.value,
                "aliases": list(item.aliases),
                "quotes": item.quotes,
            }
        case Moved():
            words = {"former": list(item.former), "names": list(item.names)}
        case Intervened():
            words = {"person": item.person.key, "in": item.conversation_key, "text": item.text}
        case Opened():
            words = {"person": item.person.key, "room": item.room}
        case Stopped():
            words = {"person": item.person.key, "in": list(item.conversation_keys)}
        case Judged() | Chosen():
            words = {"person": item.person.key, "in": list(item.conversation_keys)}
            words |= (
                {"turn": str(item.turn_id), "value": item.value}
                if isinstance(item, Judged)
                else {"ask": str(item.ask_id), "choice": item.choice}
            )
        case Ignored():
            words = {"reason": item.reason, "known": item.known}
        case Learnt():
            words = {"condition": item.condition, "status": item.status, "reason": item.reason}
        case Receipt():
            words = {"vendor_id": item.vendor_id, "status": item.status}
            words |= {"delivery": str(item.delivery_id)} if item.delivery_id else {}
            words |= {"failure": item.failure.kind.value} if item.failure else {}
            words |= {"category": item.charge.category} if item.charge else {}
    return type(item).__name__.lower(), words


def fits(expected: Any, found: Any) -> bool:
    """Tell whether `found` says everything that `expected` says."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and fits(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(fits, expected, found))
    return bool(expected == found)


@every_channel
def test_a_folder_is_complete(spec: ChannelSpec) -> None:
    folder = resources.files("konstruct_channels") / spec.folder
    assert (folder / "setup.md").read_text().startswith(f"# {spec.title}\n")
    assert "<svg" in (folder / "icon.svg").read_text()
    examples = example_files(spec)
    assert len(examples) > 5
    assert all(json.loads(text)["about"] for text in examples.values())
    if spec.sends:
        assert has_half(spec, "outbound")
        assert spec.api_url.startswith("https://")


@every_example
def test_an_example_is_read_as_it_says(example: Example) -> None:
    found = told(example.read(example.webhook()))
    expected = example.content["expect"]
    assert found.keys() == expected.keys()
    assert fits(expected, found), json.dumps(found, indent=2)


@every_example
def test_a_flipped_bit_is_forged(example: Example) -> None:
    genuine = example.webhook()
    source = random.Random(example.name)
    for _ in range(40):
        body = bytearray(genuine.body)
        body[source.randrange(len(body))] ^= 1 << source.randrange(8)
        assert isinstance(example.read(replace(genuine, body=bytes(body))), Forged)


@every_example
def test_nobody_elses_secret_opens_the_door(example: Example) -> None:
    other = {key: f"{value}-of-another-tenant" for key, value in example.credentials.items()}
    assert isinstance(example.read(example.webhook(credentials=other)), Forged)
    unsigned = replace(example.webhook(), headers=example.content["headers"])
    assert isinstance(example.read(unsigned), Forged)


@every_example
def test_what_was_signed_long_ago_or_in_the_future_is_refused(example: Example) -> None:
    if not example.spec.signs_time:
        return
    genuine = example.webhook()
    for late in (timedelta(minutes=6), timedelta(days=7), -timedelta(minutes=6)):
        assert isinstance(example.read(genuine, now=NOW + late), Forged)
    for late in (timedelta(minutes=4), -timedelta(minutes=4)):
        assert not isinstance(example.read(genuine, now=NOW + late), Forged)


@every_example
def test_a_replay_has_the_same_keys(example: Example) -> None:
    first = example.read(example.webhook())
    again = example.read(example.webhook(signed_at=NOW + timedelta(minutes=3)))
    assert first == again
    for one in first.items if isinstance(first, Delivered) else ():
        if isinstance(one, Arrived):
            assert all(one.message.dedupe_keys)


@every_example
def test_without_credentials_nothing_is_believed(example: Example) -> None:
    bare = Connection(config=example.content["config"])
    reading = example.inbound.read(example.webhook(), bare, now=NOW)
    assert isinstance(reading, NotReady | Handshake)


@every_example
def test_a_truncated_body_never_raises(example: Example) -> None:
    body = example.body
    for length in range(0, len(body), max(1, len(body) // 60)):
        reading = example.read(example.webhook(body[:length]))
        assert isinstance(reading, Delivered | Handshake)


@every_example
def test_a_field_of_a_wrong_type_or_missing_or_unknown_never_raises(example: Example) -> None:
    for variant in variants(example.document):
        body = example.packed(variant)
        reading = example.read(example.webhook(body))
        assert isinstance(reading, Delivered | Handshake | NotReady), variant
        if isinstance(reading, Delivered):
            assert reading.items


@every_example
def test_a_field_nobody_knows_changes_nothing(example: Example) -> None:
    if isinstance(example.document, dict):
        newer = example.packed({**example.document, "tomorrow": {"a": [1, None]}})
        assert example.read(example.webhook(newer)) == example.read(example.webhook())


@every_example
def test_a_shared_app_is_addressed_by_what_is_genuine_alone(example: Example) -> None:
    half = example.inbound
    if not isinstance(half, SharedInbound):
        return
    genuine = example.webhook()
    found = half.address(genuine, example.credentials, now=NOW)
    assert isinstance(found, Addressed | Delivered | Handshake)
    assert half.address(genuine, example.credentials, now=NOW) == found
    other = {key: f"{value}-of-another-tenant" for key, value in example.credentials.items()}
    assert isinstance(half.address(genuine, other, now=NOW), Forged)
    assert isinstance(half.address(genuine, {}, now=NOW), NotReady | Handshake)
    if isinstance(found, Addressed):
        config = {**example.content["config"], "install": "Shared"}
        said = told(half.read(genuine, replace(example.connection, config=config), now=NOW))
        strangers = {"another_team", "another_app"}
        reasons = {one["reason"] for one in said.get("ignored", ())}
        # What the claims say and what the reading says is one thing.
        assert (half.claim(config) in found.claims) is not bool(reasons & strangers)
    for variant in variants(example.document):
        webhook = example.webhook(example.packed(variant))
        addressed = half.address(webhook, example.credentials, now=NOW)
        assert isinstance(addressed, Addressed | Delivered | Handshake), variant


@every_example
def test_an_envelope_never_raises_and_says_what_the_webhook_says(example: Example) -> None:
    half, document = example.inbound, example.document
    if not isinstance(half, EnvelopeInbound) or "handshake" in example.content["expect"]:
        return
    kind = "interactive" if "payload" in example.content else "events_api"
    if document is not None:
        said = half.read_envelope({"type": kind, "payload": document}, example.connection)
        assert said == example.read(example.webhook())
    for wrong in (*WRONG, *variants(document)):
        for envelope in ({"type": kind, "payload": wrong}, {"type": wrong, "payload": document}):
            reading = half.read_envelope(envelope, example.connection)
            assert isinstance(reading, Delivered | NotReady | Handshake)


def variants(node: Any) -> Iterator[Any]:
    """Yield copies of a document, each with one field wrong or gone, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield {name: one for name, one in node.items() if name != key}
            for wrong in WRONG:
                yield {**node, key: wrong}
            for inner in variants(value):
                yield {**node, key: inner}
    elif isinstance(node, list):
        for number, value in enumerate(node):
            for inner in variants(value):
                yield [*node[:number], inner, *node[number + 1 :]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"NaN",
        b"[]",
        b"5",
        b'"x"',
        b"{",
        b"\xff\xfe\x00",
        b'{"type": NaN}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"type":"event_callback","event":{"type":"message","text":"\\ud800"}}',
        b"9" * 10_000,
        b"&".join(b"a=1" for _ in range(5000)),
        b"%ff%00%zz",
    ],
    ids=lambda one: repr(one[:24]),
)
def test_what_is_no_payload_never_raises(body: bytes) -> None:
    for example in {one.spec.folder: one for one in EXAMPLES}.values():
        reading = example.read(example.webhook(body))
        assert isinstance(reading, Delivered)
        assert [one.known for one in reading.items if isinstance(one, Ignored)] == [False]


def test_hostile_headers_never_raise() -> None:
    for example in {one.spec.folder: one for one in EXAMPLES}.values():
        genuine = example.webhook()
        signed = example.inbound.sign(genuine.body, example.credentials, now=NOW)
        for name in signed:
            for wrong in ("", "é", "\x00", "-1", "1e9", "9" * 400, "v0=", "٣", signed[name] + ","):
                webhook = replace(genuine, headers={**genuine.headers, name: wrong})
                assert isinstance(example.read(webhook), Forged), (name, wrong)


def test_every_channel_that_receives_webhooks_has_examples() -> None:
    webhooks = {one.folder for one in SPECS if one.transport is Transport.WEBHOOK}
    assert {one.spec.folder for one in EXAMPLES} == webhooks


LETTERS = st.characters(categories=["L", "N", "Zs"]) | st.sampled_from("&<>.,;?'\"%$€/:@")
MARKDOWN = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.text(alphabet="ab <>&*_~`#-|\n[]()!@\\", max_size=200),
        st.sampled_from(
            [
                "<!channel>",
                "<!here|here>",
                "<@U0EVA>",
                "[x](!channel)",
                "[x](@U1)",
                "**bold**",
                "# heading\n",
                "```python\nprint('<!here>')\n```\n",
                "| a | b |\n|---|---|\n| <@U1> | 2 |\n",
                "[label](https://example.com/?a=1&b=2)",
                "- item\n",
                "x" * 5000,
                "word " * 900,
                "&" * 1500,
            ]
        ),
    ),
    max_size=8,
).map("".join)


@every_sender
@given(markdown=MARKDOWN, limit=st.one_of(st.none(), st.integers(min_value=32, max_value=300)))
@settings(max_examples=150, deadline=None)
def test_every_message_keeps_the_limit_and_nothing_is_lost(
    spec: ChannelSpec, markdown: str, limit: int | None
) -> None:
    form = importlib.import_module(f"konstruct_channels.{spec.folder}.format")
    most = limit or spec.limits.outbound_text_characters
    messages = form.render(markdown, limit=most)
    assert all(0 < len(one) <= most for one in messages)
    assert all(one.strip() for one in messages)
    letters = [one for one in "".join(map(form.read, messages)) if one.isalnum()]
    whole = "".join(map(form.read, form.render(markdown, limit=1_000_000)))
    assert letters == [one for one in whole if one.isalnum()]


@every_sender
@given(
    text=st.text(
        alphabet=st.characters(categories=["L", "N", "Zs"]) | st.sampled_from("&<>.,;?'\"%$€/:@"),
        max_size=400,
    )
)
@settings(max_examples=150, deadline=None)
def test_plain_words_come_back_as_they_were(spec: ChannelSpec, text: str) -> None:
    form = importlib.import_module(f"konstruct_channels.{spec.folder}.format")
    messages = form.render(text, limit=spec.limits.outbound_text_characters)
    assert "".join(map(form.read, messages)).strip() == text.strip() or not messages


@every_sender
@pytest.mark.parametrize(
    "piece",
    [
        *("*", "[", "`", "_", "<", "&", "|", "\\", "![", "[a](", "**a", "*a", "- "),
        *("\n", "a\n", "```\n", "| a |\n|-|\n"),
    ],
)
def test_the_longest_reply_is_rendered_at_once_whatever_it_is(
    spec: ChannelSpec, piece: str
) -> None:
    form = importlib.import_module(f"konstruct_channels.{spec.folder}.format")
    began = time.process_time()
    form.render(piece * (65_536 // len(piece)), limit=spec.limits.outbound_text_characters)
    assert time.process_time() - began < 2
