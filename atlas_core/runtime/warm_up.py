"""Fills the feeds of a session with what came before it."""

from __future__ import annotations

from attrs import define

from atlas_core.compose import OpenSystem
from atlas_core.journal import Journal
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.timetable import Intake
from atlas_core.model.timeframe import DAY

FEWEST_BARS_KEPT = 10_000
LOOKED_BACK = 30 * DAY
"""How old a position may be whose whole life is read again when a session continues."""


@define
class WarmUp:
    """Reads what the scanners look back on and what open positions have seen; it is never traded."""

    live: OpenSystem
    feeds: dict[str, BarFeed]
    journal: Journal

    async def fill(self, start: int) -> None:
        """Fill the feeds until `start`; after a fault it may be called again.

        A market that goes on is read until the last record of the journal at least: where the machine's clock is behind
        it, bars from before a jump would make every price of now look wild. In a market of the past the bar in which
        the session begins is part of it: the stream begins with the next one.
        """
        base, is_real_time = self.live.system.base_timeframe, self.live.system.is_real_time
        if is_real_time:
            start = until = max(start, self._recorded_until())
        else:
            until = max(self.live.timetable.ends(base, start))
        request = self.live.history(self._first(start), until)
        intake = Intake(self.live.timetable, request.timeframe)
        for symbol, delivered in (await self.live.system.provider.history(request)).items():
            bars, feed = intake.bars(delivered), self.feeds[symbol]
            bars = bars.take((bars.opened_at < start) & (bars.opened_at >= feed.now))
            columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
            for row in zip(*(column.tolist() for column in columns), strict=True):
                feed.append(*row)
            if is_real_time:
                feed.keep_last(max(FEWEST_BARS_KEPT, 2 * len(feed)))

    def _recorded_until(self) -> int:
        return max([record.ts for record in self.journal.records(after=self.journal.count() - 1)], default=0)

    def _first(self, start: int) -> int:
        opened_at = [trade.opened_at for trade in self.journal.trades(state="open")]
        return min([self.live.warm_from(start), *(ts for ts in opened_at if start - ts <= LOOKED_BACK)])
