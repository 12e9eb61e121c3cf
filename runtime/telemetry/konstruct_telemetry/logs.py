"""Structured logs: one JSON object per line on standard error, with ids and never with texts.

An exception is logged by its type and the places it passed, never by its message and never with
variables: messages of libraries repeat what they could not read, which may be a person's words or a
credential. Messages of our own errors are sentences that we wrote; a program passes them on as a
field of their own (`reason=str(error)`).
"""

import logging
import sys
import types
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
# What libraries log on the way of every request, texts and headers included, is never ours to say.
_LIBRARIES = logging.WARNING
_MOST_FRAMES = 50
_MOST_CAUSES = 8
_IDS: ContextVar[Mapping[str, object]] = ContextVar("ids", default=types.MappingProxyType({}))


def configure_logs(level: str, program: str, *, output: TextIO | None = None) -> None:
    """Send all logs of this process, ours and the libraries', to `output` (standard error if None).

    `level` is one of LEVELS and holds for our own lines; libraries say warnings and worse. Every
    line carries `program`. May be called again, as when the settings have been read. Raises
    ValueError for another level.
    """
    if level not in LEVELS:
        raise ValueError(f"The log level must be one of {', '.join(LEVELS)}.")
    stream = output or sys.stderr
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*_before(program), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_without_arguments, *_before(program)],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            pass_foreign_args=True,
            keep_exc_info=False,
        )
    )
    logging.basicConfig(level=max(number, _LIBRARIES), handlers=[handler], force=True)


class about:  # noqa: N801 - used like a function; a class costs every message least
    """Give every line that is logged inside these ids, also in tasks that begin inside.

    Names: tenant_id, conversation_id, turn_id, delivery_id. Ids only.
    """

    __slots__ = ("_before", "_ids")

    def __init__(self, **ids: object) -> None:
        self._ids = ids
        self._before: Token[Mapping[str, object]] | None = None

    def __enter__(self) -> None:
        self._before = _bind(self._ids)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _IDS.reset(self._before)


def remember(**ids: object) -> None:
    """Give these ids to every later line of this task, such as a request."""
    _bind(ids)


def merge_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the ids that hold where a line is logged into it; a processor of structlog's."""
    for name, value in _IDS.get().items():
        event.setdefault(name, str(value))
    return event


def described(error: BaseException) -> list[dict[str, Any]]:
    """Return an exception and its causes without messages and variables, outermost first."""
    return [
        {
            "type": f"{type(one).__module__}.{type(one).__qualname__}",
            "frames": _frames(one.__traceback__),
        }
        for one in _chain(error)
    ]


def _bind(ids: Mapping[str, object]) -> Token[Mapping[str, object]]:
    return _IDS.set({**_IDS.get(), **{name: value for name, value in ids.items() if value}})


def _before(program: str) -> list[Processor]:
    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("program", program)
        return event

    return [
        merge_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
        _exceptions,
    ]


def _exceptions(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given: ExcInfo | BaseException | bool | None = event.pop("exc_info", None)
    if isinstance(given, BaseException):
        error: BaseException | None = given
    elif isinstance(given, tuple):
        error = given[1]
    else:
        error = sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = described(error)
    return event


def _without_arguments(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say a library's sentence without what it puts into it, and who said it."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ())
    event["logger"] = record.name
    event["event"] = record.msg if isinstance(record.msg, str) and arguments else _place(record)
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


def _place(record: logging.LogRecord) -> str:
    # A sentence that was put together before it came here may hold anything.
    return f"{record.name} at {record.module}.{record.funcName}:{record.lineno}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(place: types.TracebackType | None) -> list[str]:
    found: list[str] = []
    while place is not None:
        code = place.tb_frame.f_code
        found.append(f"{code.co_filename}:{place.tb_lineno} in {code.co_name}")
        place = place.tb_next
    return found[-_MOST_FRAMES:]
