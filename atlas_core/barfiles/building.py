"""Clean rows become bars: timeframe, which end the times name, and the step of the price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from attrs import define
from numpy.typing import NDArray

from atlas_core.errors import DataError
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, WEEK, Timeframe, parse_timeframe

_UNITS = (("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE))
_MOST_DECIMALS = 10
_PIECE_ROWS = 1 << 17


def usual_timeframe(file: str, ts: NDArray[np.int64]) -> Timeframe:
    """Return the most common spacing of times in order; raises DataError when it is none of a bar."""
    if len(ts) < 2:
        raise DataError(f"{file}: expected two rows or more to see the timeframe, was {len(ts)}; say the timeframe")
    usual = _usual(_spacings(ts))
    if 28 * DAY <= usual <= 31 * DAY:
        return parse_timeframe("1M")
    for unit, duration in _UNITS:
        if usual % duration == 0:
            return parse_timeframe(f"{usual // duration}{unit}")
    raise DataError(
        f"{file}: expected bars spaced by whole minutes, was most often {usual / 1e9:g} seconds; "
        "if these are bars, say the timeframe"
    )


def refuse_shorter_bars(file: str, ts: NDArray[np.int64], timeframe: Timeframe) -> None:
    """Raise DataError when most bars are closer together than their timeframe is long: they would be other bars.

    A session cuts some of its bars short, and daylight saving takes an hour from a day.
    """
    length = timeframe.duration
    shortest = 28 * DAY * timeframe.count if timeframe.is_calendar_month else length - HOUR if length > HOUR else length
    spacings = _spacings(ts)
    shorter = sum(count for spacing, count in spacings.items() if spacing < shortest)
    if shorter * 2 > spacings.total():
        raise DataError(
            f"{file}: expected bars of {timeframe}, was most often {_usual(spacings) / MINUTE:g} minutes from one to "
            "the next; leave the timeframe away to have it seen, or correct it"
        )


def _spacings(ts: NDArray[np.int64]) -> Counter[int]:
    spacings: Counter[int] = Counter()
    for first in range(0, len(ts) - 1, _PIECE_ROWS):
        found, counts = np.unique(np.diff(ts[first : first + _PIECE_ROWS + 1]), return_counts=True)
        spacings.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    return spacings


def _usual(spacings: Counter[int]) -> int:
    return min(spacings, key=lambda spacing: (-spacings[spacing], spacing))


def edges(
    ts: NDArray[np.int64], next_ts: int | None, timeframe: Timeframe, marks_close: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when bars open and end; `next_ts` is the time of the bar after the last one, None for none."""
    if timeframe.is_calendar_month:
        inside = (ts - 1 if marks_close else ts).tolist()
        starts = np.array([timeframe.bucket_start(moment) for moment in inside], dtype=np.int64)
        return starts, np.array([timeframe.bucket_end(moment) for moment in inside], dtype=np.int64)
    opened_at = ts - timeframe.duration if marks_close else ts
    ends = opened_at + timeframe.duration
    # The day on which clocks are put forward is an hour short: its bar ends where the next one begins.
    ends[:-1] = np.minimum(ends[:-1], opened_at[1:])
    if next_ts is not None:
        ends[-1] = min(int(ends[-1]), next_ts - timeframe.duration if marks_close else next_ts)
    return opened_at, ends


@define
class UsualTick:
    """The step of the price that the decimals show, over as many pieces as there are."""

    decimals: int = 0

    def see(self, prices: Sequence[NDArray[np.float64]]) -> None:
        """Take more prices into account."""
        for column in prices:
            while self.decimals < _MOST_DECIMALS and not _fits(column, self.decimals):
                self.decimals += 1

    @property
    def tick_size(self) -> Decimal:
        """Return the step."""
        return Decimal(1).scaleb(-self.decimals)


def _fits(prices: NDArray[np.float64], decimals: int) -> bool:
    scaled = prices * 10.0**decimals
    # What is left of a decimal fraction after scaling is only the rounding of floats.
    return bool(np.all(np.abs(scaled - np.rint(scaled)) <= 1e-7 + np.abs(scaled) * 1e-14))
