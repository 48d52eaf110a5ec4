"""The account at the end of each trading day, as the engine marks it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

import numpy as np
from attrs import frozen

from atlas_core.backtest.columnar.candidates import Candidates
from atlas_core.backtest.columnar.deciding import Plan
from atlas_core.backtest.columnar.endings import Numbers
from atlas_core.backtest.columnar.searching import NEVER
from atlas_core.backtest.columnar.tape import SymbolTape
from atlas_core.backtest.columnar.trades import Trades
from atlas_core.engine.money import tidy
from atlas_core.model.instrument import ZERO
from atlas_core.model.records import EquityMarked

NOBODY = -1


@frozen
class Day:
    """The end of a trading day, and the time of the event that let the engine notice it.

    An opening at the very end of the day is booked before the mark for the first symbol that opens there: `first_place`
    is its place, NOBODY where nothing opens then.
    """

    end: int
    noticed_at: int
    first_place: int


@frozen(eq=False)
class Book:
    """What a run is marked from: its trades, and how money is counted (`unit_digits` digits behind the point)."""

    plans: Sequence[Plan]
    tapes: Sequence[SymbolTape]
    trades: Trades
    starting_cash: Decimal
    unit_digits: int

    def cash(self, amount: int) -> Decimal:
        """Return the cash after minor units came in."""
        return self.starting_cash + Decimal(amount).scaleb(-self.unit_digits)

    def mark(self, end: int, amount: int, held: Sequence[int], *, is_day_end: bool = True) -> EquityMarked:
        """Return the account at the end of a day on which trades (their places) were held."""
        cash = self.cash(amount)
        equity, exposure, prices = cash, ZERO, {}
        for trade in held:
            candidates, row = self.plans[self.trades.plan[trade]].candidates, self.trades.row[trade]
            tape, ticks = candidates.tape, _last_ticks(candidates, row, end)
            lots, entry = int(candidates.lots[row]), int(candidates.entry[row])
            equity += tape.purse.exact((ticks - entry) * lots * int(candidates.side[row]))
            exposure += tape.purse.exact(ticks * lots)
            price = tape.instrument.from_ticks(ticks)
            prices[tape.symbol] = str(tidy(price) if tape.opened_at[candidates.fill[row]] == end else price)
        return EquityMarked(
            ts=end, cash=cash, equity=equity, exposure=exposure, price_by_symbol=prices, is_day_end=is_day_end
        )


def _last_ticks(candidates: Candidates, row: int, end: int) -> int:
    """Return the last price that was seen of a position when its day ended."""
    tape, fill = candidates.tape, int(candidates.fill[row])
    if tape.opened_at[fill] == end:
        return int(candidates.entry[row])
    return tape.seen_at(end)


def marks_of(book: Book, start: int, last_event: int, day_end: Callable[[int], int]) -> list[tuple[Day, EquityMarked]]:
    """Return the marks of a run from `start` on whose last event is at `last_event`, oldest first."""
    trades, marks = book.trades, []
    order = trades.closing
    opened_at, symbol = trades.opened_at.tolist(), trades.symbol.tolist()
    closed_at, closing_symbol = trades.closed_at[order].tolist(), trades.symbol[order].tolist()
    is_print, rank = trades.is_print[order].tolist(), np.argsort(order).tolist()
    paid, received = _sums(trades.entry_fee), _sums((trades.gross - trades.exit_fee)[order])
    held: list[int] = []
    opened = 0
    for day in _days(book.tapes, start, last_event, day_end):
        first, opened = opened, bisect_left(opened_at, day.end, opened)
        while opened < len(symbol) and _is_before(day, opened_at[opened], True, symbol[opened]):
            opened += 1
        closed = bisect_left(closed_at, day.end)
        while closed < len(symbol) and _is_before(day, closed_at[closed], is_print[closed], closing_symbol[closed]):
            closed += 1
        held = [trade for trade in (*held, *range(first, opened)) if rank[trade] >= closed]
        marks.append((day, book.mark(day.end, received[closed] - paid[opened], held)))
    return marks


def _sums(amounts: Numbers) -> list[int]:
    """Return the sum of the first amounts: of none, of one, and so on."""
    return [0, *accumulate(amounts.tolist())]


def _is_before(day: Day, at: int, is_print: bool, place: int) -> bool:
    """Tell whether a fill was booked when the day was marked."""
    if at < day.end:
        return True
    return at == day.end and (not is_print or place == day.first_place)


def _days(tapes: Sequence[SymbolTape], start: int, last_event: int, day_end: Callable[[int], int]) -> Iterator[Day]:
    grids, end = _different(tapes), day_end(start)
    while True:
        noticed, place = last_event, NOBODY
        for tape in grids:
            at = _first_after(tape, end)
            if at < noticed or (at == noticed and place == NOBODY):
                noticed, place = at, tape.place
        if place == NOBODY and noticed <= end:
            return
        yield Day(end, noticed, place if noticed == end else NOBODY)
        end = day_end(noticed)


def _different(tapes: Sequence[SymbolTape]) -> list[SymbolTape]:
    """Return the first tape of each run of times: those of the same times are noticed together."""
    found: list[SymbolTape] = []
    for tape in tapes:
        if not any(_are_alike(tape, other) for other in found):
            found.append(tape)
    return found


def _are_alike(one: SymbolTape, other: SymbolTape) -> bool:
    opens_together = np.array_equal(one.opened_at, other.opened_at)
    return opens_together and np.array_equal(one.available_at, other.available_at)


def _first_after(tape: SymbolTape, end: int) -> int:
    """Return the first event of a tape that belongs to the next day: an opening from its end on, or a later close."""
    opening = int(tape.opened_at.searchsorted(end))
    closing = int(tape.available_at.searchsorted(end, side="right"))
    times = [int(tape.opened_at[opening])] if opening < len(tape) else []
    return min([*times, *([int(tape.available_at[closing])] if closing < len(tape) else [])], default=NEVER)
