"""The account by months and years, its drawdowns one by one, and figures that roll along the curve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from atlas_core.clock import to_datetime
from atlas_core.report import metrics
from atlas_core.report.equity import Drawdown, EquityPoint, daily_returns

ROLLING_DAYS = 60


@frozen
class PeriodReturn:
    """What the account earned in a month, or in a year where `month` is 0, as a fraction of its begin."""

    year: int
    month: int
    value: float


def monthly_returns(curve: Sequence[EquityPoint]) -> tuple[PeriodReturn, ...]:
    """Return the return of each calendar month (UTC) that the curve touches, the first and last as far as they go."""
    return _returns(curve, [(day.year, day.month) for day in _days(curve)])


def yearly_returns(curve: Sequence[EquityPoint]) -> tuple[PeriodReturn, ...]:
    """Return the return of each calendar year (UTC) that the curve touches, the first and last as far as they go."""
    return _returns(curve, [(day.year, 0) for day in _days(curve)])


def _days(curve: Sequence[EquityPoint]) -> list[datetime]:
    return [to_datetime(point.ts - 1) for point in curve[1:]]  # midnight ends the day before it


def _returns(curve: Sequence[EquityPoint], periods: Sequence[tuple[int, int]]) -> tuple[PeriodReturn, ...]:
    ends = {period: float(point.equity) for period, point in zip(periods, curve[1:], strict=True)}
    before, made = float(curve[0].equity) if curve else 0.0, []
    for (year, month), equity in ends.items():
        made.append(PeriodReturn(year, month, equity / before - 1 if before > 0 else 0.0))
        before = equity
    return tuple(made)


def marked_on(ts: int, curve: Sequence[EquityPoint]) -> str:
    """Return the day of a mark of the daily curve, as `2026-04-05`: a mark ends its day, the first begins one."""
    return to_datetime(ts if ts == curve[0].ts else ts - 1).strftime("%Y-%m-%d")


def drawdowns(curve: Sequence[EquityPoint], most: int = 5) -> tuple[Drawdown, ...]:
    """Return the deepest falls from a peak until it was reached again, deepest first; they do not overlap."""
    found: list[Drawdown] = []
    peak, current = curve[0] if curve else None, Drawdown(0.0)
    for point in curve:
        assert peak is not None
        if point.equity >= peak.equity:
            if current.depth > 0:
                found.append(evolve(current, recovered_at=point.ts))
            peak, current = point, Drawdown(0.0)
            continue
        depth = float(1 - point.equity / peak.equity) if peak.equity > 0 else 0.0
        if depth > current.depth:
            current = Drawdown(depth, peak.ts, point.ts)
    open_one = [current] if current.depth > 0 else []
    return tuple(sorted((*found, *open_one), key=lambda fall: -fall.depth)[:most])


def rolling_sharpe(
    curve: Sequence[EquityPoint], periods: int, window: int = ROLLING_DAYS
) -> tuple[tuple[int, float], ...]:
    """Return the Sharpe ratio of the last `window` daily returns at each point that has as many."""
    returns = daily_returns(curve)
    found = (
        (curve[end].ts, metrics.sharpe(returns[end - window : end], periods)) for end in range(window, len(returns) + 1)
    )
    return tuple((ts, value) for ts, value in found if value is not None)
