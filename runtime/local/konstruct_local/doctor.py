"""The doctor command: one line for each thing that must be so, and what to do where it is not."""

import json
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from konstruct_gateway.doctor import printing
from konstruct_gateway.doctor.printing import paint
from konstruct_gateway.doctor.words import SaidConnection
from konstruct_llm.errors import PoolInvalid
from konstruct_llm.pool import load_pool
from konstruct_local.backlog import read_backlog
from konstruct_local.doctor_asking import Asked, examine
from konstruct_local.errors import LocalError
from konstruct_local.home import Home
from konstruct_local.keys import KeyFile
from konstruct_local.postgres_programs import (
    data_directory,
    unprivileged_account,
    usable_programs,
)
from konstruct_local.servers import listen
from konstruct_local.settings import LocalSettings, load_dotenv
from konstruct_local.system import OLDEST_PYTHON, refuse_unsupported
from konstruct_local.terminal import Terminal
from konstruct_local.words import mark as _
from konstruct_store import Store
from konstruct_store.errors import StoreError

_SCARCE_BYTES = 1024**3
_LATE_SECONDS = 300.0
_NOT_DONE = {
    "Refused": _(
        "{count} messages were not delivered, the oldest {hours} h ago."
        " See Not delivered in the portal."
    ),
    "Unknown": _(
        "Of {count} messages nobody can tell whether they arrived, the oldest {hours} h ago."
        " See Not delivered in the portal."
    ),
    "Dead": _(
        "{count} messages got an apology instead of an answer, the oldest {hours} h ago."
        " See Not delivered in the portal."
    ),
}


class Health(StrEnum):
    """How a thing is: ill things make the command fail."""

    WELL = "ok"
    ODD = "!!"
    ILL = "XX"


