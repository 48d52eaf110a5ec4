"""Which tier of leverage counts when, in local time, so that daylight saving moves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from attrs import frozen

from atlas_basics.options import WEEKDAYS, LeverageTiersOptions, Tier, TierWindow
from atlas_core import from_datetime, to_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS_AHEAD = 8  # every window of a week begins and ends within them


@frozen
class _Part:
    """A window in minutes of the local day; `end` is above 1440 where it lies on the next day."""

    days: frozenset[int]
    start: int
    end: int

    def holds(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        if local.weekday() in self.days and self.start <= minute < self.end:
            return True
        return (local.weekday() - 1) % 7 in self.days and minute + 1440 < self.end


class TierCalendar:
    """Tells which tier counts at a moment, and when a leverage stops being allowed."""

    def __init__(self, options: LeverageTiersOptions) -> None:
        self._zone = ZoneInfo(options.zone)
        self._tiers = [(tier, [_part(window) for window in tier.windows]) for tier in options.tiers]
        parts = [part for _, parts in self._tiers for part in parts]
        self._edges: Sequence[int] = sorted({minute % 1440 for part in parts for minute in (part.start, part.end)})

    def tier_at(self, ts: int) -> Tier:
        """Return the tier that counts at `ts` (nanoseconds UTC)."""
        local = to_datetime(ts).astimezone(self._zone)
        return next(tier for tier, parts in self._tiers if not parts or any(part.holds(local) for part in parts))

    def ends_at(self, ts: int, symbol: str, leverage: Decimal) -> int | None:
        """Return the first moment after `ts` at which a tier with less than `leverage` counts, None where none does."""
        for edge in self._edges_after(ts):
            allowed = self.tier_at(edge).leverage_of(symbol)
            if allowed is None or allowed < leverage:
                return edge
        return None

    def _edges_after(self, ts: int) -> Iterator[int]:
        """Yield the moments at which another tier may begin, oldest first."""
        day = to_datetime(ts).astimezone(self._zone).date() - timedelta(days=1)
        for offset in range(DAYS_AHEAD + 2):
            for minute in self._edges:
                local = datetime.combine(day + timedelta(days=offset), time(*divmod(minute, 60)), self._zone)
                edge = from_datetime(local)
                if edge > ts:
                    yield edge


def _part(window: TierWindow) -> _Part:
    start, end = _minute(window.start), _minute(window.end)
    days = frozenset(WEEKDAYS.index(day) for day in window.weekdays)
    return _Part(days, start, end if end > start else end + 1440)


def _minute(clock_time: str) -> int:
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)
