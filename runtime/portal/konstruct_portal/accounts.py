"""Accounts: who may log in, and how one is checked without telling which part was wrong."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from konstruct_portal.errors import TooManyAttempts
from konstruct_portal.passwords import LONGEST, Passwords, generate
from konstruct_portal.records import Records, Role, User
from konstruct_portal.records_postgres import PostgresRecords
from konstruct_store import Store

WINDOW_SECONDS = 900


@dataclass(frozen=True)
class Limits:
    """Log-in attempts within WINDOW_SECONDS before answers become 429.

    `per_account` keeps guessing an account below 100 an hour from everywhere together (ASVS 5.0,
    6.3); from one address it is a good deal less, so that others cannot easily lock somebody out.
    """

    per_account: int = 25
    per_address: int = 50
    per_pair: int = 10


async def check_login(
    records: Records,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    address: str,
    limits: Limits,
) -> User | None:
    """Return the user whose address and password these are, else None.

    The attempt is counted before anything is hashed. Unknown, disabled and wrong take the same
    way and time. Raises TooManyAttempts and Busy.
    """
    email = normalise(email)
    await _count(records, f"address/{address}", limits.per_address)
    pair, account = f"pair/{_digest(f'{address}/{email}')}", f"account/{_digest(email)}"
    await _count(records, pair, limits.per_pair)
    await _count(records, account, limits.per_account)
    user = await records.find_user(email)
    known = user is not None and not user.disabled and len(password) <= LONGEST
    fits = await passwords.matches(
        password[:LONGEST], user.password_hash if user is not None and known else None
    )
    if user is None or not fits:
        return None
    await records.forget_attempts(pair)
    await records.forget_attempts(account)
    if passwords.outdated(user.password_hash):
        await records.renew_hash(user.user_id, await passwords.make(password))
    return user


async def create_user(
    records: Records,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    role: Role,
    tenants: frozenset[UUID] = frozenset(),
) -> User:
    """Make a user. Raises AccountExists when the address is taken."""
    return await records.create_user(
        normalise(email), await passwords.make(password), role=role, tenants=tenants
    )


async def ensure_first_admin(store: Store, email: str, password: str = "") -> str:
    """Make the platform's first admin unless the address has an account already.

    Returns the password when an account was made (the given one, or a generated one where none was
    given), and an empty string when there was nothing to do.
    """
    records = PostgresRecords(store)
    if await records.find_user(normalise(email)) is not None:
        return ""
    chosen = password or generate()
    passwords = Passwords(workers=1, waiters=1)
    try:
        await create_user(records, passwords, email=email, password=chosen, role=Role.ADMIN)
    finally:
        passwords.close()
    return chosen


def normalise(email: str) -> str:
    """Return an address as accounts are known by it."""
    return email.strip().lower()


async def _count(records: Records, key: str, limit: int) -> None:
    if await records.count_attempt(key, window_seconds=WINDOW_SECONDS) > limit:
        raise TooManyAttempts(WINDOW_SECONDS)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
