"""A small bar chart made on the server: shapes only, so that no script and no style is needed."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 1000, 200
_GAP = 0.28
_LEAST = 2.5


@dataclass(frozen=True)
class Bar:
    """One day. Coordinates are in the chart's own units, y downwards."""

    day: date
    value: int
    x: float
    y: float
    width: float
    height: float
    future: bool


@dataclass(frozen=True)
class Chart:
    """A month of bars; `top` is the value at the chart's upper edge."""

    bars: tuple[Bar, ...]
    top: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return all(bar.value == 0 for bar in self.bars)


def month_chart(values: Mapping[date, int], *, month: date, today: date) -> Chart:
    """Return a bar for every day of a month; a day with a value is always visible."""
    days = calendar.monthrange(month.year, month.month)[1]
    top = _round_up(max(values.values(), default=0))
    step = WIDTH / days
    bars = []
    for number in range(1, days + 1):
        day = month.replace(day=number)
        value = values.get(day, 0)
        height = max(HEIGHT * value / top, _LEAST) if value and top else 0.0
        bars.append(
            Bar(
                day=day,
                value=value,
                x=round((number - 1) * step + step * _GAP / 2, 2),
                y=round(HEIGHT - height, 2),
                width=round(step * (1 - _GAP), 2),
                height=round(height, 2),
                future=day > today,
            )
        )
    return Chart(bars=tuple(bars), top=top)


def _round_up(value: int) -> int:
    """Return the next round number: 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if value <= 0:
        return 0
    power = int("1".ljust(len(str(value)), "0"))
    return next(
        power * step // 10
        for step in (10, 15, 20, 30, 40, 50, 60, 80, 100)
        if power * step >= 10 * value
    )
