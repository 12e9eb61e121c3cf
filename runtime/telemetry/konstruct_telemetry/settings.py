"""The settings that every program has: how much it logs, and where its traces go."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


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
