"""The settings that every program has: how much it logs, and where its traces go."""

from typing import Literal, TypeVar

import structlog
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings

from konstruct_telemetry.logs import configure_logs


class TelemetrySettings(BaseSettings):
    """The base of a program's settings; the prefix is the program's."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Our own lines from this level on; never message text"
    )
    traces_endpoint: str = Field(
        default="", description="Collector of traces, OTLP over HTTP; empty: there are no traces"
    )
    traces_sample_percent: float = Field(
        default=100.0, ge=0, le=100, description="Share of the turns that are traced"
    )


_Settings = TypeVar("_Settings", bound=TelemetrySettings)


def read_settings(kind: type[_Settings], program: str) -> _Settings | None:
    """Return a program's settings as its environment has them, and log as they say from now on.

    None when they are wrong: then a line of the log names them, never their values.
    """
    configure_logs("INFO", program)
    try:
        settings = kind()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        log = structlog.get_logger(__name__)
        log.error("settings are wrong", problems=problems)  # noqa: TRY400 - the problems say it all
        return None
    configure_logs(settings.log_level, program)
    return settings
