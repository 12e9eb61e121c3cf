import json
import random
from importlib import resources
from typing import Any

import pytest

from konstruct_channels.inbound import Refusal
from konstruct_channels.webchat import frames, inbound
from konstruct_messages.inbound import Ignored, InboundMessage, Person

EXAMPLES = {
    one.name.removesuffix(".json"): json.loads(one.read_text())
    for one in (resources.files("konstruct_channels") / "webchat" / "examples").iterdir()
    if one.name.endswith(".json")
}
SOMEBODY = Person(key="visitor:1")
WRONG: tuple[Any, ...] = (None, 5, -1.5, True, [], {}, "", " ", "\x00", [[["x"]]], 2**70)


def said(raw: str) -> InboundMessage | Ignored | Refusal:
    return inbound.normalise(raw, person=SOMEBODY, conversation_key="c-1")


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_normalises_as_it_says(name: str) -> None:
    example = EXAMPLES[name]
    person = Person.model_validate(example["person"])
    result = inbound.normalise(
        json.dumps(example["frame"]),
        person=person,
        conversation_key=example["conversation_key"],
    )
    expect = example["expect"]
    if "refusal" in expect:
        assert result == Refusal(expect["refusal"])
    elif "ignored" in expect:
        assert isinstance(result, Ignored)
        assert result.reason == expect["ignored"]
    else:
        assert isinstance(result, InboundMessage)
        assert result.person == person
        told = result.model_dump(mode="json")
        assert {key: told[key] for key in expect["message"]} == expect["message"]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_truncated_example_never_raises(name: str) -> None:
    raw = json.dumps(EXAMPLES[name]["frame"], ensure_ascii=False)
    for length in range(len(raw)):
        assert isinstance(said(raw[:length]), Refusal)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_with_a_field_of_a_wrong_type_never_raises(name: str) -> None:
    frame = EXAMPLES[name]["frame"]
    if not isinstance(frame, dict):
        return
    for field in frame:
        for wrong in WRONG:
            result = said(json.dumps({**frame, field: wrong}))
            assert isinstance(result, InboundMessage | Ignored | Refusal)
        without = {key: value for key, value in frame.items() if key != field}
        assert isinstance(said(json.dumps(without)), InboundMessage | Ignored | Refusal)
        assert type(said(json.dumps({**frame, "unknown": {"a": [1]}}))) is type(
            said(json.dumps(frame))
        )


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "null",
        "NaN",
        '{"type": NaN}',
        "[" * 100_000,
        '{"type":"message","id":"x","text":' + '{"a":' * 50_000,
        '{"type":"message","id":"\\ud800","text":"x"}',
        '{"type":"message","id":"x","text":"\\udfff"}',
        '{"type":"message","id":"x","text":"a\\u0000b"}',
        '{"type":"auth","ticket":"t","conversation":"../../etc"}',
        '{"type":"auth","ticket":"t","after":-1}',
        '{"type":"auth","ticket":"t","after":1e300}',
        "9" * 10_000,
        "\ud800",
    ],
    ids=repr,
)
def test_what_is_no_frame_is_refused(raw: str) -> None:
    assert isinstance(said(raw), Refusal)


def test_sizes_have_limits() -> None:
    huge = json.dumps({"type": "message", "id": "x", "text": "a" * 200_000})
    assert said(huge) == Refusal(frames.TOO_LARGE)
    long = json.dumps({"type": "message", "id": "x", "text": "a" * 16_001})
    assert said(long) == Refusal(frames.TOO_LONG)
    exact = json.dumps({"type": "message", "id": "x", "text": "a" * 16_000})
    assert isinstance(said(exact), InboundMessage)


def test_random_bytes_never_raise() -> None:
    source = random.Random(7)
    seed = json.dumps({"type": "message", "id": "m-1", "text": "hello"})
    for _ in range(3000):
        letters = list(seed)
        for _ in range(source.randint(1, 6)):
            letters[source.randrange(len(letters))] = chr(source.randrange(0x110000))
        assert isinstance(said("".join(letters)), InboundMessage | Ignored | Refusal)
