"""The stop at the entry bar: known only when that bar has closed, so it is watched and not placed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlas_core import Exit, ExitRule, Need, NeedsBars, PatientRule, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_core import MarketNow, Position

BARS_WATCHED = 50
"""For so many bars of the signal's timeframe after the entry the rule speaks; older bars may be gone."""


class EntryBarStopRule(ExitRule, NeedsBars, PatientRule):
    """Closes a position when the price goes strictly beyond the far extreme of its entry bar, once that has closed.

    This is the stop mode `entry_bar` for trading: until the entry bar closes, the stop of the signal holds alone.
    """

    def __init__(self, timeframes: Sequence[str]) -> None:
        self._needs = tuple(Need(timeframe, BARS_WATCHED) for timeframe in timeframes)

    def needs(self) -> Sequence[Need]:
        """Return the timeframes of the signals, whose entry bars are remembered."""
        return self._needs

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit while the last price lies beyond the entry bar."""
        price = market.last_price(position.symbol)
        extreme = _far_extreme(position, market)
        if price is None or extreme is None:
            return None
        ticks = market.instrument(position.symbol).to_ticks
        if (ticks(float(price)) - ticks(extreme)) * position.side.sign >= 0:
            return None
        return Exit("beyond the far extreme of the entry bar", float(price), extreme)

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the close of the entry bar, then for its far extreme."""
        extreme = _far_extreme(position, market)
        if extreme is None:
            return Waiting(at=position.signal.valid_until) if market.now < position.signal.valid_until else Waiting()
        return Waiting(below=extreme) if position.side.sign > 0 else Waiting(above=extreme)


def _far_extreme(position: Position, market: MarketNow) -> float | None:
    """Return the low of a long position's entry bar, the high of a short one's; None until it has closed."""
    bars = market.bars(position.symbol, position.signal.timeframe)
    place = int(np.searchsorted(bars.available_at, position.signal.valid_until))
    if place == len(bars) or int(bars.available_at[place]) != position.signal.valid_until:
        return None
    return float(bars.low[place] if position.side.sign > 0 else bars.high[place])
