"""When a session shall end by itself: after a while, at a time, or after one scan and one look at the positions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from attrs import frozen

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.errors import UsageError

_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?")
_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


@frozen(kw_only=True)
class Ending:
    """How a session ends by itself.

    `seconds` count on the monotonic clock from the start, `at` is a time of the session's own clock (nanoseconds UTC),
    `once` means after one scan and one check.
    """

    seconds: float | None = None
    at: int | None = None
    once: bool = False


def read_duration(text: str) -> float:
    """Return the seconds of `10m`, `1h30m`, `90s` or `2d`; raises UsageError."""
    match = _DURATION.fullmatch(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    total = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
    if not total:
        raise UsageError(f"expected a duration such as 10m, 1h30m, 90s or 2d, was {text!r}")
    return total


def read_until(text: str, now: int, zone: str) -> int:
    """Return the time that `16:00` (the next one in `zone`) or an ISO time says, in nanoseconds UTC.

    Raises UsageError for another form and for a time that has passed.
    """
    match = _CLOCK_TIME.fullmatch(text)
    if match is not None:
        hour, minute, second = (int(part or 0) for part in match.groups())
        return next_local(now, zone, hour, minute, second)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as fault:
        raise UsageError(f"expected a time such as 16:00 or 2026-04-06T16:00, was {text!r}") from fault
    until = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if until <= now:
        raise UsageError(f"expected a time after now ({to_datetime(now):%Y-%m-%d %H:%M}Z), was {text!r}")
    return until


def next_local(now: int, zone: str, hour: int, minute: int, second: int = 0) -> int:
    """Return when the clocks of a zone next show this time of day, after `now`.

    A time that is skipped in spring is the same length of time after midnight; one that comes twice in autumn is the
    first.
    """
    local = to_datetime(now).astimezone(ZoneInfo(zone))
    days = (local.date() + timedelta(days=ahead) for ahead in range(3))
    times = (
        from_datetime(datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZoneInfo(zone)))
        for day in days
    )
    return next(ts for ts in times if ts > now)
