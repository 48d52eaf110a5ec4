"""Every signal of a run as an entry that might be made: when, at which price, how much, and how it would end.

How a position ends does not depend on the account, so it is known of each signal before anything is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.searching import NEVER, first_at_or_below
from atlas_core.backtest.columnar.simple import NotSimple, SimpleRules, asked, whole_column
from atlas_core.backtest.columnar.tape import SymbolTape
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.columnar import NO_LEVEL, ColumnarLevels, EntryColumns, ExitSteps, LevelColumns
from atlas_core.loading import LoadedMarket
from atlas_core.model.decisions import GateMask
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.signals import EntryKind, SignalTable
from atlas_core.simulation.costs import LimitFill

NO_RULE = -1


@frozen(eq=False)
class Levels:
    """Stops and targets in ticks, with the place of the rule that gave each, NO_RULE for none."""

    stop: Column
    stop_rule: Column
    target: Column
    target_rule: Column


@frozen(eq=False, kw_only=True)
class Candidates:
    """The signals of one scanner in one symbol, in their order; rows are those of the symbol's tape.

    `row` closed when the signal was found; `fill` is the row at whose opening it would be filled (the number of rows
    where none follows). A market exit is decided at the close of row `leaves` by the rule `leaves_rule`; stop and
    target are first reached in the rows `stopped` and `won`; NEVER where that does not happen before the exit.
    `target_reach` is the price that takes the target.
    """

    scanner: int
    tape: SymbolTape
    table_row: Column
    at: Column
    side: Column
    row: Column
    fill: Column
    refused_by: Column
    is_possible: NDArray[np.bool_]
    lots: Column
    reference: Column
    entry: Column
    levels: Levels
    leaves: Column
    leaves_rule: Column
    answers: tuple[ExitSteps, ...]
    target_reach: Column
    stopped: Column
    won: Column


def candidates_of(
    rules: SimpleRules,
    market: LoadedMarket,
    tapes: Sequence[SymbolTape],
    scanner: int,
    table: SignalTable,
    masks: Sequence[GateMask],
) -> list[Candidates]:
    """Return the candidates of one scanner's signals, symbol by symbol; raises NotSimple where the rules do not fit."""
    _expect_plain(table)
    refused = first_refusal(masks, len(table))
    by_name = {tape.symbol: tape for tape in tapes}
    return [
        _of_symbol(rules, market, by_name[str(table.symbol[rows[0]])], scanner, table, rows, refused)
        for rows in _by_symbol(table)
    ]


def _by_symbol(table: SignalTable) -> list[Column]:
    """Return the rows of each symbol, the symbols in the order of their names."""
    order = np.argsort(table.symbol, kind="stable")
    names = table.symbol[order]
    return np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1) if len(order) else []


def _expect_plain(table: SignalTable) -> None:
    if not bool((table.entry == EntryKind.MARKET.value).all()):
        raise NotSimple("signals wait for a trigger")
    if not bool((np.isnan(table.cancel_beyond) & np.isnan(table.void_beyond)).all()):
        raise NotSimple("signals are cancelled or void beyond a price")
    if bool((table.valid_until <= table.available_at).any()):
        raise NotSimple("signals are over when they are found")
    if bool((table.setup_at[1:] > table.setup_at[:-1]).all()):
        return  # no time comes twice
    setups = zip(
        table.symbol.tolist(), table.timeframe.tolist(), table.side.tolist(), table.setup_at.tolist(), strict=True
    )
    if len(set(setups)) < len(table):
        raise NotSimple("a setup is found twice")


def first_refusal(masks: Sequence[GateMask], count: int) -> Column:
    """Return for each row the place of the first gate that refuses it, NO_RULE where all let it pass."""
    refused = np.full(count, NO_RULE, dtype=np.int64)
    for place in range(len(masks) - 1, -1, -1):
        refused[~masks[place].passed] = place
    return refused


def _of_symbol(
    rules: SimpleRules,
    market: LoadedMarket,
    tape: SymbolTape,
    scanner: int,
    table: SignalTable,
    rows: Column,
    refused: Column,
) -> Candidates:
    at, side = table.available_at[rows], table.side[rows]
    row = np.searchsorted(tape.available_at, at, side="right") - 1
    if bool((row < 0).any()) or bool((tape.available_at[row] != at).any()):
        raise NotSimple("signals are found between the closes of bars")
    if tape.instrument.kind is InstrumentKind.SPOT and bool((side < 0).any()):
        raise NotSimple("signals sell spot short")
    price = tape.close[row]
    trigger, stop, target = (tape.levels(getattr(table, name)[rows]) for name in ("trigger", "stop", "target"))
    wanted = np.where(trigger == NO_LEVEL, price, trigger)
    lots = asked(
        f"sizer {rules.sizer[0]}", lambda: whole_column(rules.sizer[1].lots(tape.instrument, wanted), len(rows))
    )
    _expect_sizes(tape, lots, price)
    seen = merged_levels(rules, tape, EntryColumns(side, price, stop, target))
    fill = row + 1
    has_fill = fill < len(tape)
    reference = tape.open[np.minimum(fill, len(tape) - 1)]
    entry = tape.taken(reference, side)
    levels = merged_levels(rules, tape, EntryColumns(side, entry, stop, target))
    if not rules.is_waived and bool(((seen.stop == NO_LEVEL) | (levels.stop == NO_LEVEL)).any()):
        raise NotSimple("some entries have no stop")
    steps = [asked(f"exit {label}", partial(rule.steps, market.data, tape.symbol)) for label, rule in rules.stepped]
    leaves, leaves_rule = _leaving(steps, tape, side, fill)
    last = np.minimum(leaves, len(tape) - 1)
    reach = _further(levels.target, side * (0 if rules.costs.limit_fill is LimitFill.TOUCH else 1))
    return Candidates(
        scanner=scanner,
        tape=tape,
        table_row=rows,
        at=at,
        side=side,
        row=row,
        fill=np.where(has_fill, fill, len(tape)),
        refused_by=refused[rows],
        is_possible=_in_order(seen, price, side) & _in_order(Levels(stop, stop, target, target), price, side),
        lots=lots,
        reference=reference,
        entry=entry,
        levels=levels,
        leaves=leaves,
        leaves_rule=leaves_rule,
        answers=tuple(steps),
        stopped=_reached(tape, levels.stop, side, fill, last),
        target_reach=reach,
        won=_reached(tape, reach, -side, fill, last),
    )


