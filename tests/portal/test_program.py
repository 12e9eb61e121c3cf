"""The portal as a program: its commands, its exit codes, a clean end."""

import asyncio
import base64
import json
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from support.postgres import Database
from support.stack import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.process]

KEY = base64.b64encode(b"p" * 32).decode()
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "away",
    "contexts": [{"name": "away", "context": {"cluster": "away", "user": "nobody"}}],
    "clusters": [{"name": "away", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
}


def environment(database_url: str, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "KONSTRUCT_DATABASE_URL": database_url, "KONSTRUCT_CHAT_KEY": KEY, **more}


async def run(*arguments: str, environ: dict[str, str], say: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "konstruct_portal", *arguments),
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(say.encode()), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_user_is_made_once_and_the_password_is_shown_once(database: Database) -> None:
    environ = environment(database.url("portal"))
    code, out, _err = await run(
        "create-user", "Ana@Example.com", "--role", "admin", environ=environ
    )
    assert code == 0
    assert len(out.strip()) >= 24
    code, out, err = await run("create-user", "ana@example.com", environ=environ)
    assert (code, out) == (1, "")
    assert "already" in err
    said = "from a pipe, long enough\n"
    code, out, _err = await run(
        "create-user", "bia@example.com", "--password-stdin", environ=environ, say=said
    )
    assert (code, out) == (0, "")
    code, _out, err = await run(
        "create-user", "eve@example.com", "--password-stdin", environ=environ, say="short\n"
    )
    assert code == 2
    assert "12 to 128" in err


async def test_wrong_settings_are_named_and_their_values_are_not(database: Database) -> None:
    environ = environment(database.url("portal"), KONSTRUCT_CHAT_KEY="c2VjcmV0")
    code, _out, err = await run(environ=environ)
    assert code == 2
    assert "KONSTRUCT_CHAT_KEY" in err
    assert "c2VjcmV0" not in err


async def test_it_serves_and_ends_cleanly(database: Database, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    public, internal = free_port(), free_port()
    environ = environment(
        database.url("portal"),
        KUBECONFIG=str(kubeconfig),
        KONSTRUCT_PORT=str(public),
        KONSTRUCT_INTERNAL_PORT=str(internal),
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "konstruct_portal"),
        env=environ,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while True:
                try:
                    ready = await client.get(f"http://127.0.0.1:{public}/readyz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
            assert ready.json() == {"status": "ready"}
            page = await client.get(f"http://127.0.0.1:{public}/login")
            assert page.status_code == 200
            assert "server" not in page.headers
            metrics = await client.get(f"http://127.0.0.1:{internal}/metrics")
            assert 'page="login"' in metrics.text
        process.send_signal(signal.SIGTERM)
        _out, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err
    assert all(json.loads(line) for line in err.decode().splitlines())
