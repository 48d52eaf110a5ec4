"""The account over time: the daily curve, its returns and its drawdowns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from attrs import evolve, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.records import EquityMarked, Record, RunStarted
from atlas_core.model.timeframe import DAY
from atlas_core.report.trades import TradeRow

WEEKEND = (5, 6)
_THURSDAY = 3  # 1970-01-01


@frozen
class EquityPoint:
    """The account at the end of a UTC day, or where the run began or ended; `exposure` is the notional open there."""

    ts: int
    equity: Decimal
    exposure: Decimal = ZERO


@frozen
class Drawdown:
    """The deepest fall from a peak: `depth` is a fraction of the peak (0 for none), `recovered_at` None if never."""

    depth: float
    peak_at: int | None = None
    trough_at: int | None = None
    recovered_at: int | None = None


def equity_curve(records: Iterable[Record]) -> tuple[EquityPoint, ...]:
    """Return the start and then the last mark of each UTC day, oldest first."""
    start: EquityPoint | None = None
    by_day: dict[int, EquityPoint] = {}
    for record in records:
        if isinstance(record, RunStarted):
            start = start or EquityPoint(record.ts, record.starting_cash)
        elif isinstance(record, EquityMarked):
            by_day[_day(record.ts)] = EquityPoint(record.ts, record.equity, record.exposure)
    marks = tuple(by_day.values())
    return marks if start is None else (start, *(point for point in marks if point.ts > start.ts))


def _day(ts: int) -> int:
    return (ts - 1) // DAY  # midnight ends the day before it


def daily_returns(curve: Sequence[EquityPoint]) -> tuple[float, ...]:
    """Return the simple return from each point of the curve to the next."""
    return tuple(
        float(after.equity / before.equity) - 1.0 if before.equity > 0 else 0.0 for before, after in pairwise(curve)
    )


def periods_per_year(curve: Sequence[EquityPoint]) -> int:
    """Return 252 for a market that rests at week-ends, else 365: whether days of the curve fall on one."""
    days = [_day(point.ts) for point in curve[1:]]
    if not days:
        return 365
    spanned = any((day + _THURSDAY) % 7 in WEEKEND for day in range(days[0], min(days[-1], days[0] + 7) + 1))
    marked = any((day + _THURSDAY) % 7 in WEEKEND for day in days)
    return 252 if spanned and not marked else 365


def deepest_drawdown(curve: Sequence[EquityPoint]) -> Drawdown:
    """Return the deepest fall of a curve from its running peak, which includes the first point."""
    if not curve:
        return Drawdown(0.0)
    worst, peak = Drawdown(0.0), curve[0]
    for point in curve:
        if point.equity >= peak.equity:
            if worst.peak_at == peak.ts:
                worst = evolve(worst, recovered_at=point.ts)
            peak = point
        depth = float(1 - point.equity / peak.equity) if peak.equity > 0 else 0.0
        if depth > worst.depth:
            worst = Drawdown(depth, peak.ts, point.ts)
    return worst


def closed_trade_curve(start: EquityPoint, trades: Sequence[TradeRow]) -> tuple[EquityPoint, ...]:
    """Return the starting cash and then the money after each closed trade."""
    points = [start]
    for trade in trades:
        points.append(EquityPoint(trade.closed_at, points[-1].equity + trade.net))
    return tuple(points)
