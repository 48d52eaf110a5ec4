"""The bars of a run as whole numbers, symbol by symbol."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.money import FeeRate, Purse, Scaled
from atlas_core.backtest.columnar.simple import SimpleRules
from atlas_core.backtest.columnar.ticks import Column, TickColumn
from atlas_core.columnar import NO_LEVEL
from atlas_core.loading import LoadedMarket
from atlas_core.model.bars import Bars
from atlas_core.model.instrument import Instrument

BPS = 10_000
_LARGEST = np.iinfo(np.int64).max
_FARTHEST = 2.0**60
"""Ticks that no price has, and with which whole numbers can still be reckoned."""


def levels_in_ticks(prices: NDArray[np.float64], instrument: Instrument) -> Column:
    """Return prices in ticks, NO_LEVEL where there is none; one that is absurdly far is brought nearer."""
    missing = np.isnan(prices)
    steps = np.clip(np.where(missing, 0.0, prices) / float(instrument.tick_size), -_FARTHEST, _FARTHEST)
    ticks = np.rint(steps).astype(np.int64)
    return np.where(missing, NO_LEVEL, ticks)


class SymbolTape:
    """One symbol: its bars in ticks, and what its fills cost. Rows count from the first bar of the run."""

    def __init__(self, market: LoadedMarket, instrument: Instrument, rules: SimpleRules, place: int) -> None:
        base = market.data.base(instrument.symbol)
        self.symbol, self.place, self.instrument = instrument.symbol, place, instrument
        self.first = int(np.searchsorted(base.opened_at, market.start))
        self.base: Bars = base
        self.opened_at: Column = base.opened_at[self.first :]
        self.available_at: Column = base.available_at[self.first :]
        self.purse = Purse.of(instrument, rules.unit)
        self.taker = FeeRate.of(self.purse, instrument, rules.costs.taker_fee_bps, rules.costs)
        self.maker = FeeRate.of(self.purse, instrument, rules.costs.maker_fee_bps, rules.costs)
        self._slippage = Scaled.of(rules.costs.slippage_bps)

    def __len__(self) -> int:
        return len(self.opened_at)

    @cached_property
    def open(self) -> TickColumn:
        return self._ticks("open")

    @cached_property
    def high(self) -> TickColumn:
        return self._ticks("high")

    @cached_property
    def low(self) -> TickColumn:
        return self._ticks("low")

    @cached_property
    def close(self) -> TickColumn:
        return self._ticks("close")

    def _ticks(self, name: str) -> TickColumn:
        return TickColumn(getattr(self.base, name)[self.first :], float(self.instrument.tick_size))

    def levels(self, prices: NDArray[np.float64]) -> Column:
        """Return a table's prices in ticks, NO_LEVEL where there is none."""
        return levels_in_ticks(prices, self.instrument)

    def row_at(self, time: int) -> int:
        """Return the last row that was closed at a time, -1 for none."""
        return int(np.searchsorted(self.available_at, time, side="right")) - 1

    def seen_at(self, time: int) -> int:
        """Return the last price before the openings of a time, in ticks; a bar must have closed before."""
        last = self.row_at(time)
        is_inside = last + 1 < len(self) and self.opened_at[last + 1] < time
        return int(self.open[last + 1]) if is_inside else int(self.close[last])

    def seen_at_all(self, times: Column) -> Column:
        """Return what `seen_at` says of many times; a time before the first close has the price of that bar."""
        last = np.searchsorted(self.available_at, times, side="right") - 1
        after, last = np.minimum(last + 1, len(self) - 1), np.maximum(last, 0)
        is_inside = (after > last) & (self.opened_at[after] < times)
        return np.where(is_inside, self.open[after], self.close[last])

    def taken(self, reference: Column, sign: Column) -> Column:
        """Return what a buy (+1) or sale (-1) pays where the market stands at `reference`, in ticks."""
        if not self._slippage.number:
            return reference
        whole, part = BPS * 10**self._slippage.digits, self._slippage.number
        if int(reference.max(initial=0)) * (whole + part) > _LARGEST:
            reference, sign = reference.astype(object), sign.astype(object)
        worse = reference * (whole + sign * part)
        taken: Column = np.where(sign > 0, -(-worse // whole), np.maximum(worse // whole, 1)).astype(np.int64)
        return taken
