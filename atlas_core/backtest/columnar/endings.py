"""How and when each candidate would end, at which price, and what it would bring: columns again."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import NO_RULE, Candidates
from atlas_core.backtest.columnar.money import FeeRate, Purse
from atlas_core.backtest.columnar.searching import NEVER
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.columnar import NO_LEVEL
from atlas_core.model.timeframe import SECOND

Numbers = NDArray[Any]
"""Whole numbers: int64 where they fit, else Python's own."""

_LARGEST = 2**62


class How(IntEnum):
    """What ends a position; UNFILLED is an entry without an opening after it."""

    UNFILLED = 0
    RULE = 1
    STOP = 2
    TARGET = 3
    END = 4


@frozen(eq=False, kw_only=True)
class Endings:
    """The ends of candidates, one row each; prices in ticks, times in nanoseconds UTC, money in minor units.

    `row` is the row of the tape in or at whose opening it ends (their number for the settlement after the end).
    `is_print`: at a single price and not inside a bar. From `closing_at` on an exit is under way, from `free_at` on the
    position is gone, for decisions at the close of a bar.
    """

    how: Column
    rule: Column
    row: Column
    at: Column
    reference: Column
    price: Column
    is_print: NDArray[np.bool_]
    is_maker: NDArray[np.bool_]
    is_ambiguous: NDArray[np.bool_]
    closing_at: Column
    free_at: Column
    cost: Numbers
    entry_fee: Numbers
    exit_fee: Numbers
    gross: Numbers
    slippage: Numbers


def endings_of(candidates: Candidates, end: int) -> Endings:
    """Return how the candidates of one symbol end in a run whose data end at `end`."""
    tape, side, count = candidates.tape, candidates.side, len(candidates.tape)
    levelled = np.minimum(candidates.stopped, candidates.won)
    leaves = candidates.leaves
    how = np.select(
        [
            candidates.fill >= count,
            (levelled != NEVER) & (candidates.stopped <= candidates.won),
            levelled != NEVER,
            leaves != NEVER,
        ],
        [How.UNFILLED, How.STOP, How.TARGET, How.RULE],
        How.END,
    )
    at_level = (how == How.STOP) | (how == How.TARGET)
    row = np.where(at_level, levelled, np.where((how == How.RULE) & (leaves < count), leaves + 1, count))
    known = np.minimum(row, count - 1)
    opening, is_late = tape.open[known], row >= count
    stop, target = candidates.levels.stop, candidates.levels.target
    gap_stop = (how == How.STOP) & ((stop - opening) * side >= 0)
    beyond = _beyond_target(candidates, opening)
    both = at_level & (candidates.stopped == candidates.won)
    how = np.where(both & ~gap_stop & beyond, How.TARGET, how)
    gap_target = (how == How.TARGET) & beyond
    is_print = ~at_level | gap_stop | gap_target
    market = np.where(is_late, tape.close[-1], opening)
    reference = np.select([gap_stop | gap_target | ~at_level, how == How.STOP], [market, stop], target)
    is_maker = (how == How.TARGET) & ~gap_target
    price = np.where(is_maker, reference, tape.taken(reference, -side))
    price = np.where(gap_target, np.where(side > 0, np.maximum(price, target), np.minimum(price, target)), price)
    at = np.where(is_late, end + SECOND, np.where(is_print, tape.opened_at[known], tape.available_at[known]))
    free_at = np.where(is_late | (how == How.UNFILLED), NEVER, at + is_print)
    decided = tape.available_at[np.minimum(leaves, count - 1)]
    return Endings(
        how=how,
        rule=_rule(candidates, how),
        row=row,
        at=at,
        reference=reference,
        price=price,
        is_print=is_print,
        is_maker=is_maker,
        is_ambiguous=both & (how == How.STOP) & ~gap_stop,
        closing_at=np.where(how == How.RULE, decided, free_at),
        free_at=free_at,
        **_money(candidates, reference, price, is_maker),
    )


def _beyond_target(candidates: Candidates, opening: Column) -> NDArray[np.bool_]:
    """Tell where the row's opening print itself takes the target."""
    has_target = candidates.levels.target != NO_LEVEL
    needed = np.where(has_target, candidates.target_reach, 0)
    taken: NDArray[np.bool_] = has_target & ((opening - needed) * candidates.side >= 0)
    return taken


def _rule(candidates: Candidates, how: Column) -> Column:
    levels = candidates.levels
    return np.select(
        [how == How.RULE, how == How.STOP, how == How.TARGET],
        [candidates.leaves_rule, levels.stop_rule, levels.target_rule],
        NO_RULE,
    )


def _money(candidates: Candidates, reference: Column, price: Column, is_maker: NDArray[np.bool_]) -> dict[str, Numbers]:
    tape, lots = candidates.tape, candidates.lots
    purse, taker, maker = tape.purse, tape.taker, tape.maker
    highest = max((int(column.max(initial=1)) for column in (price, reference, candidates.entry)), default=1)
    widest = max(purse.per_tick_lot, taker.of_worth, maker.of_worth, taker.of_lot, maker.of_lot, 1)
    kind = np.int64 if 4 * highest * int(lots.max(initial=1)) * widest < _LARGEST else object
    lots, entry, price, reference, side, entry_reference = (
        column.astype(kind)
        for column in (lots, candidates.entry, price, reference, candidates.side, candidates.reference)
    )
    cost = entry * lots
    exit_fee = np.where(is_maker, _fee(maker, price * lots, lots), _fee(taker, price * lots, lots))
    lost_in = _booked(purse, (entry - entry_reference) * side * lots)
    lost_out = _booked(purse, (price - reference) * -side * lots)
    return {
        "cost": -(-(cost * purse.per_tick_lot) // purse.to_unit),
        "entry_fee": _fee(taker, cost, lots),
        "exit_fee": exit_fee,
        "gross": _booked(purse, (price * lots - cost) * side),
        "slippage": lost_in + lost_out,
    }


def _fee(rate: FeeRate, tick_lots: Numbers, lots: Numbers) -> Numbers:
    fee: Numbers = -(-(tick_lots * rate.of_worth + lots * rate.of_lot) // rate.divisor)
    return fee


def _booked(purse: Purse, tick_lots: Numbers) -> Numbers:
    """Return profits or losses in minor units, half to even."""
    worth = tick_lots * purse.per_tick_lot
    quotient = worth // purse.to_unit
    double = 2 * (worth - quotient * purse.to_unit)
    booked: Numbers = quotient + ((double > purse.to_unit) | ((double == purse.to_unit) & (quotient % 2 == 1)))
    return booked
