"""What an engine waits for in each symbol, and how it takes note of bars that it is not shown."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from attrs import frozen

from atlas_core.engine.engine import Engine
from atlas_core.engine.state import PositionTrack
from atlas_core.model.waiting import PassedOver, Waiting


@frozen
class Passage:
    """Lets an engine pass over bars that can change nothing but what is seen of the market."""

    engine: Engine

    def __attrs_post_init__(self) -> None:
        self.engine.protection.is_traced = True

    def waiting(self, symbol: str) -> Waiting:
        """Return what must happen in a symbol before a bar of it can change more than `pass_over` notes.

        With a position it counts after a bar that was processed and at which nothing was decided. Losses against the
        limits and the end of the day are not in it.
        """
        engine = self.engine
        waiting = self.of_signals(symbol)
        position = engine.state.positions.get(symbol)
        if position is None or waiting.every:
            return waiting
        waiting = waiting.also(engine.protection.waiting(position))
        return waiting if waiting.every else waiting.also(engine.exits.waiting(position))

    def of_signals(self, symbol: str) -> Waiting:
        """Return what the waiting signals of a symbol wait for."""
        return self.engine.signals.waiting(symbol)

    def pass_over(self, passed: PassedOver) -> None:
        """Take note of events at which nothing can have been decided, as if they had been processed."""
        engine, symbol = self.engine, passed.symbol
        engine.market.pass_over(passed)
        engine.limits.seen(symbol, passed.seen_at)
        position = engine.state.positions.get(symbol)
        if position is not None:
            self._pass_position(position, passed)

    def _pass_position(self, position: PositionTrack, passed: PassedOver) -> None:
        """Note what the bars that closed showed; of a bar inside which a position opened only the close counts."""
        position.last_price = self._exact(position, passed.last_price)
        if passed.first == passed.last:
            return
        bars, rows = passed.bars, slice(passed.first, passed.last)
        high, low = bars.high[rows], bars.low[rows]
        if position.opened_at > bars.opened_at.item(passed.first):
            is_whole = position.opened_at <= bars.opened_at[rows]
            high, low = (np.where(is_whole, extreme, bars.close[rows]) for extreme in (high, low))
        position.highest = max(position.highest, self._exact(position, float(high.max())))
        position.lowest = min(position.lowest, self._exact(position, float(low.min())))
        position.bars_held += passed.last - passed.first

    def _exact(self, position: PositionTrack, price: float) -> Decimal:
        return self.engine.state.instruments[position.symbol].exact(price)
