"""The Secrets that a release's hook Job makes."""

import base64
from uuid import UUID

import pytest

from konstruct_operator.installation.keys import first_login_secret, keys_secret
from konstruct_registry.seals import (
    key_as_text,
    open_sealed,
    private_key_from_text,
    public_key_from_text,
    seal,
)


class Counter:
    """Bytes that never repeat, and the same in every run."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return bytes([self.calls]) * size


def _keys() -> dict[str, str]:
    values = keys_secret("konstruct-keys", "here", random_bytes=Counter())["stringData"]
    assert isinstance(values, dict)
    return values


def test_no_two_keys_are_alike() -> None:
    values = _keys()
    assert len(set(values.values())) == len(values)


@pytest.mark.parametrize("program", ["gateway", "llm"])
def test_the_halves_of_a_seal_fit_together(program: str) -> None:
    values = _keys()
    private = private_key_from_text(values[f"{program}SealPrivateKeys"])
    assert key_as_text(private.public_key) == values[f"{program}SealPublicKey"]
    tenant = UUID(int=1)
    box = seal(
        {"botToken": "x"},
        recipient=public_key_from_text(values[f"{program}SealPublicKey"]),
        tenant_id=tenant,
        object_name="team",
        purpose="channel",
        secret_uid="u",
        secret_resource_version="1",
    )
    assert open_sealed(box, keys=[private], tenant_id=tenant) == {"botToken": "x"}


def test_passwords_need_no_escaping_in_a_url() -> None:
    for name, value in _keys().items():
        if name.endswith("Password"):
            assert value.replace("-", "").replace("_", "").isalnum()


def test_the_chat_key_is_as_long_as_gateway_and_portal_want_it() -> None:
    assert len(base64.b64decode(_keys()["chatKey"], validate=True)) == 32


def test_the_first_log_in_has_the_address_that_was_asked_for() -> None:
    secret = first_login_secret("login", "here", email="ops@acme.test", random_bytes=Counter())
    assert secret["stringData"]["email"] == "ops@acme.test"
    assert len(secret["stringData"]["password"]) >= 12
