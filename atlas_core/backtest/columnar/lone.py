"""What is decided where all signals are of one symbol: from each entry on to the first signal after its end.

The loop of `deciding` asks for every signal what is held. In one symbol nothing is held when an entry is looked at: the
entries follow from the times alone, and what the account had to carry is looked at for all of them together.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import NO_RULE
from atlas_core.backtest.columnar.deciding import (
    BY_GATE,
    DEAREST,
    ENTERED,
    EXPOSED,
    GEOMETRY,
    HELD,
    POOR,
    SHORT_SELLING,
    Decisions,
    Plan,
    too_many,
    worst_loss,
    worth_of,
)
from atlas_core.backtest.columnar.endings import Numbers
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.engine.limits import Check
from atlas_core.engine.ports import Rules
from atlas_core.model.timeframe import MINUTE

_LARGEST = 2.0**62


@frozen(eq=False)
class _Chosen:
    """Places of signals: those that were looked at with nothing held, and those of them that were entered."""

    looked_at: Column
    entered: Column


def decide_alone(plan: Plan, rules: Rules, cash: int) -> Decisions:
    """Decide about the candidates of one symbol and scanner as the loop would; raises NotSimple where money might.

    `cash` is that of the start in minor units.
    """
    candidates = plan.candidates
    row = np.lexsort((candidates.table_row, candidates.at))
    at, is_short, is_possible = candidates.at[row], candidates.side[row] < 0, candidates.is_possible[row]
    is_barred = is_short & (not rules.can_sell_short)
    is_gated = candidates.refused_by[row] != NO_RULE
    next_free = np.searchsorted(at, plan.endings.free_at[row])
    chosen = _choose(at, is_gated, is_possible & ~is_barred, next_free, rules.max_orders_per_minute)
    _expect_money(plan, rules, row, chosen, cash)
    refusals: list[Check] = [HELD, SHORT_SELLING, GEOMETRY]
    verdict = np.full(len(row), refusals.index(HELD), dtype=np.int64)
    looked_at = chosen.looked_at
    verdict[looked_at] = np.where(is_barred[looked_at], refusals.index(SHORT_SELLING), refusals.index(GEOMETRY))
    orders = _orders_before(at, chosen.entered)
    orders[looked_at] = 0
    for count in sorted(set(orders[orders >= rules.max_orders_per_minute].tolist())):
        verdict[orders == count] = len(refusals)
        refusals.append(too_many(count, rules))
    verdict[chosen.entered] = ENTERED
    verdict[is_gated] = BY_GATE
    return Decisions(plan=np.zeros_like(row), row=row, verdict=verdict, refusals=tuple(refusals))


def _choose(
    at: Column, is_gated: NDArray[np.bool_], can_enter: NDArray[np.bool_], next_free: NDArray[np.intp], most: int
) -> _Chosen:
    """Go from entry to entry; at most `most` orders are sent within a minute."""
    times, gated, possible, following = at.tolist(), is_gated.tolist(), can_enter.tolist(), next_free.tolist()
    can_be_many = bool((at[most:] - at[:-most] < MINUTE).any())  # so many signals within a minute, too
    looked_at: list[int] = []
    entered: list[int] = []
    place, count = 0, len(times)
    while place < count:
        now = place
        place += 1
        if gated[now] or (can_be_many and len(entered) >= most and times[entered[-most]] > times[now] - MINUTE):
            continue
        looked_at.append(now)
        if possible[now]:
            entered.append(now)
            place = max(place, following[now])
    return _Chosen(np.array(looked_at, dtype=np.int64), np.array(entered, dtype=np.int64))


def _orders_before(at: Column, entered: Column) -> Column:
    """Return how many orders were sent in the minute before each signal."""
    earlier = np.searchsorted(entered, np.arange(len(at)))
    return earlier - np.searchsorted(at[entered], at - MINUTE, side="right")


def _expect_money(plan: Plan, rules: Rules, row: Column, chosen: _Chosen, start: int) -> None:
    """Raise NotSimple unless the account could carry every entry that was looked at."""
    endings, entered, rows = plan.endings, row[chosen.entered], row[chosen.looked_at]
    gained = np.cumsum(endings.gross[entered] - endings.exit_fee[entered] - endings.entry_fee[entered])
    ended = np.searchsorted(chosen.entered, chosen.looked_at)
    cash = start + np.concatenate([np.zeros(1, dtype=gained.dtype), gained])[ended]
    worth = worth_of(plan)[rows]
    if bool((_burdens(plan, rows, worth) > cash - ended).any()):  # the venue keeps what the books round
        raise NotSimple(POOR)
    if bool((worth * 100 > cash.astype(np.float64) * float(rules.max_exposure_pct) * (1 - 1e-9)).any()):
        raise NotSimple(EXPOSED)


def _burdens(plan: Plan, rows: Column, worth: NDArray[np.float64]) -> Numbers:
    """Return the most that each entry binds and loses, with its fee."""
    dear = worth * DEAREST
    fits = bool(dear.max(initial=0.0) < _LARGEST)
    whole = dear.astype(np.int64) if fits else np.array(list(map(int, dear.tolist())), dtype=object)
    cost = np.maximum(plan.endings.cost[rows], whole + 1)
    is_short = plan.candidates.side[rows] < 0
    worst = cost.copy()
    for place in np.flatnonzero(is_short).tolist():
        worst[place] = max(int(cost[place]), worst_loss(plan, int(rows[place])))
    burdens: Numbers = cost + worst + plan.endings.entry_fee[rows]
    return burdens
