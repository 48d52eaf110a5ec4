"""When the symbols of a universe trade, and what follows from it for a run: warm-up, scans, days and rows left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from atlas_core.errors import DataError
from atlas_core.marketdata.grid import UTC_GRID, BucketGrid
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import Timeframe, parse_timeframe

if TYPE_CHECKING:
    from atlas_core.contracts import Need
    from atlas_core.model.bars import Bars
    from atlas_core.model.events import BarClosed

_DAY = parse_timeframe("1d")


@frozen
class Timetable:
    """The trading session of each symbol; one that is not named trades around the clock."""

    session_of: Mapping[str, TradingSession] = field(factory=dict)
    grids: Mapping[str, BucketGrid] = field(init=False)
    different: tuple[BucketGrid, ...] = field(init=False)

    @grids.default
    def _grids(self) -> Mapping[str, BucketGrid]:
        return {symbol: grid_of(session) for symbol, session in self.session_of.items()}

    @different.default
    def _different(self) -> tuple[BucketGrid, ...]:
        return tuple(dict.fromkeys(self.grids.values())) or (UTC_GRID,)

    def grid(self, symbol: str) -> BucketGrid:
        """Return the grid on which a symbol's bars lie."""
        return self.grids.get(symbol, UTC_GRID)

    def history_start(self, start: int, needs: Iterable[Need]) -> int:
        """Return where history must begin so that every need is warm at `start` (nanoseconds UTC).

        It holds the bar that is forming at `start` from its beginning, the bars that are looked back on, and one more.
        """
        times = [
            grid.before(parse_timeframe(need.timeframe), start, need.warmup_bars + 1)
            for need in needs
            for grid in self.different
        ]
        return min(times, default=start)

    def day_end(self, ts: int) -> int:
        """Return the end of the trading day: of the session where all symbols share one, else of the day in UTC."""
        grid = self.different[0] if len(self.different) == 1 else UTC_GRID
        return grid.end(_DAY, ts)

    def ends(self, timeframe: Timeframe, ts: int) -> set[int]:
        """Return where the bars of `timeframe` end that hold `ts`, or the next ones."""
        return {grid.end(timeframe, ts) for grid in self.different}

    def is_end(self, timeframe: Timeframe, ts: int) -> bool:
        """Tell whether a bar of `timeframe` ends at `ts`."""
        return ts in self.ends(timeframe, ts - 1)


@define
class Intake:
    """Puts base bars at their places on the grids, and counts those that have none."""

    timetable: Timetable
    base: Timeframe
    left_out: dict[str, int] = field(factory=dict)

    def bars(self, bars: Bars) -> Bars:
        """Return the bars that have a place; raises DataError for bars that begin between two places."""
        fitted = self.timetable.grid(bars.symbol).fitted(bars)
        self._count(bars.symbol, len(bars) - len(fitted))
        return fitted

    def bar(self, bar: BarClosed) -> BarClosed | None:
        """Return a bar at its place, None when it has none; raises DataError for one between two places."""
        place = self.timetable.grid(bar.symbol).place(self.base, bar.opened_at, bar.ts)
        if place is None:
            self._count(bar.symbol, 1)
            return None
        if place == (bar.opened_at, bar.ts):
            return bar
        opened_at, ts = place
        return evolve(bar, ts=ts, opened_at=opened_at)

    def told(self) -> str:
        """Return how many bars were left out, in words, empty when none."""
        counts = ", ".join(f"{count:,} of {symbol}" for symbol, count in self.left_out.items())
        return f"left out bars outside the trading session: {counts}" if counts else ""

    def nothing_left(self, symbol: str) -> DataError:
        """Return the error for a symbol whose bars all lie outside its session."""
        session = self.timetable.session_of.get(symbol, TradingSession.ALWAYS)
        return DataError(
            f"{symbol}: expected bars inside the trading session {session}, all {self.left_out[symbol]:,} lie outside; "
            'say session = "24x7" in [universe] for a market that never closes, or correct the zone of the times'
        )

    def _count(self, symbol: str, rows: int) -> None:
        if rows:
            self.left_out[symbol] = self.left_out.get(symbol, 0) + rows
