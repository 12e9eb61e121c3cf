"""A real S3 server for tests: versitygw over a folder, built from its Go module and cached."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from konstruct_media.objects import ObjectAddress

ACCESS, SECRET = "konstruct-tests", "only-for-tests-of-objects"
BUCKET = "files"
_BUILD = Path(__file__).parent / "testbed" / "build.sh"


def built() -> Path:
    """Return the server's program; the first time on a machine it is built, which takes minutes."""
    made = subprocess.run(
        [str(_BUILD), "versitygw"], check=True, capture_output=True, text=True, timeout=900
    )
    return Path(made.stdout.split()[-1]) / "versitygw"


@asynccontextmanager
async def object_server(folder: Path, **over: Any) -> AsyncIterator[ObjectAddress]:
    """Serve a bucket; yield where it is. `over` replaces fields of the address."""
    program = await asyncio.to_thread(built)
    (folder / BUCKET).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        *(str(program), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)),
        env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    values: dict[str, Any] = {
        "url": f"s3://{BUCKET}/some/prefix",
        "endpoint_url": f"http://127.0.0.1:{port}",
        "access_key_id": ACCESS,
        "secret_access_key": SecretStr(SECRET),
    }
    try:
        await _answering(port)
        yield ObjectAddress(**(values | over))
    finally:
        process.terminate()
        await process.wait()


async def _answering(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
