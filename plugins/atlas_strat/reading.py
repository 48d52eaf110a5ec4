"""Bars of a file on the grid of a session, for commands that look at data without a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core import DataError, TradingSession, grid_of, read_bars, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core import Bars, BucketGrid, Timeframe

NEW_YORK = "America/New_York"


@frozen
class Source:
    """A file to read: its session and the zone of times that do not name theirs.

    Without `zone` it is the exchange's for a session and UTC around the clock. `refuses_dirty` refuses a file with rows
    that are no bars; otherwise they are left out with a warning.
    """

    path: Path
    session: TradingSession = TradingSession.ALWAYS
    zone: str = ""
    refuses_dirty: bool = False

    @property
    def symbol(self) -> str:
        """Return the name of the file without its endings."""
        return self.path.name.split(".")[0] or self.path.name


@frozen(eq=False)
class FileBars:
    """The bars of one file: `base` as they are kept, `bars` complete ones of the timeframe that was asked for."""

    base: Bars
    bars: Bars
    grid: BucketGrid

    @property
    def decimals(self) -> int:
        """Return the decimals of a price."""
        return max(0, -int(self.bars.tick_size.as_tuple().exponent))

    @property
    def has_finer(self) -> bool:
        """Whether the file shows what happened inside the bars."""
        return self.base.timeframe != self.bars.timeframe

    def next_ends(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for the end of each bar the end of the bar after it."""
        return self.grid.ends(self.bars.timeframe, times)

    def inside(self, start: int, end: int) -> Bars:
        """Return the kept bars that open from `start` to before `end` (nanoseconds UTC)."""
        first, last = np.searchsorted(self.base.opened_at, (start, end))
        return self.base.between(int(first), int(last))


def read_file(source: Source, timeframe: Timeframe | None = None) -> FileBars:
    """Return the bars of a file, in its own timeframe or in one that its bars can make.

    Raises DataError for a file that is missing, dirty, outside the session's calendar or too coarse.
    """
    base = on_grid(source)
    grid = grid_of(source.session)
    return FileBars(base, base if timeframe is None else resample(base, timeframe, grid), grid)


def on_grid(source: Source) -> Bars:
    """Return the bars of a file in its own timeframe that lie in the session; raises DataError."""
    zone = source.zone or (NEW_YORK if source.session is TradingSession.US_EQUITIES else "UTC")
    table: dict[str, object] = {
        "files": {source.symbol: str(source.path.expanduser().absolute())},
        "zone": zone,
        "on_dirty": "refuse" if source.refuses_dirty else "drop",
    }
    bars = grid_of(source.session).fitted(read_bars("files", table, [source.symbol])[source.symbol])
    if not len(bars):
        raise DataError(f"{source.path}: expected bars in the session {source.session}, was none of the file's")
    return bars
