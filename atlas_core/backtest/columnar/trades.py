"""The candidates that became trades, as columns in the order of their numbers, and the account after each day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.deciding import ENTERED, Decisions, Plan
from atlas_core.backtest.columnar.endings import How, Numbers
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.model.events import Phase


@frozen(eq=False, kw_only=True)
class Trades:
    """Closed trades in the order of their numbers (from 1): plan and row of each, its times, and the prices it saw.

    `closing` holds their places in the order of closing; `highest` and `lowest` are in ticks, money in minor units.
    """

    plan: Column
    row: Column
    opened_at: Column
    closed_at: Column
    is_print: NDArray[np.bool_]
    symbol: Column
    highest: Column
    lowest: Column
    closing: Column
    entry_fee: Numbers
    exit_fee: Numbers
    gross: Numbers

    def __len__(self) -> int:
        return len(self.row)


def trades_of(plans: Sequence[Plan], decisions: Decisions) -> Trades:
    """Return what was filled and closed."""
    entered = decisions.verdict == ENTERED
    plan, row = decisions.plan[entered], decisions.row[entered]
    filled = Chosen(plans, plan, row).of(lambda p: p.endings.how) != How.UNFILLED
    plan, row = plan[filled], row[filled]
    places = np.array([p.candidates.tape.place for p in plans], dtype=np.int64)[plan]
    order = np.lexsort((places, Chosen(plans, plan, row).of(_opened_at)))
    plan, row, places = plan[order], row[order], places[order]
    chosen = Chosen(plans, plan, row)
    closed_at, is_print = chosen.of(lambda p: p.endings.at), chosen.of(lambda p: p.endings.is_print).astype(bool)
    is_late = chosen.of(lambda p: p.endings.row) >= np.array([len(p.candidates.tape) for p in plans])[plan]
    phase = np.where(is_print, int(Phase.OPENING), int(Phase.MARKET))
    stream = np.where(is_late, len(plans) + np.arange(len(row)), places)
    highest, lowest = chosen.extremes()
    return Trades(
        plan=plan,
        row=row,
        opened_at=chosen.of(_opened_at),
        closed_at=closed_at,
        is_print=is_print,
        symbol=places,
        highest=highest,
        lowest=lowest,
        closing=np.lexsort((stream, phase, closed_at)),
        entry_fee=chosen.of(lambda p: p.endings.entry_fee),
        exit_fee=chosen.of(lambda p: p.endings.exit_fee),
        gross=chosen.of(lambda p: p.endings.gross),
    )


def _opened_at(plan: Plan) -> Column:
    """Return when each candidate would be filled, the last opening for one without an opening after it."""
    tape, fill = plan.candidates.tape, plan.candidates.fill
    return tape.opened_at[np.minimum(fill, len(tape) - 1)]


@frozen
class Chosen:
    """Columns of chosen rows of several plans."""

    plans: Sequence[Plan]
    plan: Column
    row: Column

    def groups(self) -> Iterator[tuple[Plan, Column, Column]]:
        """Yield each plan with the places of its rows here, and the rows."""
        for number, plan in enumerate(self.plans):
            places = np.flatnonzero(self.plan == number) if len(self.plans) > 1 else np.arange(len(self.row))
            if len(places):
                yield plan, places, self.row[places]

    def of(self, column: Callable[[Plan], Numbers]) -> Numbers:
        """Return a column of the plans in the chosen rows."""
        if not self.plans:
            return np.zeros(0, dtype=np.int64)
        if len(self.plans) == 1:
            alone: Numbers = column(self.plans[0])[self.row]
            return alone
        counts = [len(plan.candidates.at) for plan in self.plans]
        first = np.concatenate([[0], np.cumsum(counts[:-1], dtype=np.int64)]).astype(np.int64)
        whole: Numbers = np.concatenate([column(plan) for plan in self.plans])
        found: Numbers = whole[first[self.plan] + self.row]
        return found

    def extremes(self) -> tuple[Column, Column]:
        """Return the highest and lowest prices of each trade: of its entry, its exit, and the whole bars between."""
        highest, lowest = (np.zeros(len(self.row), dtype=np.int64) for _ in range(2))
        for plan, places, rows in self.groups():
            entry, price = plan.candidates.entry[rows], plan.endings.price[rows]
            first, last = plan.candidates.fill[rows], plan.endings.row[rows]
            tape = plan.candidates.tape
            high = _between(tape.high.highest, len(tape), first, last, entry)
            low = _between(tape.low.lowest, len(tape), first, last, entry)
            highest[places] = np.maximum(np.maximum(high, entry), price)
            lowest[places] = np.minimum(np.minimum(low, entry), price)
        return highest, lowest


def _between(extreme: Callable[[Column], Column], count: int, first: Column, last: Column, otherwise: Column) -> Column:
    """Return the extreme of the rows from `first` up to `last`, which is not one of them, of `count` rows."""
    found = otherwise.copy()
    spans = np.flatnonzero(last > first)
    if len(spans):
        starts = np.column_stack([first[spans], last[spans]]).ravel()
        found[spans] = extreme(starts[:-1] if starts[-1] >= count else starts)[::2]  # the last one goes to the end
    return found
