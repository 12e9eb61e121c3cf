"""The directory of one installation (KONSTRUCT_HOME): what lies where, and who may use it now."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from konstruct_local.errors import UnusableSystem
from konstruct_local.words import mark as _


@dataclass(frozen=True)
class Home:
    """Paths below one directory. Nothing here is read or written by making one."""

    path: Path

    @property
    def keys(self) -> Path:
        """Keys, tokens, passwords and the first log-in, made once."""
        return self.path / "keys.json"

    @property
    def identities(self) -> Path:
        """The UIDs given to resources, as an API server would give them."""
        return self.path / "identities.json"

    @property
    def secrets(self) -> Path:
        """Secrets as YAML, one file each, that the portal or a person put here."""
        return self.path / "secrets"

    @property
    def log(self) -> Path:
        """Everything the programs log, as JSON lines."""
        return self.path / "konstruct.log"

    @property
    def address(self) -> Path:
        """Where the running installation answers: for `konstruct chat`."""
        return self.path / "address.json"

    @property
    def chats(self) -> Path:
        """Who `konstruct chat` was, per installation and connection."""
        return self.path / "chats"

    @property
    def media_url(self) -> str:
        """Where people's files are, as a `file:` address."""
        return (self.path / "media").resolve().as_uri()

    @property
    def models(self) -> Path:
        """The model pool."""
        return self.path / "models.yaml"

    def running_at(self) -> str:
        """Return the public URL that the last start wrote down, or an empty text."""
        return self._written("url")

    def running_inside(self) -> str:
        """Return the URL of internal calls that the last start wrote down, or an empty text."""
        return self._written("internal")

    def _written(self, name: str) -> str:
        try:
            return str(json.loads(self.address.read_text())[name])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory and keep other runs out of it. Raises UnusableSystem.

        The lock ends with the process, however it ends.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise UnusableSystem(
                _(
                    "The directory {directory} cannot be used: {reason}."
                    " Choose another with KONSTRUCT_HOME."
                ),
                directory=self.path,
                reason=error.strerror or error,
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise UnusableSystem(
                    _(
                        "Konstruct is running from {directory} already (process {process})."
                        " Stop it first, or choose another directory with KONSTRUCT_HOME."
                    ),
                    directory=self.path,
                    process=lock.read().strip() or "?",
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def write_atomically(path: Path, text: str, *, mode: int) -> None:
    """Replace the file at `path` as a whole: readers see the old text or the new one.

    `mode` holds from the first byte on; the text is on the disk before the name is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
