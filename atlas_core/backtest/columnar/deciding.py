"""The one loop: which candidates become trades, in the order in which the engine would decide."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import NO_RULE, Candidates
from atlas_core.backtest.columnar.endings import Endings, How
from atlas_core.backtest.columnar.searching import NEVER
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.engine.limits import Check
from atlas_core.engine.ports import Rules
from atlas_core.model.timeframe import MINUTE

DEAREST = 1.2
"""More than any slippage adds to the price at which an order is margined."""

ENTERED = -1
BY_GATE = -2

HELD = Check("max_positions_per_symbol", 2.0, 1.0, "a position is open in it")
SHORT_SELLING = Check("short_selling", 1.0, 0.0, "the broker does not sell short")
GEOMETRY = Check("geometry", 1.0, 0.0, "expected stop, entry and target in this order")
POOR, EXPOSED = "an entry comes near what the account can carry", "the exposure comes near its limit"


def too_many(sent: int, rules: Rules) -> Check:
    """Return the refusal of an entry before which so many were sent within a minute."""
    most = float(rules.max_orders_per_minute)
    return Check("max_orders_per_minute", float(sent + 1), most, "too many entries a minute")


@frozen(eq=False)
class Plan:
    """The candidates of one symbol and scanner, and how each would end."""

    candidates: Candidates
    endings: Endings


@frozen(eq=False, kw_only=True)
class Decisions:
    """Every candidate in the order of decision: its plan and its row there, and what was decided.

    `verdict` is ENTERED, BY_GATE, or a place in `refusals`.
    """

    plan: Column
    row: Column
    verdict: Column
    refusals: tuple[Check, ...]


@frozen(eq=False, kw_only=True)
class _Facts:
    """What is read of a plan, as Python's own numbers: read one by one they cost a tenth of a column's.

    `cost` is the most that an entry is margined with, `proceeds` what its end brings, all in minor units.
    """

    plan: Plan
    place: int
    at: list[int]
    side: list[int]
    refused_by: list[int]
    is_possible: list[bool]
    is_unfilled: list[bool]
    worth: list[float]
    cost: list[int]
    entry_fee: list[int]
    proceeds: list[int]
    closing_at: list[int]
    free_at: list[int]

    @classmethod
    def of(cls, plan: Plan) -> _Facts:
        """Read a plan."""
        candidates, endings = plan.candidates, plan.endings
        worth = worth_of(plan).tolist()
        costs = zip(endings.cost.tolist(), worth, strict=True)
        return cls(
            plan=plan,
            place=candidates.tape.place,
            at=candidates.at.tolist(),
            side=candidates.side.tolist(),
            refused_by=candidates.refused_by.tolist(),
            is_possible=candidates.is_possible.tolist(),
            is_unfilled=(endings.how == How.UNFILLED).tolist(),
            worth=worth,
            cost=[max(cost, int(value * DEAREST) + 1) for cost, value in costs],
            entry_fee=endings.entry_fee.tolist(),
            proceeds=(endings.gross - endings.exit_fee).tolist(),
            closing_at=endings.closing_at.tolist(),
            free_at=endings.free_at.tolist(),
        )


@define
class _Held:
    """A position, or an entry that may still fill."""

    facts: _Facts
    row: int
    free_at: int
    closing_at: int
    burden: int


@define
class _Account:
    """Which places are taken, and a floor of what the account can carry, in minor units."""

    rules: Rules
    cash: int
    slack: int = 0
    burden: int = 0
    next_free: int = NEVER
    held: list[_Held] = field(factory=list)
    sent: deque[int] = field(factory=deque)
    refusals: dict[Check, int] = field(factory=dict)

    def decide(self, facts: _Facts, row: int) -> int:
        """Return ENTERED and take a place, BY_GATE, or the place of the refusal."""
        if facts.refused_by[row] != NO_RULE:
            return BY_GATE
        now = facts.at[row]
        if self.next_free <= now:
            self._let_go(now)
        check = self._place_check(now, facts.place)
        if check is None:
            burden = _burden(facts, row)
            self._expect_means(now, facts, row, burden)
            check = self._entry_check(facts, row)
            if check is None:
                self._take(now, facts, row, burden)
                return ENTERED
        return self.refusals.setdefault(check, len(self.refusals))

    def _let_go(self, now: int) -> None:
        for held in self.held:
            if held.free_at <= now:
                self.cash += held.facts.proceeds[held.row]
                self.burden -= held.burden
                self.slack += 1  # the venue keeps what the books round
        self.held = [held for held in self.held if held.free_at > now]
        self.next_free = min((held.free_at for held in self.held), default=NEVER)

    def _place_check(self, now: int, place: int) -> Check | None:
        """Return the first limit that does not hold, in the engine's order, of those before money is looked at."""
        sent, rules = self.sent, self.rules
        while sent and sent[0] <= now - MINUTE:
            sent.popleft()
        if len(sent) + 1 > rules.max_orders_per_minute:
            return too_many(len(sent), rules)
        places = 0
        for held in self.held:
            if held.facts.place == place:
                return HELD
            places += rules.counts_closing or held.closing_at > now
        if places + 1 > rules.max_positions:
            return Check("max_positions", places + 1.0, float(rules.max_positions), "all positions are taken")
        return None

    def _entry_check(self, facts: _Facts, row: int) -> Check | None:
        """Return the first limit that does not hold of those after money."""
        if facts.side[row] < 0 and not self.rules.can_sell_short:
            return SHORT_SELLING
        if not facts.is_possible[row]:
            return GEOMETRY
        return None

    def _take(self, now: int, facts: _Facts, row: int, burden: int) -> None:
        held = _Held(facts, row, facts.free_at[row], facts.closing_at[row], burden)
        self.held.append(held)
        self.burden += burden
        self.next_free = min(self.next_free, held.free_at)
        self.sent.append(now)
        if not facts.is_unfilled[row]:
            self.cash -= facts.entry_fee[row]

    def _expect_means(self, now: int, facts: _Facts, row: int, burden: int) -> None:
        """Raise NotSimple unless no price of the positions held could keep the entry from its margin or its limit."""
        if burden > self.cash - self.slack - self.burden:
            raise NotSimple(POOR)
        exposure, equity = facts.worth[row], float(self.cash)
        for held in self.held:
            other = held.facts.plan.candidates
            price = other.tape.seen_at(now)
            exposure += _worth(other, held.row, price)
            if other.fill[held.row] < len(other.tape) and other.tape.opened_at[other.fill[held.row]] < now:
                gain = (price - int(other.entry[held.row])) * int(other.side[held.row])
                equity += _worth(other, held.row, gain)
        if exposure * 100 > equity * float(self.rules.max_exposure_pct) * (1 - 1e-9):
            raise NotSimple(EXPOSED)


