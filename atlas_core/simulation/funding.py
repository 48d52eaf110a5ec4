"""When the constant funding rate is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atlas_core.model.timeframe import DAY, HOUR


def funding_times(hours_utc: Sequence[int], after: int, until: int) -> Iterator[int]:
    """Yield the funding times with `after < time <= until`, oldest first (nanoseconds UTC)."""
    day = after // DAY * DAY
    while day <= until:
        for hour in sorted(set(hours_utc)):
            time = day + hour * HOUR
            if after < time <= until:
                yield time
        day += DAY
