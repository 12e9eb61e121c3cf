"""Passwords: argon2id in a bounded pool.

Parameters are those of OWASP ASVS 5.0: m = 19 MiB, t = 2, p = 1. One hash costs about 40 ms of a
core, so that a flood of log-ins would starve every other page: only a few run at once, few more
may wait, and the rest is told to come back.
"""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from konstruct_portal.errors import Busy

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
SHORTEST = 12
LONGEST = 128

_Result = TypeVar("_Result")


class Passwords:
    """Hashes and checks passwords, `workers` at once and at most `waiters` in line."""

    def __init__(self, *, workers: int = 2, waiters: int = 16) -> None:
        self._hasher = PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._places = workers + waiters
        self._taken = 0
        # Checked for unknown users, so that an answer takes as long for them as for others.
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    @property
    def busy(self) -> int:
        """How many passwords are being worked on or wait."""
        return self._taken

    async def make(self, password: str) -> str:
        """Return the hash to keep. Raises Busy when too many wait."""
        return await self._run(partial(self._hasher.hash, password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Tell whether a password fits; None (nobody) takes the same time and never fits.

        Raises Busy when too many wait.
        """
        fits = await self._run(partial(self._verify, password, password_hash or self._nobody))
        return fits and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        """Tell whether a hash was made with weaker parameters than today's."""
        try:
            return self._hasher.check_needs_rehash(password_hash)
        except InvalidHashError:
            return True

    def close(self) -> None:
        """Give the threads back; work in hand ends first."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: "partial[_Result]") -> _Result:
        if self._taken >= self._places:
            raise Busy("Too many passwords are being checked.")
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._taken -= 1


def generate() -> str:
    """Return a password that nobody has to invent: 120 random bits, easy to read aloud."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(6)) for _ in range(4))
    return "-".join(groups)
