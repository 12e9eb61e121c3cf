"""What the command takes from its environment, read once."""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_PORT = 8080
DEFAULT_HOST = "127.0.0.1"
DEFAULT_HOME = ".konstruct"


class LocalSettings(BaseSettings):
    """Settings of the embedded mode; each has the variable that is named beside it."""

    # Never by the fields' own names: `home` would read HOME.
    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    host: str = Field(default=DEFAULT_HOST, validation_alias="HOST")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65_535, validation_alias="PORT")
    home: Path = Field(default=Path(DEFAULT_HOME), validation_alias="KONSTRUCT_HOME")
    database_url: str = Field(default="", validation_alias="KONSTRUCT_DATABASE_URL")
    public_url: str = Field(default="", validation_alias="KONSTRUCT_PUBLIC_URL")
    turn_deadline_seconds: int = Field(
        default=3600, ge=1, validation_alias="KONSTRUCT_TURN_DEADLINE_SECONDS"
    )


def load_dotenv(home: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what `home`/.env sets and the environment does not: provider keys, mostly."""
    known = os.environ if environment is None else environment
    path = home / ".env"
    if not path.is_file():
        return {}
    return {
        name: value
        for name, value in dotenv_values(path, interpolate=False).items()
        if value and not known.get(name)
    }
