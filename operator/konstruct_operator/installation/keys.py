"""The keys of an installation: made once, all in one Secret, so that halves always fit together.

Pure: randomness comes in as an argument.
"""

import base64
from collections.abc import Callable
from typing import Any, Final

from nacl.public import PrivateKey

from konstruct_operator import names
from konstruct_registry.seals import key_as_text

RandomBytes = Callable[[int], bytes]

_KEY_BYTES: Final = 32
_PASSWORD_BYTES: Final = 24
_LOGIN_PASSWORD_BYTES: Final = 12
DATABASE_LOGINS: Final = ("owner", "gateway", "llm", "portal")


def keys_secret(name: str, namespace: str, *, random_bytes: RandomBytes) -> dict[str, Any]:
    """Return the Secret with every internal key and password of an installation.

    Each program gets only its own keys of it, one by one, as environment variables.
    """
    gateway, llm = (PrivateKey(random_bytes(_KEY_BYTES)) for _ in range(2))
    values = {
        "chatKey": base64.b64encode(random_bytes(_KEY_BYTES)).decode(),
        "registryToken": _token(random_bytes, _KEY_BYTES),
        "replicaToken": _token(random_bytes, _KEY_BYTES),
        "hashKey": _token(random_bytes, _KEY_BYTES),
        "gatewaySealPrivateKeys": key_as_text(gateway),
        "gatewaySealPublicKey": key_as_text(gateway.public_key),
        "llmSealPrivateKeys": key_as_text(llm),
        "llmSealPublicKey": key_as_text(llm.public_key),
    }
    for login in DATABASE_LOGINS:
        values[f"{login}DatabasePassword"] = _token(random_bytes, _PASSWORD_BYTES)
    return _secret(name, namespace, values)


def first_login_secret(
    name: str, namespace: str, *, email: str, random_bytes: RandomBytes
) -> dict[str, Any]:
    """Return the Secret with which somebody logs in to the portal for the first time."""
    password = _token(random_bytes, _LOGIN_PASSWORD_BYTES)
    return _secret(name, namespace, {"email": email, "password": password})


def _token(random_bytes: RandomBytes, size: int) -> str:
    """Return random text that needs no escaping in a URL or a header."""
    return base64.urlsafe_b64encode(random_bytes(size)).decode().rstrip("=")


def _secret(name: str, namespace: str, values: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.LABEL_NAME: "konstruct"},
        },
        "type": "Opaque",
        "stringData": values,
    }
