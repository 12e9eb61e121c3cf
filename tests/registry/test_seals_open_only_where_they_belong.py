"""A sealed secret opens with its key, in its tenant, for its object and purpose; nowhere else."""

import base64
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from konstruct_registry.errors import RegistryError, SealRefused
from konstruct_registry.seals import (
    key_id,
    open_sealed,
    private_key_from_text,
    public_key_from_text,
    seal,
)
from konstruct_registry.snapshot import SealedSecret

TENANT = uuid.UUID("0f6a3f5e-4b0c-4c2b-9d27-6a1f0c5be7a1")
KEY = PrivateKey(b"k" * 32)
DATA = {"botToken": "xoxb-plainly-fake", "signingSecret": "ñandú 🚲"}


def sealed(key: PrivateKey = KEY, **over: Any) -> SealedSecret:
    return seal(
        DATA,
        **{
            "recipient": key.public_key,
            "tenant_id": TENANT,
            "object_name": "ChannelConnection/slack",
            "purpose": "channel",
            "secret_uid": "uid-1",
            "secret_resource_version": "7",
            **over,
        },
    )


def test_the_consumer_opens_what_was_sealed_for_it() -> None:
    assert open_sealed(sealed(), keys=[KEY], tenant_id=TENANT) == DATA


def test_an_old_key_still_opens_what_was_sealed_to_it() -> None:
    old = PrivateKey.generate()
    assert open_sealed(sealed(old), keys=[KEY, old], tenant_id=TENANT) == DATA


def test_a_box_carries_its_secrets_version_and_no_plaintext() -> None:
    box = sealed(last_four="fake")
    assert (box.secret_uid, box.secret_resource_version, box.last_four) == ("uid-1", "7", "fake")
    assert box.recipient_key_id == key_id(KEY.public_key)
    raw = base64.b64decode(box.ciphertext)
    assert b"xoxb" not in raw
    assert b"botToken" not in raw


def test_another_tenant_cannot_open_it() -> None:
    with pytest.raises(SealRefused, match="another tenant"):
        open_sealed(sealed(), keys=[KEY], tenant_id=uuid.uuid4())


@pytest.mark.parametrize(
    "moved", [{"object": "ChannelConnection/other"}, {"purpose": "models"}, {"purpose": "tool"}]
)
def test_a_box_that_was_moved_is_refused(moved: dict[str, str]) -> None:
    with pytest.raises(SealRefused, match="another tenant, object or purpose"):
        open_sealed(sealed().model_copy(update=moved), keys=[KEY], tenant_id=TENANT)


def test_without_its_key_it_is_refused() -> None:
    with pytest.raises(SealRefused, match="No private key"):
        open_sealed(sealed(), keys=[PrivateKey.generate()], tenant_id=TENANT)
    with pytest.raises(SealRefused, match="No private key"):
        open_sealed(sealed(), keys=[], tenant_id=TENANT)


def test_a_key_id_that_lies_does_not_help() -> None:
    other = PrivateKey.generate()
    lying = sealed().model_copy(update={"recipient_key_id": key_id(other.public_key)})
    with pytest.raises(SealRefused, match="cannot be opened"):
        open_sealed(lying, keys=[other], tenant_id=TENANT)


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_is_refused(position: int, bit: int) -> None:
    box = sealed()
    raw = bytearray(base64.b64decode(box.ciphertext))
    raw[position % len(raw)] ^= 1 << bit
    broken = box.model_copy(update={"ciphertext": base64.b64encode(raw).decode()})
    with pytest.raises(SealRefused):
        open_sealed(broken, keys=[KEY], tenant_id=TENANT)


@pytest.mark.parametrize("text", ["", "====", "not base64!", "ñ", "QUJD"])
def test_what_is_no_box_is_refused(text: str) -> None:
    broken = sealed().model_copy(update={"ciphertext": text})
    with pytest.raises(SealRefused):
        open_sealed(broken, keys=[KEY], tenant_id=TENANT)


def test_a_box_of_something_else_is_refused() -> None:
    from nacl.public import SealedBox  # noqa: PLC0415 - only the forger needs it

    for plaintext in (b"", b"[]", b'"text"', b"{}", b"\xff", b'{"tenant": "x"}'):
        forged = base64.b64encode(SealedBox(KEY.public_key).encrypt(plaintext)).decode()
        box = sealed().model_copy(update={"ciphertext": forged})
        with pytest.raises(SealRefused):
            open_sealed(box, keys=[KEY], tenant_id=TENANT)


def test_keys_travel_as_base64() -> None:
    public = base64.b64encode(bytes(KEY.public_key)).decode()
    private = base64.b64encode(bytes(KEY)).decode()
    assert public_key_from_text(public) == KEY.public_key
    assert bytes(private_key_from_text(private)) == bytes(KEY)


@pytest.mark.parametrize("text", ["", "short", "QUJD", "not base64!", "ñ", "A" * 100])
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(SealRefused):
        public_key_from_text(text)
    with pytest.raises(SealRefused):
        private_key_from_text(text)


def test_all_errors_have_one_root() -> None:
    assert issubclass(SealRefused, RegistryError)
