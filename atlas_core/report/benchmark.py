"""Buy and hold: what the universe itself would have earned, beside what the system made of it.

The starting cash is split into equal parts, one for each symbol. Each part buys at the open of its symbol's first bar,
in fractions where need be, and pays once what a fill at the market costs: slippage, impact and fee of the broker's cost
model. It is never sold and marked at the last close before the end of each day. Until its symbol trades a part rests
as cash. Funding, dividends and interest are left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.clock import from_datetime
from atlas_core.errors import DataError
from atlas_core.model.orders import Action
from atlas_core.report.equity import EquityPoint
from atlas_core.report.results import Results, TradeColumns, curve_columns

if TYPE_CHECKING:
    from atlas_core.model.bars import Bars, Times
    from atlas_core.model.costs import TradingCosts
    from atlas_core.model.instrument import Instrument
    from atlas_core.report.results import Floats
    from atlas_core.watching import TradedMarket

BENCHMARK_NAME = "benchmark.csv"
_CENT = Decimal("0.01")


def buy_and_hold(market: TradedMarket, curve: Sequence[EquityPoint]) -> tuple[EquityPoint, ...]:
    """Return the account of buy and hold at the times of a run's daily curve, which begins with the starting cash.

    Empty without bars or without a day. Raises DataError for a first price that is not above zero.
    """
    held = {symbol: bars for symbol, bars in market.bars.items() if len(bars)}
    if not held or len(curve) < 2:
        return ()
    at = np.array([point.ts for point in curve], dtype=np.int64)
    part = curve[0].equity / len(held)
    worth = sum(_worth(bars, market.instruments[symbol], market.costs, part, at) for symbol, bars in held.items())
    exact = [Decimal(value).quantize(_CENT) for value in np.asarray(worth).tolist()]
    return (curve[0], *map(EquityPoint, at[1:].tolist(), exact[1:], exact[1:]))


def _worth(bars: Bars, instrument: Instrument, costs: TradingCosts, part: Decimal, at: Times) -> Floats:
    """Return what one part is worth at each time."""
    first = instrument.exact(float(bars.open[0]))
    if first <= 0:
        raise DataError(f"{bars}: expected a first price above 0, was {first}")
    price = costs.taker_price(instrument, Action.BUY, first, part / instrument.notional(Decimal(1), first))
    quantity = part / (instrument.notional(Decimal(1), price) + costs.taker_fee(instrument, Decimal(1), price))
    closes = np.concatenate(([0.0], np.asarray(bars.close, dtype=np.float64)))
    known = np.searchsorted(bars.available_at, at, side="right")
    return np.where(known > 0, closes[known] * float(quantity * instrument.multiplier), float(part))


def benchmark_results(points: Sequence[EquityPoint], periods: int, risk_free: float = 0.0) -> Results:
    """Return what the metrics of a benchmark are computed from; it has no closed trades."""
    marked_at, equity, exposure = curve_columns(points)
    return Results(
        starting_cash=float(equity[0]),
        ending_equity=float(equity[-1]),
        marked_at=marked_at,
        equity=equity,
        exposure=exposure,
        trades=TradeColumns(()),
        periods=periods,
        risk_free=risk_free,
    )


def read_benchmark(directory: Path) -> tuple[EquityPoint, ...]:
    """Return the buy and hold that a run left beside its journal; empty where it left none or one that is damaged."""
    from datetime import datetime

    try:
        rows = list(csv.DictReader(io.StringIO((directory / BENCHMARK_NAME).read_text(encoding="utf-8"))))
        return tuple(
            EquityPoint(
                from_datetime(datetime.fromisoformat(row["ts"])), Decimal(row["equity"]), Decimal(row["exposure"])
            )
            for row in rows
        )
    except (OSError, ValueError, KeyError, ArithmeticError):
        return ()
