"""The one loop: which candidates become trades, in the order in which the engine would decide."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

import numpy as np
from attrs import define, field, frozen

from atlas_core.backtest.columnar.candidates import NO_RULE, Candidates
from atlas_core.backtest.columnar.endings import Endings, How
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.tape import Column
from atlas_core.engine.limits import Check
from atlas_core.engine.ports import Rules
from atlas_core.model.timeframe import MINUTE

DEAREST = 1.2
"""More than any slippage adds to the price at which an order is margined."""

ENTERED = -1
BY_GATE = -2


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


@define
class _Held:
    """A position, or an entry that may still fill."""

    symbol: int
    free_at: int
    closing_at: int
    plan: int
    row: int
    burden: int


@define
class _Account:
    """Which places are taken, and a floor of what the account can carry, in minor units."""

    plans: Sequence[Plan]
    rules: Rules
    cash: int
    slack: int = 0
    held: list[_Held] = field(factory=list)
    sent: deque[int] = field(factory=deque)
    refusals: dict[Check, int] = field(factory=dict)

    def decide(self, now: int, plan: int, row: int, symbol: int, side: int) -> int:
        """Return ENTERED and take a place, or the place of the refusal."""
        self._let_go(now)
        check = self._check(now, symbol, side)
        if check is None and not self.plans[plan].candidates.is_possible[row]:
            check = Check("geometry", 1.0, 0.0, "expected stop, entry and target in this order")
        if check is not None:
            return self.refusals.setdefault(check, len(self.refusals))
        self._take(now, plan, row, symbol)
        return ENTERED

    def _let_go(self, now: int) -> None:
        if any(held.free_at <= now for held in self.held):
            for held in self.held:
                if held.free_at <= now:
                    endings = self.plans[held.plan].endings
                    self.cash += int(endings.gross[held.row]) - int(endings.exit_fee[held.row])
                    self.slack += 1  # the venue keeps what the books round
            self.held = [held for held in self.held if held.free_at > now]

    def _check(self, now: int, symbol: int, side: int) -> Check | None:
        """Return the first limit that does not hold, in the engine's order; money is looked at after that."""
        sent, rules = self.sent, self.rules
        while sent and sent[0] <= now - MINUTE:
            sent.popleft()
        if len(sent) + 1 > rules.max_orders_per_minute:
            rate, most = float(len(sent) + 1), float(rules.max_orders_per_minute)
            return Check("max_orders_per_minute", rate, most, "too many entries a minute")
        if any(held.symbol == symbol for held in self.held):
            return Check("max_positions_per_symbol", 2.0, 1.0, "a position is open in it")
        places = sum(1 for held in self.held if rules.counts_closing or held.closing_at > now)
        if places + 1 > rules.max_positions:
            return Check("max_positions", places + 1.0, float(rules.max_positions), "all positions are taken")
        if side < 0 and not rules.can_sell_short:
            return Check("short_selling", 1.0, 0.0, "the broker does not sell short")
        return None

    def _take(self, now: int, plan: int, row: int, symbol: int) -> None:
        candidates, endings = self.plans[plan].candidates, self.plans[plan].endings
        fee, seen = int(endings.entry_fee[row]), int(candidates.tape.close[candidates.row[row]])
        cost = max(int(endings.cost[row]), int(self._worth(candidates, row, seen) * DEAREST) + 1)
        worst = cost if candidates.side[row] > 0 else _worst_loss(candidates, endings, row)
        burden = cost + max(cost, worst) + fee
        self._expect_means(now, candidates, row, burden)
        self.held.append(_Held(symbol, int(endings.free_at[row]), int(endings.closing_at[row]), plan, row, burden))
        self.sent.append(now)
        if endings.how[row] != How.UNFILLED:
            self.cash -= fee

    def _expect_means(self, now: int, candidates: Candidates, row: int, burden: int) -> None:
        """Raise NotSimple unless no price of the positions held could keep the entry from its margin or its limit."""
        floor = self.cash - self.slack - sum(held.burden for held in self.held)
        if burden > floor:
            raise NotSimple("an entry comes near what the account can carry")
        exposure = self._worth(candidates, row, int(candidates.tape.close[candidates.row[row]]))
        equity = float(self.cash)
        for held in self.held:
            other = self.plans[held.plan].candidates
            price = int(other.tape.close[other.tape.row_at(now)])
            exposure += self._worth(other, held.row, price)
            if other.fill[held.row] < len(other.tape) and other.tape.opened_at[other.fill[held.row]] < now:
                gain = (price - int(other.entry[held.row])) * int(other.side[held.row])
                equity += self._worth(other, held.row, gain)
        if exposure * 100 > equity * float(self.rules.max_exposure_pct) * (1 - 1e-9):
            raise NotSimple("the exposure comes near its limit")

    def _worth(self, candidates: Candidates, row: int, ticks: int) -> float:
        purse = candidates.tape.purse
        return ticks * int(candidates.lots[row]) * purse.per_tick_lot / purse.to_unit


def _worst_loss(candidates: Candidates, endings: Endings, row: int) -> int:
    """Return what a short position loses at the highest price while it is open, rounded up."""
    tape, first = candidates.tape, int(candidates.fill[row])
    if first >= len(tape):
        return 0
    highest = int(tape.high[first : int(endings.row[row]) + 1].max())
    entry, share = int(candidates.entry[row]), tape.instrument.maintenance_margin_pct / 100
    if highest >= entry * (Decimal("1.9") - share):
        raise NotSimple("a short position comes near its liquidation")
    lost = (highest - entry) * int(candidates.lots[row]) * tape.purse.per_tick_lot
    return -(-max(lost, 0) // tape.purse.to_unit)


def decide(plans: Sequence[Plan], rules: Rules, starting_cash: Decimal, unit: Decimal) -> Decisions:
    """Decide about all candidates; raises NotSimple where money might decide."""
    plan, row = _in_order(plans)
    if starting_cash % unit:
        raise NotSimple("the starting cash is no whole number of minor units")
    account = _Account(plans, rules, int(starting_cash / unit))
    columns = [p.candidates for p in plans]
    places = [c.tape.place for c in columns]
    at, side, refused = ([getattr(c, name).tolist() for c in columns] for name in ("at", "side", "refused_by"))
    verdict = [
        account.decide(at[p][r], p, r, places[p], side[p][r]) if refused[p][r] == NO_RULE else BY_GATE
        for p, r in zip(plan.tolist(), row.tolist(), strict=True)
    ]
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