def _burden(facts: _Facts, row: int) -> int:
    """Return the most that an entry binds and loses, with its fee."""
    cost = facts.cost[row]
    worst = cost if facts.side[row] > 0 else max(cost, worst_loss(facts.plan, row))
    return cost + worst + facts.entry_fee[row]


def _worth(candidates: Candidates, row: int, ticks: int) -> float:
    purse = candidates.tape.purse
    return ticks * int(candidates.lots[row]) * purse.per_tick_lot / purse.to_unit


def worth_of(plan: Plan) -> NDArray[np.float64]:
    """Return what each candidate is worth at the close at which it was found, in minor units."""
    candidates, purse = plan.candidates, plan.candidates.tape.purse
    seen = candidates.tape.close[candidates.row].astype(np.float64)
    worth: NDArray[np.float64] = seen * candidates.lots * purse.per_tick_lot / purse.to_unit
    return worth


def worst_loss(plan: Plan, row: int) -> int:
    """Return what a short position loses at the highest price while it is open, rounded up."""
    candidates, endings = plan.candidates, plan.endings
    tape, first = candidates.tape, int(candidates.fill[row])
    if first >= len(tape):
        return 0
    highest = int(tape.high[first : int(endings.row[row]) + 1].max())
    entry, share = int(candidates.entry[row]), tape.instrument.maintenance_margin_pct / 100
    if highest >= entry * (Decimal("1.9") - share):
        raise NotSimple("a short position comes near its liquidation")
    lost = (highest - entry) * int(candidates.lots[row]) * tape.purse.per_tick_lot
    return -(-max(lost, 0) // tape.purse.to_unit)


def in_units(cash: Decimal, unit: Decimal) -> int:
    """Return the starting cash in minor units; raises NotSimple where it is no whole number of them."""
    if cash % unit:
        raise NotSimple("the starting cash is no whole number of minor units")
    return int(cash / unit)


def decide(plans: Sequence[Plan], rules: Rules, cash: int) -> Decisions:
    """Decide about all candidates with so much cash, in minor units; raises NotSimple where money might decide."""
    plan, row = _in_order(plans)
    account, facts = _Account(rules, cash), [_Facts.of(each) for each in plans]
    verdict = [account.decide(facts[p], r) for p, r in zip(plan.tolist(), row.tolist(), strict=True)]
    return Decisions(plan=plan, row=row, verdict=np.array(verdict, dtype=np.int64), refusals=tuple(account.refusals))


def _in_order(plans: Sequence[Plan]) -> tuple[Column, Column]:
    """Return plan and row of every candidate, by time, then scanner, then place in its table."""
    counts = [len(plan.candidates.at) for plan in plans]
    plan = np.repeat(np.arange(len(plans)), counts)
    row = np.fromiter(chain.from_iterable(map(range, counts)), dtype=np.int64, count=sum(counts))
    if not plans:
        return plan, row
    at = np.concatenate([p.candidates.at for p in plans])
    scanner = np.repeat([p.candidates.scanner for p in plans], counts)
    table_row = np.concatenate([p.candidates.table_row for p in plans])
    order = np.lexsort((table_row, scanner, at))
    return plan[order], row[order]
