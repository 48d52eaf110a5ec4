"""Makes up for a close of the schedule that nobody made: the process was down, asleep, or went down in the middle."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Collection

from attrs import define

from atlas_core.clock import Clock, to_datetime
from atlas_core.model.timeframe import DAY, MINUTE, SECOND
from atlas_core.runtime.closings import GRACE_SECONDS
from atlas_core.runtime.schedule import Job, MarketHours, Slot

LOOK_SECONDS = 5.0
ASKS_AGAIN = MINUTE
"""A session that is asked to close takes its time: it is asked again after so long (nanoseconds)."""

_GRACE = round(GRACE_SECONDS * SECOND)
_LOOKS_BACK = (2 * DAY, 10 * DAY, 400 * DAY)


@define(eq=False)
class MissedCloses:
    """Looks again and again whether the last close that was due has left a position open, and closes it late.

    `left_open` gives the symbols of the positions from before a time that nothing closes yet, `close` closes one at the
    market, `tell` tells people what was missed and what is done about it. Where the market has `hours` and is closed,
    people are told at once and it is closed when the market opens.
    """

    job: Job
    hours: MarketHours | None
    clock: Clock
    left_open: Callable[[int], Collection[str]]
    close: Callable[[str, str], None]
    tell: Callable[[str, str], None]
    _last: Slot | None = None
    _looked_at: int = 0
    _told: Slot | None = None
    _asked_at: int = 0

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Tell and close what the last close has left open; until its grace is over it may still be made in time."""
        now = self.clock.now()
        slot = self._last_due(now)
        if slot is None or now - slot.due <= _GRACE:
            return
        symbols = sorted(self.left_open(slot.due))
        if not symbols:
            return
        opens_at = self._opens_at(now)
        if self._told != slot:
            self._told = slot
            late = f"{', '.join(symbols)} still open {(now - slot.due) // MINUTE} min after it"
            self.tell(f"the close of {slot.date} {slot.slot} was missed, {late}", _policy(now, opens_at))
        if opens_at <= now and not 0 <= now - self._asked_at < ASKS_AGAIN:
            self._asked_at = now
            for symbol in symbols:
                self.close(symbol, f"schedule: {slot.date} {slot.slot}, missed")

    def _last_due(self, now: int) -> Slot | None:
        """Return the newest slot that is due by now; a clock that was set back is looked at anew."""
        if self._looked_at == 0 or now < self._looked_at:
            found = (self.job.slots(now - back, now) for back in _LOOKS_BACK)
            self._last = next((slots[-1] for slots in found if slots), None)
        elif slots := self.job.slots(self._looked_at, now):
            self._last = slots[-1]
        self._looked_at = now
        return self._last

    def _opens_at(self, now: int) -> int:
        """Return `now` where the market is open, else when it opens next."""
        if self.hours is None:
            return now
        index = bisect_right(self.hours.closes_at, now)
        return max(now, self.hours.opens_at[index]) if index < len(self.hours.opens_at) else now


def _policy(now: int, opens_at: int) -> str:
    if opens_at <= now:
        return "closed at the market now"
    return f"the market is closed: closed at the market when it opens, {to_datetime(opens_at):%Y-%m-%d %H:%M}Z"
