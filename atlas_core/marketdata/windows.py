"""Weekly windows in local time, such as a venue's maintenance hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from attrs import frozen

from atlas_core.clock import to_datetime

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_PER_WEEK = 7 * 24 * 60


class WeeklyWindow(Protocol):
    """A window as a profile writes it: weekday, start and end (`HH:MM`) in a zone."""

    @property
    def weekday(self) -> str: ...
    @property
    def start(self) -> str: ...
    @property
    def end(self) -> str: ...
    @property
    def zone(self) -> str: ...


@frozen
class _Span:
    zone: ZoneInfo
    first_minute: int
    length: int

    def contains(self, ts: int) -> bool:
        """Compare local wall-clock minutes of the week, so that daylight saving moves nothing."""
        local = to_datetime(ts).astimezone(self.zone)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        return (minute - self.first_minute) % _MINUTES_PER_WEEK < self.length


@frozen
class WindowCalendar:
    """Tells whether a moment lies in one of the windows; a window may pass midnight."""

    spans: tuple[_Span, ...]

    def contains(self, ts: int) -> bool:
        """Tell whether `ts` (nanoseconds UTC) lies in a window; the end is outside."""
        return any(span.contains(ts) for span in self.spans)


def window_calendar(windows: Sequence[WeeklyWindow]) -> WindowCalendar:
    """Make the calendar of a profile's windows."""
    return WindowCalendar(tuple(_span(window) for window in windows))


def _span(window: WeeklyWindow) -> _Span:
    start, end = _minutes(window.start), _minutes(window.end)
    length = end - start if end > start else end - start + int(timedelta(days=1).total_seconds()) // 60
    return _Span(ZoneInfo(window.zone), _WEEKDAYS.index(window.weekday) * 1440 + start, length)


def _minutes(clock_time: str) -> int:
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)
