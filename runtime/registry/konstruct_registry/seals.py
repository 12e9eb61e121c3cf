"""Sealed secrets: libsodium sealed boxes to one consumer's public key.

The plaintext names the tenant, the object and the purpose, and the opener refuses a box that was
moved to another place. A database dump opens nothing.
https://doc.libsodium.org/public-key_cryptography/sealed_boxes
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal
from uuid import UUID

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import BaseModel, ValidationError

from konstruct_registry.errors import SealRefused
from konstruct_registry.snapshot import SealedSecret

Purpose = Literal["channel", "models", "tool"]


class _Content(BaseModel):
    """What is inside a box. Anybody who knows the public key can make one: it is input, too."""

    tenant: str
    object: str
    purpose: str
    data: dict[str, str]


def key_id(public_key: PublicKey) -> str:
    """Return the short name of a public key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(bytes(public_key)).hexdigest()[:16]


def public_key_from_text(text: str) -> PublicKey:
    """Return the public key whose 32 bytes `text` holds in base64. Raises SealRefused."""
    try:
        return PublicKey(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, CryptoError) as error:
        raise SealRefused("A public seal key is 32 bytes in base64.") from error


def private_key_from_text(text: str) -> PrivateKey:
    """Return the private key whose 32 bytes `text` holds in base64. Raises SealRefused."""
    try:
        return PrivateKey(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, CryptoError) as error:
        raise SealRefused("A private seal key is 32 bytes in base64.") from error


def key_as_text(key: PublicKey | PrivateKey) -> str:
    """Return the key's 32 bytes in base64, as settings carry it."""
    return base64.b64encode(bytes(key)).decode()


def seal(
    data: Mapping[str, str],
    *,
    recipient: PublicKey,
    tenant_id: UUID,
    object_name: str,
    purpose: Purpose,
    secret_uid: str,
    secret_resource_version: str,
    last_four: str = "",
) -> SealedSecret:
    """Seal a Secret's data (decoded text by key) to `recipient`."""
    content = _Content(tenant=str(tenant_id), object=object_name, purpose=purpose, data=dict(data))
    plaintext = content.model_dump_json()
    return SealedSecret(
        purpose=purpose,
        object=object_name,
        recipient_key_id=key_id(recipient),
        secret_uid=secret_uid,
        secret_resource_version=secret_resource_version,
        ciphertext=base64.b64encode(SealedBox(recipient).encrypt(plaintext.encode())).decode(),
        last_four=last_four,
    )


def open_sealed(
    secret: SealedSecret, *, keys: Iterable[PrivateKey], tenant_id: UUID
) -> dict[str, str]:
    """Return the Secret's data (text by key).

    `keys` are the consumer's private keys, the current and the old ones. Raises SealRefused when
    none fits or the box names another tenant, object or purpose.
    """
    key = next((one for one in keys if key_id(one.public_key) == secret.recipient_key_id), None)
    if key is None:
        raise SealRefused(f"No private key has the id {secret.recipient_key_id}.")
    try:
        plaintext = SealedBox(key).decrypt(base64.b64decode(secret.ciphertext, validate=True))
    except (CryptoError, ValueError, TypeError) as error:
        raise SealRefused("The sealed secret cannot be opened with its key.") from error
    try:
        content = _Content.model_validate_json(plaintext)
    except ValidationError as error:
        raise SealRefused("The sealed secret was not made by this product.") from error
    expected = (str(tenant_id), secret.object, secret.purpose)
    if (content.tenant, content.object, content.purpose) != expected:
        raise SealRefused("The sealed secret belongs to another tenant, object or purpose.")
    return content.data
