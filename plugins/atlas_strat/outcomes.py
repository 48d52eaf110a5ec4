"""How setups ended over the bar after theirs, or where they stand while that bar still forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_strat.labels import label_bars
from atlas_strat.lifecycle import EntryColumns, LifeState, Ohlc, SetupLife, TermColumns, TwoLegs, live_through

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from atlas_core import Bars
    from atlas_strat.reading import FileBars
    from atlas_strat.setups import Setups


@frozen
class Outcome:
    """How a setup ended, or where it stands.

    `fill` is the price in ticks at which it was entered, `reached` the farthest price of its bar in its direction (None
    before the bar's first price); `ambiguous` says that the order inside a bar decided. Its bar begins at `begins` and
    ends at `valid_until`, and the data end at `now` (nanoseconds UTC).
    """

    state: LifeState
    fill: int | None
    reached: int | None
    ambiguous: bool
    begins: int
    valid_until: int
    now: int


def outcomes(setups: Setups, source: FileBars, places: Sequence[int]) -> list[Outcome]:
    """Return the outcomes of the armed setups at `places`.

    A setup lives until the end of the next bar of its timeframe, whether or not that bar came. Finer bars of the file
    decide the order inside it where they show it. Where the bar took both legs of one setup bar, one of them is assumed
    to have been entered, as the engine does.
    """
    found = _Outcomes(setups, source)
    return [found.of(place) for place in places]


class _Outcomes:
    def __init__(self, setups: Setups, source: FileBars) -> None:
        levels = setups.levels
        self._setups, self._source, self._bars = setups, source, setups.bars
        self._terms = TermColumns(setups.side, levels.trigger, levels.far_side, levels.magnitude, levels.has_magnitude)
        self._entries = EntryColumns(self._bars.open, self._bars.high, self._bars.low, self._bars.close)
        self._setup_ends = source.bars.available_at[self._bars.row]
        self._valid_until = source.next_ends(self._setup_ends)

    def of(self, place: int) -> Outcome:
        setup = int(self._setups.setup[place])
        ends, valid_until = int(self._setup_ends[setup]), int(self._valid_until[setup])
        entry = self._entry(setup, valid_until)
        parts = as_ticks(self._source.inside(ends, valid_until)) if entry is None else [entry]
        if entry is None:
            life = self._so_far(place, parts, valid_until)
        else:
            life = live_through(self._terms.at(place), entry, self._finer(ends, valid_until))
            if life.ambiguous:
                life = self._as_leg(place, entry) or life
        return Outcome(
            life.state,
            life.fill,
            _farthest(int(self._setups.side[place]), parts),
            life.ambiguous,
            self._source.grid.start(self._source.bars.timeframe, ends),
            valid_until,
            int(self._source.base.available_at[-1]),
        )

    def _entry(self, setup: int, valid_until: int) -> Ohlc | None:
        """Return the bar after a setup bar, None where it has not closed or does not exist."""
        following = setup + 1
        if following >= len(self._bars) or self._opened_at(following) >= valid_until:
            return None
        return self._entries.at(following)

    def _opened_at(self, position: int) -> int:
        return int(self._source.bars.opened_at[self._bars.row[position]])

    def _finer(self, start: int, end: int) -> list[Ohlc]:
        return as_ticks(self._source.inside(start, end)) if self._source.has_finer else []

    def _so_far(self, place: int, parts: Sequence[Ohlc], end: int) -> SetupLife:
        """Return the life over the bars that the file has of an entry bar that is no bar yet."""
        life = SetupLife(self._terms.at(place))
        for bar in parts:
            life.see_bar(bar)
        if int(self._source.base.available_at[-1]) >= end:
            life.close()
        return life

    def _as_leg(self, place: int, entry: Ohlc) -> SetupLife | None:
        """Return the life of a setup as one of two legs, None when the other side is not among the setups."""
        setups = self._setups
        others = [
            other
            for other in (place - 1, place + 1)
            if 0 <= other < len(setups) and setups.setup[other] == setups.setup[place]
        ]
        if not others:
            return None
        lives = {int(setups.side[row]): SetupLife(self._terms.at(row)) for row in (place, others[0])}
        legs = TwoLegs(lives[1], lives[-1])
        legs.see_bar(entry)
        legs.close()
        return lives[int(setups.side[place])]


def _farthest(side: int, parts: Sequence[Ohlc]) -> int | None:
    if not parts:
        return None
    return max(bar.high for bar in parts) if side > 0 else min(bar.low for bar in parts)


def as_ticks(bars: Bars) -> list[Ohlc]:
    """Return the valid rows of some bars in ticks."""
    labelled = label_bars(bars)
    columns: list[NDArray[np.int64]] = [labelled.open, labelled.high, labelled.low, labelled.close]
    return [Ohlc(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