_COLOURS = {Health.WELL: "32", Health.ODD: "33", Health.ILL: "31"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: a marked sentence and its values."""

    health: Health
    sentence: str
    values: dict[str, object] = field(default_factory=dict)


async def run_doctor(settings: LocalSettings, terminal: Terminal, asked: Asked) -> int:
    """Look at everything, or at what was asked for, and print it; return the exit code."""
    home = Home(settings.home)
    findings = [] if asked.connections_alone else await _machine(settings, home)
    connections = await examine(home, asked, terminal.words.language)
    if asked.as_json:
        terminal.show(_document(findings, connections, terminal))
    else:
        _print(findings, connections, terminal)
    ill = any(one.health is Health.ILL for one in findings)
    return 1 if ill or printing.sick(connections) else 0


async def _machine(settings: LocalSettings, home: Home) -> list[Finding]:
    return [
        *_system(),
        *_directory(home),
        *_keys(home),
        *_address(settings, home),
        *(await _database(settings, home)),
        *(await _backlog(settings, home)),
        *_models(home),
    ]


def _print(
    findings: Sequence[Finding], connections: Sequence[SaidConnection], terminal: Terminal
) -> None:
    for finding in findings:
        text = terminal.words(finding.sentence, **finding.values)
        mark = paint(finding.health, _COLOURS[finding.health], colour=terminal.colourful)
        terminal.show(f"{mark}  {text}")
    if findings and connections:
        terminal.show("")
    if connections:
        terminal.show(printing.render(connections, colour=terminal.colourful))


def _document(
    findings: Sequence[Finding], connections: Sequence[SaidConnection], terminal: Terminal
) -> str:
    machine = [
        {"health": one.health.name, "message": terminal.words(one.sentence, **one.values)}
        for one in findings
    ]
    shown = [one.model_dump(mode="json", by_alias=True) for one in connections]
    return json.dumps({"machine": machine, "connections": shown}, ensure_ascii=False, indent=2)


def _system() -> Iterator[Finding]:
    try:
        refuse_unsupported()
    except LocalError as error:
        yield _ill(error)
    else:
        yield _well(
            _("System: {system} on {machine}, Python {python}"),
            system=platform.system(),
            machine=platform.machine(),
            python=platform.python_version(),
        )
    if sys.version_info < OLDEST_PYTHON:
        yield Finding(
            Health.ILL, _("Python is too old: install {wanted} or later."), {"wanted": "3.11"}
        )


def _directory(home: Home) -> Iterator[Finding]:
    wanted = home.path.absolute()
    place = next(one for one in (wanted, *wanted.parents) if one.exists())
    if not os.access(place, os.W_OK):
        yield Finding(
            Health.ILL,
            _("{directory} cannot be written. Choose another with KONSTRUCT_HOME."),
            {"directory": place},
        )
        return
    free = shutil.disk_usage(place).free
    values = {"directory": home.path, "free": f"{free / 1024**3:.1f}"}
    if free < _SCARCE_BYTES:
        yield Finding(Health.ODD, _("{directory}: only {free} GiB are free."), values)
    else:
        yield _well(_("{directory}: {free} GiB are free."), **values)


def _keys(home: Home) -> Iterator[Finding]:
    if not home.keys.exists():
        yield _well(_("Keys are made at the first start."))
        return
    try:
        KeyFile(home.keys).load()
    except LocalError as error:
        yield _ill(error)
    else:
        yield _well(_("Keys: {path}"), path=home.keys)


def _address(settings: LocalSettings, home: Home) -> Iterator[Finding]:
    running = home.running_at()
    if running and _answers(running):
        yield _well(_("Konstruct is running at {url}."), url=running)
        return
    try:
        listen(settings.host, settings.port).close()
    except LocalError as error:
        yield _ill(error)
    else:
        yield _well(_("Port {port} of {host} is free."), port=settings.port, host=settings.host)


async def _database(settings: LocalSettings, home: Home) -> list[Finding]:
    if not settings.database_url:
        return list(_embedded(home))
    try:
        store = await Store.connect(settings.database_url, minimum=1, maximum=1)
    except StoreError as error:
        return [
            Finding(
                Health.ILL,
                _("The database of KONSTRUCT_DATABASE_URL cannot be used: {reason}"),
                {"reason": error},
            )
        ]
    try:
        await store.check()
    except StoreError as error:
        return [Finding(Health.ODD, _("Database: {reason}"), {"reason": error})]
    finally:
        await store.close()
    return [_well(_("Database: the one of KONSTRUCT_DATABASE_URL answers."))]


def _embedded(home: Home) -> Iterator[Finding]:
    try:
        programs = usable_programs(unprivileged_account())
    except LocalError as error:
        yield _ill(error)
    else:
        yield _well(
            _("Database: embedded Postgres from {programs}, data in {data}"),
            programs=programs,
            data=data_directory(home.path),
        )


async def _backlog(settings: LocalSettings, home: Home) -> list[Finding]:
    found = await read_backlog(settings, home)
    if found is None:
        return []
    by_state = {one.state: one for one in found}
    waiting = [by_state[state] for state in ("Queued", "Sending") if state in by_state]
    count = sum(one.waiting for one in waiting)
    oldest = max((one.oldest_seconds for one in waiting), default=0.0)
    late = oldest > _LATE_SECONDS
    findings = [
        Finding(
            Health.ODD if late else Health.WELL,
            _("Deliveries: {count} wait to be sent, the oldest for {seconds} s."),
            {"count": count, "seconds": round(oldest)},
        )
    ]
    for state, sentence in _NOT_DONE.items():
        if state in by_state:
            one = by_state[state]
            values = {"count": one.waiting, "hours": f"{one.oldest_seconds / 3600:.1f}"}
            findings.append(Finding(Health.ODD, sentence, values))
    return findings


def _models(home: Home) -> Iterator[Finding]:
    environment = {**os.environ, **load_dotenv(home.path)}
    path = home.models if home.models.is_file() else None
    try:
        pool = load_pool(path, environment)
    except PoolInvalid as error:
        yield Finding(Health.ILL, _("The model pool is refused: {reason}"), {"reason": error})
        return
    for model in pool.models:
        if model.api_key_env and not environment.get(model.api_key_env):
            yield Finding(
                Health.ODD,
                _("Model {name} ({model}) has no key: set {variable} in {file}."),
                {
                    "name": model.name,
                    "model": model.model,
                    "variable": model.api_key_env,
                    "file": home.path / ".env",
                },
            )
        else:
            yield _well(_("Model {name}: {model}"), name=model.name, model=model.model)


def _answers(url: str) -> bool:
    host, _colon, port = url.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except (OSError, ValueError):
        return False
    return True


def _well(sentence: str, **values: object) -> Finding:
    return Finding(Health.WELL, sentence, values)


def _ill(error: LocalError) -> Finding:
    return Finding(Health.ILL, error.sentence, error.values)
