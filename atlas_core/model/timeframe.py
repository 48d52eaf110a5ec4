"""Timeframes `1m … 1M`: how long a bar is, and where it begins in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from attrs import frozen

from atlas_core.clock import from_datetime, to_datetime

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MONDAY_OFFSET = 4 * DAY  # 1970-01-01 was a Thursday; weeks begin on Monday 00:00 UTC

_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK, "M": 30 * DAY}
_MONTHS = {"q": 3, "y": 12}
_PATTERN = re.compile(r"([1-9][0-9]{0,3})([mhHdDwWMqQyY])")


@frozen(order=False)
class Timeframe:
    """A bar length such as `15m`, `4h`, `1d`, `1w` or `1M`.

    `duration` is in nanoseconds; for months it is nominal (30 days) and `bucket_start` and `bucket_end`
    follow the calendar.
    """

    text: str
    count: int
    unit: str
    duration: int

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: Timeframe) -> bool:
        return self.duration < other.duration

    @property
    def is_calendar_month(self) -> bool:
        """Whether the bars follow calendar months."""
        return self.unit == "M"

    @property
    def is_within_day(self) -> bool:
        """Whether the bars are minutes or hours that are shorter than a day."""
        return self.unit in "mh" and self.duration < DAY

    @property
    def bucket_offset(self) -> int:
        """Nanoseconds after 1970 at which the regular grid of this timeframe begins."""
        return MONDAY_OFFSET if self.unit == "w" else 0

    def is_multiple_of(self, other: Timeframe) -> bool:
        """Tell whether bars of this timeframe can be built from bars of `other`."""
        if other.is_calendar_month:
            return self.is_calendar_month and self.count % other.count == 0
        if self.is_calendar_month:
            return DAY % other.duration == 0
        is_on_its_grid = (self.bucket_offset - other.bucket_offset) % other.duration == 0
        return self.duration % other.duration == 0 and is_on_its_grid

    def bucket_start(self, ts: int) -> int:
        """Return the opening time (UTC) of the bar that contains `ts`."""
        if self.is_calendar_month:
            moment = to_datetime(ts)
            months = (moment.year * 12 + moment.month - 1) // self.count * self.count
            return from_datetime(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC))
        return ts - (ts - self.bucket_offset) % self.duration

    def bucket_end(self, ts: int) -> int:
        """Return the closing time (UTC) of the bar that contains `ts`."""
        if self.is_calendar_month:
            start = to_datetime(self.bucket_start(ts))
            months = start.year * 12 + start.month - 1 + self.count
            return from_datetime(datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC))
        return self.bucket_start(ts) + self.duration


@lru_cache(maxsize=256)
def parse_timeframe(text: str) -> Timeframe:
    """Read `15m`, `1h`, `1D`, `1w` or `1M`; both cases are the same except for m (minute) and M (month).

    A quarter (`1Q`) is read as three months and a year (`1Y`) as twelve.

    Raises ValueError with the form that was expected.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a timeframe such as 1m, 15m, 1h, 4h, 1d, 1w or 1M, was {text!r}")
    unit = match.group(2) if match.group(2) == "M" else match.group(2).lower()
    count = int(match.group(1))
    if unit in _MONTHS:
        unit, count = "M", count * _MONTHS[unit]
    return Timeframe(f"{count}{unit}", count, unit, count * _UNITS[unit])
