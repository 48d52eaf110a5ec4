"""The account at the end of each trading day, as the engine marks it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.deciding import Plan
from atlas_core.backtest.columnar.endings import Numbers
from atlas_core.backtest.columnar.searching import NEVER
from atlas_core.backtest.columnar.tape import SymbolTape
from atlas_core.backtest.columnar.ticks import Column
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

    def mark(self, end: int, amount: int, held: Sequence[int], seen: Callable[[SymbolTape], int]) -> EquityMarked:
        """Return the account at the end of a day on which trades (their places) were held.

        `seen` tells the last price of a tape before the openings of that time, in ticks.
        """
        cash = self.cash(amount)
        equity, exposure, prices = cash, ZERO, {}
        for trade in held:
            candidates, row = self.plans[self.trades.plan[trade]].candidates, self.trades.row[trade]
            tape, lots, entry = candidates.tape, int(candidates.lots[row]), int(candidates.entry[row])
            is_new = bool(tape.opened_at[candidates.fill[row]] == end)
            ticks = entry if is_new else seen(tape)
            equity += tape.purse.exact((ticks - entry) * lots * int(candidates.side[row]))
            exposure += tape.purse.exact(ticks * lots)
            price = tape.instrument.from_ticks(ticks)
            prices[tape.symbol] = str(tidy(price) if is_new else price)
        return EquityMarked(
            ts=end, cash=cash, equity=equity, exposure=exposure, price_by_symbol=prices, is_day_end=True
        )


def marks_of(book: Book, start: int, last_event: int, day_end: Callable[[int], int]) -> list[tuple[Day, EquityMarked]]:
    """Return the marks of a run from `start` on whose last event is at `last_event`, oldest first."""
    trades, marks = book.trades, []
    order = trades.closing
    opened_at, symbol = trades.opened_at.tolist(), trades.symbol.tolist()
    closed_at, closing_symbol = trades.closed_at[order].tolist(), trades.symbol[order].tolist()
    is_print, rank = trades.is_print[order].tolist(), np.argsort(order).tolist()
    paid, received = _sums(trades.entry_fee), _sums((trades.gross - trades.exit_fee)[order])
    days = list(_days(book.tapes, start, last_event, day_end))
    seen_on = _prices_seen(np.array([day.end for day in days], dtype=np.int64))
    held: list[int] = []
    opened = 0
    for number, day in enumerate(days):
        first, opened = opened, bisect_left(opened_at, day.end, opened)
        while opened < len(symbol) and _is_before(day, opened_at[opened], True, symbol[opened]):
            opened += 1
        closed = bisect_left(closed_at, day.end)
        while closed < len(symbol) and _is_before(day, closed_at[closed], is_print[closed], closing_symbol[closed]):
            closed += 1
        held = [trade for trade in (*held, *range(first, opened)) if rank[trade] >= closed]
        marks.append((day, book.mark(day.end, received[closed] - paid[opened], held, seen_on(number))))
    return marks


def _prices_seen(ends: Column) -> Callable[[int], Callable[[SymbolTape], int]]:
    """Return what tells the last price of a tape at one of many times; a tape is gone through once."""
    known: dict[int, list[int]] = {}

    def at(number: int) -> Callable[[SymbolTape], int]:
        def seen(tape: SymbolTape) -> int:
            if tape.place not in known:
                known[tape.place] = tape.seen_at_all(ends).tolist()
            return known[tape.place][number]

        return seen

    return at


def _sums(amounts: Numbers) -> list[int]:
    """Return the sum of the first amounts: of none, of one, and so on."""
    return [0, *accumulate(amounts.tolist())]


def _is_before(day: Day, at: int, is_print: bool, place: int) -> bool:
    """Tell whether a fill was booked when the day was marked."""
    if at < day.end:
        return True
    return at == day.end and (not is_print or place == day.first_place)


def _days(tapes: Sequence[SymbolTape], start: int, last_event: int, day_end: Callable[[int], int]) -> Iterator[Day]:
    ends = _ends(start, last_event, day_end)
    grids = [(tape.place, _first_after(tape, ends).tolist()) for tape in _different(tapes)]
    number = 0
    while True:
        noticed, place, end = last_event, NOBODY, int(ends[number])
        for of_tape, first_after in grids:
            at = first_after[number]
            if at < noticed or (at == noticed and place == NOBODY):
                noticed, place = at, of_tape
        if place == NOBODY and noticed <= end:
            return
        yield Day(end, noticed, place if noticed == end else NOBODY)
        number = int(ends.searchsorted(noticed, side="right"))


def _ends(start: int, last_event: int, day_end: Callable[[int], int]) -> Column:
    """Return the ends of all trading days from `start` to the first one after `last_event`."""
    ends = [day_end(start)]
    while ends[-1] <= last_event:
        ends.append(day_end(ends[-1]))
    return np.array(ends, dtype=np.int64)


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


def _first_after(tape: SymbolTape, ends: Column) -> Column:
    """Return the first events of a tape that belong to the next days: an opening from its end on, or a later close."""
    opening, closing = tape.opened_at.searchsorted(ends), tape.available_at.searchsorted(ends, side="right")
    return np.minimum(_times_at(tape.opened_at, opening), _times_at(tape.available_at, closing))


def _times_at(times: Column, places: NDArray[np.intp]) -> Column:
    """Return the times at some places, NEVER beyond the last one."""
    if not len(times):
        return np.full(len(places), NEVER, dtype=np.int64)
    return np.where(places < len(times), times[np.minimum(places, len(times) - 1)], NEVER)
