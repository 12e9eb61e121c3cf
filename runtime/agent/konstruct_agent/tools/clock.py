"""The tool `time`: date and time in an IANA time zone. Pure; the moment is given."""

import zoneinfo
from datetime import datetime
from types import MappingProxyType
from typing import Any

PARAMETERS = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "zone": {
                "type": "string",
                "description": "IANA time zone such as Europe/Madrid; empty: the company's own",
            }
        },
        "additionalProperties": False,
    }
)


def tell(zone: str, moment: datetime) -> dict[str, Any]:
    """Return date, time, weekday and offset of `moment` (timezone-aware) in `zone`.

    Raises ValueError, with a sentence for the model, for a zone that does not exist.
    """
    try:
        there = moment.astimezone(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"There is no time zone {zone[:64]!r}; use an IANA name such as America/Sao_Paulo."
        ) from error
    return {
        "zone": zone,
        "date": there.strftime("%Y-%m-%d"),
        "time": there.strftime("%H:%M"),
        "weekday": there.strftime("%A"),
        "utc_offset": there.strftime("%z"),
    }
