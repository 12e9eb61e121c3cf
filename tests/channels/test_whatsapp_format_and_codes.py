"""WhatsApp's marks, limits, prices and error codes: what is pure of its outbound half."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct_channels.errors import (
    ChannelError,
    ContentRefused,
    CredentialsRefused,
    SendLater,
    SendRefused,
    SendUnclear,
    WindowClosed,
)
from konstruct_channels.inbound import FailureKind
from konstruct_channels.whatsapp import answers, costs
from konstruct_channels.whatsapp.format import read, render, split
from konstruct_channels.whatsapp.pace import Pace
from konstruct_channels.whatsapp.receipts import receipt_of
from konstruct_channels.whatsapp.spec import WhatsAppConfig

MARK = UUID("7e7e7e7e-0000-4000-8000-000000000001")
CODES: dict[int, type[ChannelError]] = {
    **dict.fromkeys((1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131056, 131057), SendLater),
    **dict.fromkeys((0, 3, 10, 190, 200, 299, 368, 131005, 131031, 131042), CredentialsRefused),
    133010: CredentialsRefused,
    131047: WindowClosed,
    **dict.fromkeys((100, 131008, 131009, 131051, 131052, 131053), ContentRefused),
    **dict.fromkeys((130472, 130497, 131026, 131030, 131049, 131050, 132001, 132015), SendRefused),
    999_999: SendRefused,
}


def refused(status: int, code: int | None, details: str = "") -> ChannelError:
    error = {"code": code, "error_data": {"details": details}}
    return answers.problem(status, {"error": error} if code is not None else {})


@pytest.mark.parametrize(("code", "expected"), CODES.items())
def test_every_code_means_one_thing_at_once_and_later(
    code: int, expected: type[ChannelError]
) -> None:
    at_once = refused(400, code, "because")
    assert type(at_once) is expected
    assert str(at_once).startswith(f"{code}: ")
    later = receipt_of({"id": "wamid.1", "status": "failed", "errors": [{"code": code}]})
    assert type(answers.raised(later.failure)) is expected  # type: ignore[union-attr, arg-type]


def test_what_is_refused_says_the_next_step() -> None:
    assert "System User token" in str(refused(401, 190))
    assert "Meta says: it is blue" in str(refused(400, 131026, "it is blue"))


def test_a_fault_without_a_code_is_unclear_and_a_limit_without_one_is_not() -> None:
    assert isinstance(refused(500, None), SendUnclear)
    assert isinstance(refused(502, None), SendUnclear)
    assert isinstance(refused(429, None), SendLater)
    assert isinstance(refused(404, None), SendRefused)


def test_limits_of_the_whole_number_hold_the_connection_back() -> None:
    whole = {code: refused(400, code).whole_connection for code in (4, 80007, 130429)}  # type: ignore[attr-defined]
    assert whole == {4: True, 80007: True, 130429: True}
    assert refused(400, 131056).whole_connection is False  # type: ignore[attr-defined]


def test_a_status_carries_our_mark_and_its_charge() -> None:
    pricing = {"billable": True, "category": "UTILITY", "pricing_model": "PMP"}
    said = receipt_of(
        {
            "id": "wamid.1",
            "status": "played",
            "biz_opaque_callback_data": str(MARK),
            "pricing": pricing,
        }
    )
    assert (said.status, said.delivery_id) == ("read", MARK)  # type: ignore[union-attr]
    assert (said.charge.category, said.charge.billable) == ("utility", True)  # type: ignore[union-attr]
    newer = {"type": "regular", "category": "marketing"}
    later = receipt_of({"id": "wamid.1", "status": "sent", "pricing": newer})
    assert later.charge.billable is True  # type: ignore[union-attr]
    free = {"type": "free_customer_service", "category": "service"}
    assert receipt_of({"id": "w", "status": "sent", "pricing": free}).charge.billable is False  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [None, 5, [], {}, "", "x" * 600])
def test_a_status_of_wrong_types_is_ignored_or_bare(wrong: object) -> None:
    assert type(receipt_of({"id": wrong, "status": "sent"})).__name__ == "Ignored"
    assert type(receipt_of({"id": "wamid.1", "status": wrong})).__name__ == "Ignored"
    bare = receipt_of(
        {
            "id": "wamid.1",
            "status": "failed",
            "errors": wrong,
            "pricing": wrong,
            "biz_opaque_callback_data": wrong,
        }
    )
    assert bare.failure.kind is FailureKind.REFUSED  # type: ignore[union-attr]
    assert (bare.delivery_id, bare.charge) == (None, None)  # type: ignore[union-attr]


def test_marks_are_whatsapps_own() -> None:
    markdown = "## Sum\n**b** *i* ~~s~~ `c` [a](https://x.y)\n- [x] done\n> said\n```py\nx = 1\n```"
    [message] = render(markdown, limit=4096)
    assert message == ("*Sum*\n*b* _i_ ~s~ `c` a (https://x.y)\n☑ done\n> said\n```\nx = 1\n```")
    assert read(message) == "Sum\nb i s c a (https://x.y)\n☑ done\n> said\nx = 1"


@given(
    st.lists(
        st.sampled_from(
            [
                *("a word ", "\n", "\n\n", "**bold** ", "```\n", "- item\n", "# Title\n"),
                *("[a](https://x.y/z) ", "| a | b |\n|---|---|\n| 1 | 2 |\n", "x" * 90, "> q\n"),
            ]
        ),
        max_size=60,
    ).map("".join),
    st.integers(min_value=200, max_value=500),
)
@settings(max_examples=150, deadline=None)
def test_a_cut_reply_is_one_message_each_and_loses_no_word(markdown: str, limit: int) -> None:
    pieces = split(markdown, limit=limit)
    assert all(len(render(one, limit=limit)) == 1 for one in pieces)
    letters = [one for one in "".join(pieces) if one.isalnum()]
    assert letters == [one for one in markdown if one.isalnum()]


def test_a_code_block_that_is_cut_goes_on_as_one() -> None:
    pieces = split("```py\n" + "x = 1\n" * 100 + "```\nend", limit=300)
    assert all(one.startswith("```py\n") and one.rstrip().endswith("```") for one in pieces[:-1])
    assert pieces[-1].endswith("end")


def test_the_longest_fitting_price_counts_and_none_is_made_up() -> None:
    config = WhatsAppConfig.model_validate(
        {
            "phoneNumberId": "1",
            "businessAccountId": "2",
            "messagePrices": [
                {"category": "utility", "usd": "0.02"},
                {"category": "utility", "callingCode": "55", "usd": "0.0068"},
                {"category": "utility", "callingCode": "5511", "usd": "0.005"},
            ],
        }
    )
    assert costs.price(config, "5511999999999", "utility") == 5000
    assert costs.price(config, "5521999999999", "utility") == 6800
    assert costs.price(config, "BR.1234", "utility") == 20_000
    assert costs.price(config, "5511999999999", "marketing") is None


def test_one_person_gets_bursts_and_then_one_message_in_six_seconds() -> None:
    now = [0.0]
    pace = Pace(burst=3, per_second=5, clock=lambda: now[0])
    for _ in range(3):
        pace.take_turn("n", "eva")
    with pytest.raises(SendLater) as waits:
        pace.take_turn("n", "eva")
    assert waits.value.after_seconds == pytest.approx(6.0)
    for person in ("a", "b"):
        pace.take_turn("n", person)
    with pytest.raises(SendLater, match="130429"):
        pace.take_turn("n", "c")
    pace.take_turn("other", "c")
    now[0] = 6.0
    pace.take_turn("n", "eva")
