"""The account over time: the daily curve, its returns and its drawdowns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.records import EquityMarked, Record, RunStarted
from atlas_core.model.timeframe import DAY, HOUR
from atlas_core.report.metrics import underwater
from atlas_core.runs import Mode

if TYPE_CHECKING:
    from atlas_core.report.results import Floats, Times

EVERY_DAY, WEEK_DAYS = 365, 252
SETTLEMENT = HOUR
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
    """Return the start and then the last mark of each day, oldest first.

    Days are those of the calendar (UTC). One on which nothing happened is there where the market trades at week-ends,
    with the account as it was; where it rests then, there are only days on which it traded.
    """
    start: EquityPoint | None = None
    is_settled = False
    by_day: dict[int, EquityPoint] = {}
    for record in records:
        if isinstance(record, RunStarted):
            start = start or EquityPoint(record.ts, record.starting_cash)
            is_settled = record.mode == Mode.BACKTEST
        elif isinstance(record, EquityMarked):
            by_day[_day(record.ts)] = EquityPoint(record.ts, record.equity, record.exposure)
    marks = [point for point in by_day.values() if start is None or point.ts > start.ts]
    marks = _settled(marks) if is_settled else marks
    if periods_per_year([*marks[:1], *marks]) == EVERY_DAY:
        marks = _every_day(marks, start)
    return (*([] if start is None else [start]), *marks)


def _settled(marks: list[EquityPoint]) -> list[EquityPoint]:
    """Return the marks of a back-test: what it closes after the end of the data belongs to the last day."""
    if len(marks) < 2 or marks[-1].ts - marks[-2].ts > SETTLEMENT:
        return marks
    return [*marks[:-2], evolve(marks[-1], ts=marks[-2].ts)]


def _every_day(marks: Sequence[EquityPoint], start: EquityPoint | None) -> list[EquityPoint]:
    """Return the marks, and the account as it was at the end of each day of the calendar that has none."""
    made: list[EquityPoint] = []
    last, day = start, start.ts // DAY if start is not None else 0
    for point in marks:
        if last is not None:
            made += [evolve(last, ts=(missing + 1) * DAY) for missing in range(day, _day(point.ts))]
        made.append(point)
        last, day = point, _day(point.ts) + 1
    return made


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
        return EVERY_DAY
    spanned = any((day + _THURSDAY) % 7 in WEEKEND for day in range(days[0], min(days[-1], days[0] + 7) + 1))
    marked = any((day + _THURSDAY) % 7 in WEEKEND for day in days)
    return WEEK_DAYS if spanned and not marked else EVERY_DAY


def deepest_fall(times: Times, equity: Floats) -> Drawdown:
    """Return the deepest fall of a curve as columns, from the last time that it stood at its peak.

    The first point counts as a peak.
    """
    below = underwater(equity)
    if not len(below) or below.min() >= 0:
        return Drawdown(0.0)
    trough = int(below.argmin())
    peak = int(trough - equity[trough::-1].argmax())
    recovered = np.flatnonzero(equity[trough:] >= equity[peak])
    return Drawdown(
        depth=float(-below[trough]),
        peak_at=int(times[peak]),
        trough_at=int(times[trough]),
        recovered_at=int(times[trough + recovered[0]]) if len(recovered) else None,
    )
