"""What the metrics are computed from: the account day by day and the closed trades, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics
from atlas_core.report.bootstrap import Interval, block_length, expectancy_interval
from atlas_core.report.costs import CostSplit, costs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.report.equity import EquityPoint
    from atlas_core.report.trades import TradeRow

    Floats = NDArray[np.float64]
    Times = NDArray[np.int64]

_DIGITS = 8


class TradeColumns:
    """Closed trades in the order of closing, one row each; `net = gross - fees - funding`.

    Money in the quote currency, times in nanoseconds UTC. A column is made when it is first read: a figure of the
    account needs none of them. Whoever has columns and no rows says so in a class of his own.
    """

    def __init__(self, rows: Sequence[TradeRow]) -> None:
        self._rows = rows
        self._count = len(rows)

    def __len__(self) -> int:
        return self._count

    def figures(self, places: Sequence[int] | None = None) -> metrics.TradeFigures:
        """Return what the results of some of the trades say, of all without `places`: to the last digit."""
        rows = self._rows if places is None else [self._rows[place] for place in places]
        return metrics.trade_figures([row.net for row in rows])

    def total(self, name: str) -> Decimal:
        """Return the sum of one amount of every trade, to the last digit."""
        return sum(map(attrgetter(name), self._rows), ZERO)

    def costs(self) -> CostSplit:
        """Return what the trades cost together."""
        return costs_of(self._rows)

    def names(self, fact: str) -> Sequence[str]:
        """Return one fact of every trade as a text, such as its `symbol`."""
        return [str(getattr(row, fact)) for row in self._rows]

    @cached_property
    def net(self) -> Floats:
        """Return the results after costs."""
        return self._floats("net")

    @cached_property
    def fees(self) -> Floats:
        """Return the fees."""
        return self._floats("fees")

    @cached_property
    def slippage(self) -> Floats:
        """Return what was lost to slippage; it is within the results."""
        return self._floats("slippage")

    @cached_property
    def spread_and_impact(self) -> Floats:
        """Return what was lost to half of the spread and to the size of the orders; it is within the results."""
        return self._floats("spread") + self._floats("impact")

    @cached_property
    def funding(self) -> Floats:
        """Return the funding, paid above 0 and received below."""
        return self._floats("funding")

    @cached_property
    def r(self) -> Floats:
        """Return the results in multiples of the risk at entry, NaN without a stop there."""
        return np.array([np.nan if row.r_multiple is None else row.r_multiple for row in self._rows], dtype=np.float64)

    @cached_property
    def sign(self) -> Floats:
        """Return +1 for long and -1 for short."""
        return np.array([row.side.sign for row in self._rows], dtype=np.float64)

    @cached_property
    def opened_at(self) -> Times:
        """Return the times of the first fill."""
        return np.array([row.opened_at for row in self._rows], dtype=np.int64)

    @cached_property
    def closed_at(self) -> Times:
        """Return the times from which they were flat."""
        return np.array([row.closed_at for row in self._rows], dtype=np.int64)

    @cached_property
    def units(self) -> Floats:
        """Return the units of the underlying that were traded."""
        return self._floats("quantity") * self._floats("multiplier")

    @cached_property
    def entry_price(self) -> Floats:
        """Return the average prices of the entries."""
        return self._floats("entry_price")

    @cached_property
    def entry_value(self) -> Floats:
        """Return the notional at the entries."""
        return self.entry_price * self.units

    @cached_property
    def exit_value(self) -> Floats:
        """Return the notional at the exits."""
        return self._floats("exit_price") * self.units

    @cached_property
    def highest(self) -> Floats:
        """Return the highest prices while they were open."""
        return self._floats("highest")

    @cached_property
    def lowest(self) -> Floats:
        """Return the lowest prices while they were open."""
        return self._floats("lowest")

    @cached_property
    def initial_risk(self) -> Floats:
        """Return the money between entry and first stop, 0 without one."""
        return self._floats("initial_risk")

    @cached_property
    def excursions(self) -> Excursions:
        """Return how far the price went against and for the trades."""
        lowest, highest = self.lowest, self.highest
        is_long, entry = self.sign > 0, self.entry_price
        against = np.minimum((np.where(is_long, lowest, highest) - entry) * self.sign, 0.0)
        favourable = np.maximum((np.where(is_long, highest, lowest) - entry) * self.sign, 0.0)
        of_risk = _shares(self.units, self.initial_risk, np.nan)
        of_entry = _shares(np.full(len(self), 100.0), entry, 0.0)
        return Excursions(
            mae_r=against * of_risk,
            mfe_r=favourable * of_risk,
            mae_pct=against * of_entry,
            mfe_pct=favourable * of_entry,
        )

    @property
    def gross(self) -> Floats:
        """Return the results before fees and funding; slippage is within them."""
        return self.net + self.fees + self.funding

    @cached_property
    def multiples(self) -> Floats:
        """Return the results in multiples of the risk at entry, of the trades that had one."""
        return self.r[~np.isnan(self.r)]

    @cached_property
    def share_of_entry(self) -> Floats:
        """Return the results as fractions of the entry value, of the trades that have one."""
        return self.net[self.entry_value > 0] / self.entry_value[self.entry_value > 0]

    @cached_property
    def wins(self) -> Floats:
        """Return the results above zero."""
        return self.net[self.net > 0]

    @cached_property
    def losses(self) -> Floats:
        """Return the results below zero."""
        return self.net[self.net < 0]

    def _floats(self, name: str) -> Floats:
        """Return one attribute of every row as a number, 0 where it has none."""
        values = map(attrgetter(name), self._rows)
        return np.fromiter((float(value or 0) for value in values), dtype=np.float64, count=self._count)


@frozen(kw_only=True, eq=False)
class Excursions:
    """The furthest that the price went against trades (0 or below) and for them (0 or above), a row each.

    In multiples of the risk at entry, NaN without one, and in percent of the entry price.
    """

    mae_r: Floats
    mfe_r: Floats
    mae_pct: Floats
    mfe_pct: Floats


def _shares(values: Floats, of: Floats, nothing: float) -> Floats:
    made: Floats = np.divide(values, of, out=np.full(len(values), nothing), where=of != 0)
    return made


@frozen(kw_only=True, eq=False)
class Results:
    """One run as columns; money in the quote currency, times in nanoseconds UTC.

    `marked_at` and `equity` hold the start and then the account at the end of each day, `exposure` the notional that
    was open there; `ending_equity` is the account at the very end. `periods` is the number of such days in a year
    (365, or 252 for markets that rest at week-ends), `risk_free` a yearly rate, `seed` that of the intervals.
    """

    starting_cash: float
    ending_equity: float
    marked_at: Times
    equity: Floats
    exposure: Floats
    trades: TradeColumns
    periods: int
    risk_free: float = 0.0
    seed: int = 0
    has_ratios: bool = field(init=False)

    @has_ratios.default
    def _has_ratios(self) -> bool:
        return len(self.equity) - 1 >= metrics.RATIO_MINIMUM_RETURNS

    @property
    def days(self) -> float:
        """Return the days from the start to the last mark."""
        return float(self.marked_at[-1] - self.marked_at[0]) / DAY if len(self.marked_at) else 0.0

    def daily_curve(self) -> tuple[tuple[int, float], ...]:
        """Return each mark as its time and its equity."""
        return tuple(zip(self.marked_at.tolist(), self.equity.tolist(), strict=True))

    @cached_property
    def returns(self) -> Floats:
        """Return the simple return from each mark to the next; 0 where there was nothing left to earn on."""
        before, after = self.equity[:-1], self.equity[1:]
        return np.divide(after - before, before, out=np.zeros_like(before), where=before > 0)

    @cached_property
    def underwater(self) -> Floats:
        """Return for each mark how far it is below the highest one until then, as a fraction: 0 or below."""
        return metrics.underwater(self.equity)

    @cached_property
    def closed_equity(self) -> Floats:
        """Return the starting cash and then the money after each closed trade."""
        after = self.starting_cash + np.cumsum(self.trades.net)
        return np.concatenate(([self.starting_cash], np.round(after, _DIGITS)))  # sums of decimals are decimals

    @cached_property
    def closed_at(self) -> Times:
        """Return the times of `closed_equity`: the start and then the closing of each trade."""
        return np.concatenate((self.marked_at[:1], self.trades.closed_at))

    @cached_property
    def block(self) -> int:
        """Return how many neighbouring trades are drawn together when chance is asked: 1 where none overlap."""
        order = self._by_opening
        return block_length(self.trades.opened_at[order], self.trades.closed_at[order])

    @cached_property
    def interval(self) -> Interval | None:
        """Return the 95 % interval of the expectancy in money: seeded, and by blocks where trades overlap."""
        results, random = self.trades.net[self._by_opening], np.random.default_rng(self.seed)
        return expectancy_interval(results, random, block=self.block)

    @cached_property
    def _by_opening(self) -> NDArray[np.intp]:
        return np.argsort(self.trades.opened_at, kind="stable")


def curve_columns(curve: Sequence[EquityPoint]) -> tuple[Times, Floats, Floats]:
    """Return the times, the equity and the open notional of a daily curve."""
    return (
        np.array([point.ts for point in curve], dtype=np.int64),
        np.array([float(point.equity) for point in curve], dtype=np.float64),
        np.array([float(point.exposure) for point in curve], dtype=np.float64),
    )
