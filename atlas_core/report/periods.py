"""The account by months and years, its drawdowns one by one, and figures that roll along the curve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from atlas_core.clock import to_datetime
from atlas_core.model.records import EquityMarked, Record
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
    return _returns(curve, lambda year, month: (year, month))


def yearly_returns(curve: Sequence[EquityPoint]) -> tuple[PeriodReturn, ...]:
    """Return the return of each calendar year (UTC) that the curve touches, the first and last as far as they go."""
    return _returns(curve, lambda year, _: (year, 0))


def _returns(curve: Sequence[EquityPoint], period: object) -> tuple[PeriodReturn, ...]:
    ends: dict[tuple[int, int], float] = {}
    for point in curve[1:]:
        day = to_datetime(point.ts - 1)  # midnight ends the day before it
        ends[period(day.year, day.month)] = float(point.equity)  # type: ignore[operator]
    before, made = float(curve[0].equity) if curve else 0.0, []
    for (year, month), equity in ends.items():
        made.append(PeriodReturn(year, month, equity / before - 1 if before > 0 else 0.0))
        before = equity
    return tuple(made)


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


def underwater(curve: Sequence[EquityPoint]) -> tuple[float, ...]:
    """Return at each point how far the account is below its peak: 0 or below, as a fraction."""
    peak, depths = 0.0, []
    for point in curve:
        peak = max(peak, float(point.equity))
        depths.append(float(point.equity) / peak - 1 if peak > 0 else 0.0)
    return tuple(depths)


def rolling_sharpe(
    curve: Sequence[EquityPoint], periods: int, window: int = ROLLING_DAYS
) -> tuple[tuple[int, float], ...]:
    """Return the Sharpe ratio of the last `window` daily returns at each point that has as many."""
    returns = daily_returns(curve)
    found = (
        (curve[end].ts, metrics.sharpe(returns[end - window : end], periods)) for end in range(window, len(returns) + 1)
    )
    return tuple((ts, value) for ts, value in found if value is not None)


def exposures(records: Iterable[Record]) -> tuple[tuple[int, float], ...]:
    """Return what was held as a multiple of the account, at each mark."""
    return tuple(
        (record.ts, float(record.exposure / record.equity))
        for record in records
        if isinstance(record, EquityMarked) and record.equity > 0
    )
