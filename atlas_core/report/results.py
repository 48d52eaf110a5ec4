"""What the metrics are computed from: the account day by day and the closed trades, as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.report.equity import EquityPoint
    from atlas_core.report.trades import TradeRow

    Floats = NDArray[np.float64]
    Times = NDArray[np.int64]


@frozen(kw_only=True, eq=False)
class TradeColumns:
    """Closed trades in the order of closing, one row each; `net = gross - fees - funding`.

    Money in the quote currency, times in nanoseconds UTC, `r` NaN without a stop at entry, `sign` +1 for long and -1
    for short, `entry_value` and `exit_value` the notional when it was opened and closed.
    """

    net: Floats
    fees: Floats
    slippage: Floats
    funding: Floats
    r: Floats
    sign: Floats
    entry_value: Floats
    exit_value: Floats
    opened_at: Times
    closed_at: Times

    def __len__(self) -> int:
        return len(self.net)

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
        return np.concatenate(([self.starting_cash], self.starting_cash + np.cumsum(self.trades.net)))


def trade_columns(rows: Sequence[TradeRow]) -> TradeColumns:
    """Return closed trades as columns."""
    return TradeColumns(
        net=_column(rows, lambda row: float(row.net)),
        fees=_column(rows, lambda row: float(row.fees)),
        slippage=_column(rows, lambda row: float(row.slippage)),
        funding=_column(rows, lambda row: float(row.funding)),
        r=_column(rows, lambda row: np.nan if row.r_multiple is None else row.r_multiple),
        sign=_column(rows, lambda row: float(row.side.sign)),
        entry_value=_column(rows, lambda row: float(row.quantity * row.entry_price * row.multiplier)),
        exit_value=_column(rows, lambda row: float(row.quantity * row.exit_price * row.multiplier)),
        opened_at=np.array([row.opened_at for row in rows], dtype=np.int64),
        closed_at=np.array([row.closed_at for row in rows], dtype=np.int64),
    )


def _column(rows: Sequence[TradeRow], value_of: Callable[[TradeRow], float]) -> Floats:
    return np.array([value_of(row) for row in rows], dtype=np.float64)


def curve_columns(curve: Sequence[EquityPoint]) -> tuple[Times, Floats, Floats]:
    """Return the times, the equity and the open notional of a daily curve."""
    return (
        np.array([point.ts for point in curve], dtype=np.int64),
        np.array([float(point.equity) for point in curve], dtype=np.float64),
        np.array([float(point.exposure) for point in curve], dtype=np.float64),
    )
