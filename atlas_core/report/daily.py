"""The account day by day: what it was worth, what it earned, how far below its peak, and what was closed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from attrs import frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.timeframe import DAY
from atlas_core.report.equity import SETTLEMENT, EquityPoint
from atlas_core.report.trades import TradeRow


@frozen(kw_only=True)
class DayRow:
    """One day that ended at `ts`: `change` is money, `share` the simple return, `drawdown` a fraction (0 or below)."""

    ts: int
    equity: Decimal
    exposure: Decimal
    change: Decimal
    share: float
    drawdown: float
    closed_trades: int
    closed_net: Decimal


def day_rows(curve: Sequence[EquityPoint], trades: Sequence[TradeRow]) -> tuple[DayRow, ...]:
    """Return a row for each mark of a daily curve after its first point; trades count where they were closed.

    Those that the end of a back-test closed, just after its last mark, count there: its rows add up to all of them.
    What a session has closed since its last mark has no row yet.
    """
    closed: dict[int, list[Decimal]] = {}
    last = curve[-1].ts if curve else 0
    for trade in trades:
        is_settled = 0 < trade.closed_at - last <= SETTLEMENT
        closed.setdefault(_day(last if is_settled else trade.closed_at), []).append(trade.net)
    rows, peak = [], curve[0].equity if curve else ZERO
    for before, point in pairwise(curve):
        peak = max(peak, point.equity)
        results = closed.pop(_day(point.ts), [])
        rows.append(
            DayRow(
                ts=point.ts,
                equity=point.equity,
                exposure=point.exposure,
                change=point.equity - before.equity,
                share=float(point.equity / before.equity) - 1 if before.equity > 0 else 0.0,
                drawdown=float(point.equity / peak) - 1 if peak > 0 else 0.0,
                closed_trades=len(results),
                closed_net=sum(results, ZERO),
            )
        )
    return tuple(rows)


def _day(ts: int) -> int:
    return (ts - 1) // DAY  # midnight ends the day before it
