"""Keys are made once, readable by their owner alone, and never replaced by accident."""

import base64
import json
import uuid
from pathlib import Path

import pytest

from konstruct_local.errors import UnusableSystem
from konstruct_local.home import write_atomically
from konstruct_local.keys import KeyFile
from konstruct_registry import seals


def test_keys_are_made_once_and_kept(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "home" / "keys.json")
    assert file.load() == file.load()


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyFile(path).load()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    KeyFile(path).load()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_broken_key_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"chat_key": ')
    with pytest.raises(UnusableSystem, match=r"keys\.json"):
        KeyFile(path).load()
    assert path.read_text() == '{"chat_key": '


def test_work_tokens_name_their_tenant_and_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    tenant, other = uuid.uuid4(), uuid.uuid4()
    keys = KeyFile(path).with_work_tokens(KeyFile(path).load(), [tenant])
    assert keys.work_tokens[tenant].startswith(f"kw_{tenant}_")
    again = KeyFile(path).with_work_tokens(KeyFile(path).load(), [tenant, other])
    assert again.work_tokens[tenant] == keys.work_tokens[tenant]
    assert len(json.loads(path.read_text())["work_tokens"]) == 2


def test_keys_fit_their_uses(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json").load()
    assert len(base64.b64decode(keys.chat_key)) == 32
    private = seals.private_key_from_text(keys.gateway_seal_keys[0])
    assert private.public_key == seals.public_key_from_text(keys.gateway_seal_public_key)
    assert keys.gateway_seal_public_key != keys.llm_seal_public_key
    assert keys.first_password not in repr(keys.first_login)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old", mode=0o600)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \udc80", mode=0o600)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
