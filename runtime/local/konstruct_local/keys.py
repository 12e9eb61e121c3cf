"""Keys, tokens and passwords of one installation: made once, kept in one file of mode 0600."""

import base64
import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from nacl.public import PrivateKey
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from konstruct_local.errors import UnusableSystem
from konstruct_local.home import write_atomically
from konstruct_local.words import mark as _

PROGRAMS = ("gateway", "llm", "portal")
FIRST_EMAIL = "admin@konstruct.example"
_MODE = 0o600
_KEY_BYTES = 32


class Keys(BaseModel):
    """Everything secret that an installation made for itself. Texts are base64 where bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    chat_key: str
    registry_token: str
    replica_token: str
    digest_key: str = Field(description="Keys the versions of Secrets, which travel in the clear")
    gateway_seal_keys: tuple[str, ...] = Field(min_length=1, description="Private, current first")
    llm_seal_keys: tuple[str, ...] = Field(min_length=1, description="Private, current first")
    database_passwords: dict[str, str]
    work_tokens: dict[UUID, str] = Field(default_factory=dict)
    first_email: str = FIRST_EMAIL
    first_password: str

    @property
    def gateway_seal_public_key(self) -> str:
        """The public key that the gateway's secrets are sealed to, in base64."""
        return _public(self.gateway_seal_keys[0])

    @property
    def llm_seal_public_key(self) -> str:
        """The public key that the model service's secrets are sealed to, in base64."""
        return _public(self.llm_seal_keys[0])

    @property
    def first_login(self) -> tuple[str, SecretStr]:
        """E-mail address and password of the first log-in."""
        return self.first_email, SecretStr(self.first_password)


class KeyFile:
    """The file that holds an installation's keys."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Keys:
        """Return the keys, made now if there are none. Raises UnusableSystem for a broken file.

        A broken file is never replaced: with it would go the way to open what was sealed.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            keys = new_keys()
            self._write(keys)
            return keys
        try:
            keys = Keys.model_validate(json.loads(text))
        except (ValueError, ValidationError) as error:
            raise UnusableSystem(
                _(
                    "The key file {path} cannot be read. Bring it back from a copy,"
                    " or move the whole directory away and start anew."
                ),
                path=self._path,
            ) from error
        if self._path.stat().st_mode & 0o077:
            self._path.chmod(_MODE)
        return keys

    def with_work_tokens(self, keys: Keys, tenants: Iterable[UUID]) -> Keys:
        """Return `keys` with a work token for each of `tenants`; new ones are written down first.

        Tokens of other tenants are kept: a tenant that comes back finds its own.
        """
        missing = [one for one in tenants if one not in keys.work_tokens]
        if not missing:
            return keys
        tokens = {one: f"kw_{one}_{secrets.token_urlsafe(_KEY_BYTES)}" for one in missing}
        keys = keys.model_copy(update={"work_tokens": {**keys.work_tokens, **tokens}})
        self._write(keys)
        return keys

    def _write(self, keys: Keys) -> None:
        document = keys.model_dump(mode="json")
        write_atomically(self._path, json.dumps(document, indent=2) + "\n", mode=_MODE)


def new_keys() -> Keys:
    """Return fresh keys from the system's randomness."""
    return Keys(
        chat_key=_random(),
        registry_token=secrets.token_urlsafe(_KEY_BYTES),
        replica_token=secrets.token_urlsafe(_KEY_BYTES),
        digest_key=_random(),
        gateway_seal_keys=(_private(),),
        llm_seal_keys=(_private(),),
        database_passwords={program: secrets.token_hex(_KEY_BYTES // 2) for program in PROGRAMS},
        first_password=f"{secrets.token_hex(4)}-{secrets.token_hex(4)}",
    )


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _private() -> str:
    return base64.b64encode(bytes(PrivateKey.generate())).decode()


def _public(private: str) -> str:
    return base64.b64encode(bytes(PrivateKey(base64.b64decode(private)).public_key)).decode()
