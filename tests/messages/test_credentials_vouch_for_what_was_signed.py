"""Tickets and resume credentials: only what we signed, only for its use, only until its end."""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from konstruct_messages.credentials import ChatCredential, CredentialUse, sign, verify
from konstruct_messages.errors import ExpiredCredential, ForgedCredential, MessagesError

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def credential(**over: Any) -> ChatCredential:
    return ChatCredential.model_validate(
        {
            "use": CredentialUse.TICKET,
            "tenant_id": uuid.UUID(int=7),
            "connection": "website",
            "person_key": "visitor:1",
            "display_name": "José 🚲",
            "language": "pt-BR",
            "expires_at": NOW + timedelta(seconds=60),
            **over,
        }
    )


def signed_payload(payload: bytes, key: bytes = KEY) -> str:
    """Return any bytes, signed as a credential is."""
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    signature = hmac.new(key, encoded, hashlib.sha256).digest()
    return f"{encoded.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_what_was_signed_comes_back() -> None:
    text = sign(credential(), KEY)
    assert verify(text, KEY, use=CredentialUse.TICKET, now=NOW) == credential()


def test_it_fits_into_a_url() -> None:
    assert set(sign(credential(), KEY)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    )


@pytest.mark.parametrize("use", CredentialUse)
def test_one_use_is_never_accepted_in_place_of_the_other(use: CredentialUse) -> None:
    other = next(one for one in CredentialUse if one is not use)
    with pytest.raises(ForgedCredential, match="another use"):
        verify(sign(credential(use=use), KEY), KEY, use=other, now=NOW)


def test_it_ends_at_its_end_in_every_time_zone() -> None:
    text = sign(credential(), KEY)
    just_before = NOW + timedelta(seconds=59, microseconds=999_999)
    assert verify(text, KEY, use=CredentialUse.TICKET, now=just_before)
    for zone in (UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=14))):
        at_the_end = (NOW + timedelta(seconds=60)).astimezone(zone)
        with pytest.raises(ExpiredCredential):
            verify(text, KEY, use=CredentialUse.TICKET, now=at_the_end)


def test_a_forgery_is_told_before_its_age() -> None:
    old = sign(credential(expires_at=NOW - timedelta(days=1)), b"x" * 32)
    with pytest.raises(ForgedCredential):
        verify(old, KEY, use=CredentialUse.TICKET, now=NOW)


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=6))
def test_one_flipped_bit_is_a_forgery(position: int, bit: int) -> None:
    text = bytearray(sign(credential(), KEY).encode())
    text[position % len(text)] ^= 1 << bit
    with pytest.raises(ForgedCredential):
        verify(text.decode(), KEY, use=CredentialUse.TICKET, now=NOW)


@given(text=st.text(max_size=200))
def test_no_text_makes_it_stumble(text: str) -> None:
    with pytest.raises(ForgedCredential):
        verify(text, KEY, use=CredentialUse.TICKET, now=NOW)


@given(payload=st.binary(max_size=200))
def test_what_we_would_have_signed_but_is_no_credential_is_refused(payload: bytes) -> None:
    with pytest.raises(ForgedCredential):
        verify(signed_payload(payload), KEY, use=CredentialUse.TICKET, now=NOW)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"use": "Ticket"},
        {**json.loads(credential().model_dump_json()), "admin": True},
        {**json.loads(credential().model_dump_json()), "expires_at": "soon"},
        {**json.loads(credential().model_dump_json()), "expires_at": "2026-03-01T12:00:00"},
        {**json.loads(credential().model_dump_json()), "connection": ""},
        {**json.loads(credential().model_dump_json()), "tenant_id": "acme"},
    ],
)
def test_a_signed_document_of_another_shape_is_refused(document: Any) -> None:
    text = signed_payload(json.dumps(document).encode())
    with pytest.raises(ForgedCredential):
        verify(text, KEY, use=CredentialUse.TICKET, now=NOW)


def test_another_key_a_cut_or_a_doubled_signature_is_a_forgery() -> None:
    text = sign(credential(), KEY)
    payload, _, signature = text.partition(".")
    forgeries = [
        sign(credential(), b"x" * 32),
        payload,
        f"{payload}.",
        f".{signature}",
        ".",
        "",
        f"{text}.{signature}",
        text[:-1],
        f"{text}=",
        f" {text}",
        text + "A" * 5000,
    ]
    for forgery in forgeries:
        with pytest.raises(ForgedCredential):
            verify(forgery, KEY, use=CredentialUse.TICKET, now=NOW)


def test_a_credential_is_immutable_and_bounded() -> None:
    with pytest.raises(ValidationError):
        credential().person_key = "visitor:2"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        credential(person_key="x" * 257)


def test_all_errors_have_one_root() -> None:
    assert issubclass(ForgedCredential, MessagesError)
    assert issubclass(ExpiredCredential, MessagesError)