def _expect_sizes(tape: SymbolTape, lots: Column, price: Column) -> None:
    if bool((lots <= 0).any()):
        raise NotSimple("some signals are too small to trade")
    least = tape.instrument.min_notional
    if least and len(lots) and tape.purse.exact(int(lots.min()) * int(price.min())) < 2 * least:
        raise NotSimple("positions come near the minimum notional")


def merged_levels(rules: SimpleRules, tape: SymbolTape, entries: EntryColumns) -> Levels:
    """Return the levels nearest to the price with their rules, as the engine merges the rules one after the other."""
    side, nothing = entries.side, np.full(len(entries.side), NO_LEVEL, dtype=np.int64)
    none = np.full(len(side), NO_RULE, dtype=np.int64)
    stop, stop_rule, target, target_rule = nothing, none, nothing, none
    for place, (label, rule) in enumerate(rules.levels):
        given = asked(f"exit {label}", partial(_levels_of, rule, tape.instrument, entries))
        if given is None:
            raise NotSimple(f"exit {label} depends on more than the entry")
        if bool(
            ((given.stop <= 0) & (given.stop != NO_LEVEL)).any()
            or ((given.target <= 0) & (given.target != NO_LEVEL)).any()
        ):
            raise NotSimple(f"exit {label} gives no price above zero")
        nearer = (given.stop != NO_LEVEL) & ((stop == NO_LEVEL) | ((given.stop - stop) * side > 0))
        stop, stop_rule = np.where(nearer, given.stop, stop), np.where(nearer, place, stop_rule)
        nearer = (given.target != NO_LEVEL) & ((target == NO_LEVEL) | ((given.target - target) * side < 0))
        target, target_rule = np.where(nearer, given.target, target), np.where(nearer, place, target_rule)
    return Levels(stop, stop_rule, target, target_rule)


def _levels_of(rule: ColumnarLevels, instrument: Instrument, entries: EntryColumns) -> LevelColumns | None:
    given = rule.level_columns(instrument, entries)
    for column in () if given is None else (given.stop, given.target):
        whole_column(column, len(entries.price))
    return given


def _in_order(levels: Levels, price: Column, side: Column) -> NDArray[np.bool_]:
    """Tell where stop, price and target lie in this order, as far as they are there."""
    below: NDArray[np.bool_] = (levels.stop == NO_LEVEL) | ((price - levels.stop) * side > 0)
    above: NDArray[np.bool_] = (levels.target == NO_LEVEL) | ((levels.target - price) * side > 0)
    return below & above


def _further(levels: Column, ticks: Column) -> Column:
    return np.where(levels == NO_LEVEL, NO_LEVEL, levels + ticks)


def _leaving(answers: Sequence[ExitSteps], tape: SymbolTape, side: Column, fill: Column) -> tuple[Column, Column]:
    """Return for each entry the row at whose close the first exit rule closes it, and the place of that rule."""
    leaves = np.full(len(side), NEVER, dtype=np.int64)
    rule_of = np.full(len(side), NO_RULE, dtype=np.int64)
    for place, steps in enumerate(answers):
        for sign, flags in ((1, steps.long), (-1, steps.short)):
            mine = np.flatnonzero(side == sign)
            if not len(mine):
                continue
            rows = _rows_of(steps, flags, tape)
            found = np.searchsorted(rows, fill[mine])
            first = np.where(found < len(rows), rows[np.minimum(found, len(rows) - 1)] if len(rows) else NEVER, NEVER)
            earlier = first < leaves[mine]
            leaves[mine[earlier]], rule_of[mine[earlier]] = first[earlier], place
    return leaves, rule_of


def _rows_of(steps: ExitSteps, flags: NDArray[np.bool_], tape: SymbolTape) -> Column:
    """Return the rows of the tape at whose close the present step is true."""
    ends = tape.available_at
    begin = int(np.searchsorted(ends, steps.at[0])) if len(steps.at) else len(ends)
    if len(ends) - begin == len(steps.at) and bool((ends[begin:] == steps.at).all()):
        return np.flatnonzero(flags) + begin
    step = np.searchsorted(steps.at, ends, side="right") - 1
    return np.flatnonzero((step >= 0) & flags[np.maximum(step, 0)]) if len(steps.at) else step[:0]


def _reached(tape: SymbolTape, levels: Column, falls: Column, first: Column, last: Column) -> Column:
    """Return the first row from `first` to `last` that reaches a level: falling where `falls` is +1, else rising."""
    rows = np.full(len(levels), NEVER, dtype=np.int64)
    for sign, extremes in ((1, tape.low), (-1, tape.high)):
        mine = np.flatnonzero((falls == sign) & (levels != NO_LEVEL) & (first <= last))
        if len(mine):
            rows[mine] = first_at_or_below(extremes * sign, levels[mine] * sign, first[mine], last[mine])
    return rows
