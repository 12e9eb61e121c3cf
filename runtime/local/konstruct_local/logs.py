"""The log of the embedded mode: JSON lines in one file, so that the terminal stays readable."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import structlog

from konstruct_telemetry.logs import merge_ids

# uvicorn.error is all that uvicorn says, every opened socket included.
_NOISY = ("httpcore", "httpx", "LiteLLM", "LiteLLM Router", "uvicorn.error", "watchfiles")
_LONGEST_LOG = 32 * 1024 * 1024


class _JsonLines(logging.Formatter):
    """Formats records of the standard library as our own lines look."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def open_log(path: Path) -> IO[str]:
    """Send all logging of this process to `path`, mode 0600; a very long one is put aside first."""
    if path.exists() and path.stat().st_size > _LONGEST_LOG:
        path.replace(path.with_suffix(".log.1"))
    path.touch(mode=0o600)
    file = path.open("a", encoding="utf-8", buffering=1)
    handler = logging.StreamHandler(file)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            merge_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file),
        cache_logger_on_first_use=False,
    )
    return file
