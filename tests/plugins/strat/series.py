"""Bars and markets for the tests of the strat plugin."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from atlas_core import (
    Bars,
    FormingColumns,
    Instrument,
    MarketHistory,
    SignalTable,
    TradingSession,
    bars_of_rows,
    grid_of,
    parse_timeframe,
)
from atlas_strat.describing import SetupDescriber
from atlas_strat.setups import Setups

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOUR = 3_600_000_000_000
START = 473_352 * HOUR  # 2024-01-01 00:00 UTC
TICK = Decimal("0.01")

Row = Sequence[float | None]


def bars_of(rows: Iterable[Row], timeframe: str = "1h", tick: Decimal = TICK, start: int = START) -> Bars:
    """Make bars from [open, high, low, close] rows, None for a price that is missing."""
    length = parse_timeframe(timeframe).duration
    full = [
        (start + place * length, *(nan if price is None else float(price) for price in row), 1.0)
        for place, row in enumerate(rows)
    ]
    return bars_of_rows("BTC/USD", parse_timeframe(timeframe), full, tick)  # type: ignore[arg-type]


def bars_of_csv(path: Path) -> Bars:
    """Read the price columns of a CSV file; the times are made up, only the order matters."""
    with path.open(newline="") as file:
        rows = [[float(row[name]) for name in ("open", "high", "low", "close")] for row in csv.DictReader(file)]
    return bars_of(rows, "1d")


@st.composite
def walks(draw: st.DrawFn, minimum: int = 0, maximum: int = 60) -> Bars:
    """Random walks of few ticks, so that ties, inside and outside bars are frequent."""
    steps = st.tuples(*[st.integers(-3, 3)] * 2, *[st.integers(0, 3)] * 2)
    close, rows = 10_000, []
    for opening, move, above, below in draw(st.lists(steps, min_size=minimum, max_size=maximum)):
        open_ = close + opening
        close = open_ + move
        high, low = max(open_, close) + above, min(open_, close) - below
        rows.append([ticks / 100 for ticks in (open_, high, low, close)])
    return bars_of(rows)


class Tape(MarketHistory):
    """A market of given series."""

    def __init__(self, *series: Bars) -> None:
        self._series = {(bars.symbol, bars.timeframe.text): bars for bars in series}

    @property
    def symbols(self) -> Sequence[str]:
        return tuple(dict.fromkeys(symbol for symbol, _ in self._series))

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        return self._series[symbol, timeframe]

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        raise AssertionError("not asked for here")

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        raise AssertionError("not asked for here")

    def next_ends(self, symbol: str, timeframe: str, times: NDArray[np.int64]) -> NDArray[np.int64]:
        return grid_of(TradingSession.ALWAYS).ends(parse_timeframe(timeframe), times)


def rows_of(table: SignalTable) -> list[Mapping[str, object]]:
    """Return a table's rows as comparable mappings, NaN as None."""
    instrument = Instrument("BTC/USD")
    fields = ("available_at", "setup_at", "valid_until", "pattern", "side", "trigger", "stop", "target")
    signals = [table.signal(row, "test", "strat", instrument) for row in range(len(table))]
    return [
        {name: getattr(signal, name) for name in (*fields, "cancel_beyond", "void_beyond", "timeframe", "context")}
        for signal in signals
    ]


def described(setups: Setups, row: int) -> dict[str, Any]:
    """Describe one setup with cents as ticks, as the shared vectors do."""
    return SetupDescriber(setups, 0.01, 2).describe(row)
