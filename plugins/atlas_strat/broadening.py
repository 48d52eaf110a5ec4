"""Broadening formations: higher highs and lower lows at once. A map of targets and of exhaustion, never an entry.

The smallest one is a single outside bar against its predecessor; several bars together may make a compound one. The
mechanised form joins the last two confirmed swing highs and the last two confirmed swing lows with lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_strat.labels import LabelledBars

DEFAULT_SWING_WIDTH = 2
FORMATION_BARS = 50
"""How many bars back a signal's context looks for swings, so that no older bar can change it."""
Number = TypeVar("Number", float, "NDArray[np.float64]")
_NOWHERE = -1
Point = tuple[int, float]
"""A place on the axis of bars, and a price in whatever unit the caller uses."""


@frozen
class Broadening:
    """Two highs and two lows with the lines through them; `upper` and `lower` are the lines' prices at `at`."""

    highs: tuple[Point, Point]
    lows: tuple[Point, Point]
    at: int
    is_broadening: bool
    upper: float
    lower: float


@frozen(eq=False)
class Formations:
    """Formations at several bars as equal-length columns.

    `upper` and `lower` are the lines' prices in ticks (float64), NaN while there are fewer than two swings of a side.
    """

    is_broadening: NDArray[np.bool_]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]


@frozen
class CompoundOutside:
    """A bar whose both sides were taken by later bars, none of which is outside alone; positions of bars."""

    outside_of: int
    taken_high_at: int
    taken_low_at: int


def broadening(highs: Sequence[Point], lows: Sequence[Point], at: int) -> Broadening | None:
    """Return what the last two of confirmed swing highs and lows make, None while there are fewer.

    It is broadening when the later high is strictly higher and the later low strictly lower.
    """
    if len(highs) < 2 or len(lows) < 2:
        return None
    top, bottom = (highs[-2], highs[-1]), (lows[-2], lows[-1])  # no look-ahead: only confirmed ones are given
    is_broadening = top[1][1] > top[0][1] and bottom[1][1] < bottom[0][1]
    return Broadening(top, bottom, at, is_broadening, _line(*top, at), _line(*bottom, at))


def _line(first: tuple[Number, Number], second: tuple[Number, Number], at: Number) -> Number:
    return second[1] + (second[1] - first[1]) / (second[0] - first[0]) * (at - second[0])


def swings(bars: LabelledBars, width: int = DEFAULT_SWING_WIDTH) -> tuple[list[Point], list[Point]]:
    """Return the swing highs and the swing lows that the last bar of `bars` confirms or earlier ones did, in ticks.

    A swing lies strictly beyond the extremes of `width` bars on each side, so it is confirmed `width` bars later.
    """
    highs: list[Point] = [(place, int(bars.high[place])) for place in _peaks(bars.high, width).tolist()]
    lows: list[Point] = [(place, int(bars.low[place])) for place in _peaks(-bars.low, width).tolist()]
    return highs, lows


def _peaks(column: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    if len(column) < 2 * width + 1:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(column, 2 * width + 1)
    middle = windows[:, width]
    sides = np.maximum(windows[:, :width].max(axis=1), windows[:, width + 1 :].max(axis=1))
    return np.flatnonzero(middle > sides) + width


def formation(bars: LabelledBars, width: int = DEFAULT_SWING_WIDTH) -> Broadening | None:
    """Return the formation of the swings that are confirmed at the last bar, its lines extended to that bar."""
    return broadening(*swings(bars, width), at=len(bars) - 1)


def formations(
    bars: LabelledBars, at: NDArray[np.int64], width: int = DEFAULT_SWING_WIDTH, window: int = FORMATION_BARS
) -> Formations:
    """Return for each position in `at` what `formation` says of the `window` bars that end there."""
    tops, bottoms = (_last_two_peaks(column, at, width, window) for column in (bars.high, -bars.low))
    is_known = (tops[0] != _NOWHERE) & (bottoms[0] != _NOWHERE)
    old_high, high = (_points(bars.high, places[is_known]) for places in tops)
    old_low, low = (_points(bars.low, places[is_known]) for places in bottoms)
    here = at[is_known].astype(np.float64)
    found = Formations(np.zeros(len(at), dtype=np.bool_), np.full(len(at), np.nan), np.full(len(at), np.nan))
    found.is_broadening[is_known] = (high[1] > old_high[1]) & (low[1] < old_low[1])
    found.upper[is_known], found.lower[is_known] = _line(old_high, high, here), _line(old_low, low, here)
    return found


def _points(column: NDArray[np.int64], places: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return places.astype(np.float64), column[places].astype(np.float64)


def _last_two_peaks(
    column: NDArray[np.int64], at: NDArray[np.int64], width: int, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the last but one and the last peak that the bar at each position knows of, `_NOWHERE` for none.

    A peak is known when the `width` bars on its either side are among the `window` bars that end at the position.
    """
    peaks = np.concatenate(([_NOWHERE, _NOWHERE], _peaks(column, width)))
    confirmed = np.searchsorted(peaks, np.maximum(at - width, _NOWHERE), side="right")
    older, newer = peaks[confirmed - 2], peaks[confirmed - 1]
    oldest = np.maximum(at - window + 1, 0) + width
    return np.where(older >= oldest, older, _NOWHERE), newer


def compound_outside(bars: LabelledBars, at: int) -> CompoundOutside | None:
    """Return the nearest earlier bar that the bar at a position completes a compound outside bar of, None for none.

    The bar at `at` takes the one side as the first since then, some bar between took the other, and neither took both.
    """
    high, low = bars.high, bars.low
    since_high, since_low = int(high[at]), int(low[at])  # the extremes of the bars after the candidate
    before_high, before_low = -np.inf, np.inf  # the same without the last bar
    for place in range(at - 1, -1, -1):
        took_both = since_high > high[place] and since_low < low[place]
        last_completes = (before_high > high[place]) != (before_low < low[place])
        if took_both:
            high_at = _first(high[place + 1 : at + 1] > high[place]) + place + 1
            low_at = _first(low[place + 1 : at + 1] < low[place]) + place + 1
            if last_completes and high_at != low_at:
                return CompoundOutside(place, high_at, low_at)
            return None
        before_high, before_low = max(before_high, high[place]), min(before_low, low[place])
        since_high, since_low = max(since_high, int(high[place])), min(since_low, int(low[place]))
    return None


def _first(marks: NDArray[np.bool_]) -> int:
    return int(np.argmax(marks))
