"""The results of what was worked out, without telling it record by record first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import Candidates
from atlas_core.backtest.columnar.days import marks_of
from atlas_core.backtest.columnar.deciding import Plan
from atlas_core.backtest.columnar.endings import Numbers
from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.run import Worked
from atlas_core.backtest.columnar.tape import Column
from atlas_core.backtest.columnar.telling import Teller, risk_of
from atlas_core.backtest.columnar.trades import Trades, trades_of
from atlas_core.model.instrument import ZERO
from atlas_core.model.records import EquityMarked
from atlas_core.report.equity import equity_curve
from atlas_core.report.results import Results, TradeColumns
from atlas_core.report.summary import results_of_columns
from atlas_core.wiring import rules_of

Floats = NDArray[np.float64]

_EXACT = 2**53
"""Whole numbers below it are floats without a loss, and their quotient by a power of ten is rounded once."""


def worked_results(worked: Worked) -> Results:
    """Return what the metrics of a run are computed from: to the last bit what its records would give."""
    trades = trades_of(worked.plans, worked.decisions)
    teller = Teller(worked, trades)
    cash, start = teller.final_cash, worked.market.start
    day_end = rules_of(worked.live.system, worked.live.instruments).day_end
    marks = [mark for _, mark in marks_of(teller.book, start, teller.last_event, day_end)]
    last = EquityMarked(ts=teller.last_event, cash=cash, equity=cash, exposure=ZERO, is_day_end=False)
    started = worked.live.started(start)
    curve = equity_curve([started, *marks, last])
    return results_of_columns(started, _columns(worked.plans, trades, teller.book.unit_digits), curve, cash)


def _columns(plans: tuple[Plan, ...], trades: Trades, digits: int) -> TradeColumns:
    """Return the trades in the order of closing."""

    def column(value_of: Callable[[Plan, Column], Floats]) -> Floats:
        found = np.zeros(len(trades))
        for number, plan in enumerate(plans):
            places = np.flatnonzero(trades.plan == number)
            found[places] = value_of(plan, trades.row[places])
        return found[trades.closing]

    fees = trades.entry_fee + trades.exit_fee
    net = trades.gross - fees
    units = column(_units)
    entry_price = column(lambda plan, rows: _prices(plan.candidates, plan.candidates.entry[rows]))
    return TradeColumns.of(
        net=_money(net, digits)[trades.closing],
        fees=_money(fees, digits)[trades.closing],
        slippage=column(lambda plan, rows: _money(plan.endings.slippage[rows], digits)),
        funding=np.zeros(len(trades)),
        r=_multiples(plans, trades, net, digits)[trades.closing],
        sign=column(lambda plan, rows: plan.candidates.side[rows].astype(np.float64)),
        units=units,
        entry_price=entry_price,
        entry_value=entry_price * units,
        exit_value=column(lambda plan, rows: _prices(plan.candidates, plan.endings.price[rows])) * units,
        opened_at=trades.opened_at[trades.closing],
        closed_at=trades.closed_at[trades.closing],
    )


def _units(plan: Plan, rows: Column) -> Floats:
    instrument, size = plan.candidates.tape.instrument, Scaled.of(plan.candidates.tape.instrument.lot_size)
    return _money(plan.candidates.lots[rows] * size.number, size.digits) * float(instrument.multiplier)


def _prices(candidates: Candidates, ticks: Column) -> Floats:
    size = Scaled.of(candidates.tape.instrument.tick_size)
    return _money(ticks * size.number, size.digits)


def _money(numbers: Numbers, digits: int) -> Floats:
    """Return whole numbers of 10^-digits as the floats nearest to them."""
    if len(numbers) and numbers.dtype == np.int64 and int(np.abs(numbers).max()) < _EXACT:
        return np.asarray(numbers / 10.0**digits, dtype=np.float64)
    return np.array([int(number) / 10**digits for number in numbers], dtype=np.float64)


def _multiples(plans: tuple[Plan, ...], trades: Trades, net: Numbers, digits: int) -> Floats:
    """Return the results in multiples of the risk at entry, NaN without a stop."""
    found = np.full(len(trades), np.nan)
    for number, plan in enumerate(plans):
        candidates = plan.candidates
        places = np.flatnonzero(trades.plan == number)
        for place in places.tolist():
            risk = risk_of(candidates, int(trades.row[place]))
            if risk:
                found[place] = round(float(Decimal(int(net[place])).scaleb(-digits) / risk), 6)
    return found
