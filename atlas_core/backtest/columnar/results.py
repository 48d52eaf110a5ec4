"""The results of what was worked out, without telling it record by record first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.backtest.columnar.closed import ClosedTrades
from atlas_core.backtest.columnar.fixed import Fixed, Floats
from atlas_core.backtest.columnar.run import Worked
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.backtest.columnar.trades import trades_of
from atlas_core.columnar import NO_LEVEL
from atlas_core.model.instrument import ZERO
from atlas_core.model.records import EquityMarked
from atlas_core.report.costs import CostSplit
from atlas_core.report.equity import EquityPoint, equity_curve
from atlas_core.report.metrics import TradeFigures
from atlas_core.report.results import Results, TradeColumns
from atlas_core.report.summary import results_of_columns

if TYPE_CHECKING:
    from atlas_core.report.results import Times


def worked_results(worked: Worked) -> Results:
    """Return what the metrics of a run are computed from: to the last bit what its records would give."""
    teller = Teller(worked, trades_of(worked.plans, worked.decisions))
    columns = WorkedColumns(ClosedTrades(worked, teller.trades))
    started = worked.live.started(worked.market.start)
    return results_of_columns(started, columns, worked_curve(teller), teller.final_cash)


def worked_curve(teller: Teller) -> tuple[EquityPoint, ...]:
    """Return the daily curve of a run."""
    cash, last = teller.final_cash, teller.last_event
    end = EquityMarked(ts=last, cash=cash, equity=cash, exposure=ZERO, is_day_end=False)
    return equity_curve([teller.worked.live.started(teller.worked.market.start), *teller.marks(), end])


class WorkedColumns(TradeColumns):
    """The columns of trades that were worked out: to the last bit those of their rows."""

    def __init__(self, closed: ClosedTrades) -> None:
        super().__init__(())
        self._count = len(closed)
        self._closed = closed

    def figures(self, places: Sequence[int] | None = None) -> TradeFigures:
        """Return what the results of some of the trades say, of all without `places`: to the last digit."""
        chosen = Fixed(self._closed.net.numbers, self._closed.net.digits)
        if places is not None:
            chosen = Fixed(chosen.numbers[places], chosen.digits[places])
        wins, losses = chosen.numbers > 0, chosen.numbers < 0
        won, lost, count = int(wins.sum()), int(losses.sum()), len(chosen.numbers)
        return TradeFigures(
            count=count,
            wins=won,
            losses=lost,
            flats=count - won - lost,
            gross_profit=chosen.total(wins),
            gross_loss=-chosen.total(losses),
            net=chosen.total(),
        )

    def total(self, name: str) -> Decimal:
        """Return the sum of one amount of every trade, to the last digit."""
        return ZERO if name == "funding" else getattr(self._closed, name).total()

    def costs(self) -> CostSplit:
        """Return what the trades cost together."""
        return CostSplit(fee=self.total("fees"), slippage=self.total("slippage"))

    def names(self, fact: str) -> Sequence[str]:
        """Return one fact of every trade as a text, such as its `symbol`."""
        return self._closed.facts[fact]()

    @cached_property
    def net(self) -> Floats:
        return self._closed.net.floats()

    @cached_property
    def fees(self) -> Floats:
        return self._closed.fees.floats()

    @cached_property
    def slippage(self) -> Floats:
        return self._closed.slippage.floats()

    @cached_property
    def spread_and_impact(self) -> Floats:
        return np.zeros(len(self))

    @cached_property
    def funding(self) -> Floats:
        return np.zeros(len(self))

    @cached_property
    def r(self) -> Floats:
        if bool((self._closed.stop == NO_LEVEL).all()):
            return np.full(len(self), np.nan)
        return np.array([np.nan if each is None else each for each in self._closed.multiples], dtype=np.float64)

    @cached_property
    def sign(self) -> Floats:
        return self._closed.side.astype(np.float64)

    @cached_property
    def opened_at(self) -> Times:
        return self._closed.opened_at

    @cached_property
    def closed_at(self) -> Times:
        return self._closed.closed_at

    @cached_property
    def units(self) -> Floats:
        sizes = [float(plan.candidates.tape.instrument.multiplier) for plan in self._closed.worked.plans]
        return self._closed.quantity.floats() * np.array(sizes, dtype=np.float64)[self._closed.plan]

    @cached_property
    def entry_price(self) -> Floats:
        return self._closed.prices(self._closed.entry).floats()

    @cached_property
    def exit_value(self) -> Floats:
        return self._closed.exit_price.floats() * self.units

    @cached_property
    def highest(self) -> Floats:
        return self._closed.prices(self._closed.extremes[0]).floats()

    @cached_property
    def lowest(self) -> Floats:
        return self._closed.prices(self._closed.extremes[1]).floats()

    @cached_property
    def initial_risk(self) -> Floats:
        return self._closed.risk.floats()
