"""The closed trades of a run in the order of closing: every fact of theirs a column, made when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import Candidates
from atlas_core.backtest.columnar.deciding import Plan
from atlas_core.backtest.columnar.endings import How, Numbers
from atlas_core.backtest.columnar.fixed import Fixed, scaled
from atlas_core.backtest.columnar.found import Found
from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.run import Worked
from atlas_core.backtest.columnar.simple import SimpleRules
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.backtest.columnar.trades import Chosen, Trades
from atlas_core.columnar import NO_LEVEL
from atlas_core.model.signals import Side

END_RULE, END_REASON = "end", "end of data"
_LARGEST = 2**62
SIDES = {side.sign: side.value for side in Side}


def ending_of(
    rules: SimpleRules, candidates: Candidates, how: int, place: int, side: int, stop: int, target: int
) -> tuple[str, str]:
    """Return the rule that closed a trade, and its reason; `place` is that of the rule, levels are in ticks."""
    if how == How.RULE:
        answer = candidates.answers[place]
        return rules.stepped[place][0], answer.long_reason if side > 0 else answer.short_reason
    if how == How.STOP:
        return rules.levels[place][0], f"stop {candidates.tape.instrument.from_ticks(stop)} reached"
    if how == How.TARGET:
        return rules.levels[place][0], f"target {candidates.tape.instrument.from_ticks(target)} reached"
    return END_RULE, END_REASON


class ClosedTrades:
    """What is known of each trade; prices, sizes and money are exact."""

    def __init__(self, worked: Worked, trades: Trades) -> None:
        self.worked = worked
        self.found = Found(worked)
        self.plan, self.row = trades.plan[trades.closing], trades.row[trades.closing]
        self.number: Column = trades.closing + 1
        self.opened_at, self.closed_at = trades.opened_at[trades.closing], trades.closed_at[trades.closing]
        self._trades = trades
        self._chosen = Chosen(worked.plans, self.plan, self.row)
        self._unit_digits = Scaled.of(worked.rules.unit).digits

    def __len__(self) -> int:
        return len(self.row)

    def of(self, column: Callable[[Plan], Numbers]) -> Numbers:
        """Return one column of the plans for each trade."""
        return self._chosen.of(column)

    def each(self, fact: Callable[[Plan], str]) -> list[str]:
        """Return for each trade a fact that all trades of its plan share."""
        facts = list(map(fact, self.worked.plans))
        return [facts[plan] for plan in self.plan.tolist()]

    @cached_property
    def signals(self) -> Column:
        """The places of their signals among all that were found."""
        return self.found.places(self.plan, self.row)

    @cached_property
    def facts(self) -> Mapping[str, Callable[[], list[str]]]:
        """What is known in words, by the name that it has in a row of trades."""
        families = self.found.families
        return {
            "symbol": lambda: self.each(lambda plan: plan.candidates.tape.symbol),
            "timeframe": lambda: self._words("timeframe"),
            "setup": lambda: self._words("pattern"),
            "family": lambda: [families[place] for place in self.signals.tolist()],
            "side": lambda: [SIDES[sign] for sign in self.side.tolist()],
            "ended_by": lambda: self.rules,
        }

    def _words(self, name: str) -> list[str]:
        words: list[str] = self.found.column(name)[self.signals].tolist()
        return words

    @cached_property
    def side(self) -> Column:
        """+1 for long and -1 for short."""
        return self.of(lambda plan: plan.candidates.side)

    @cached_property
    def entry(self) -> Column:
        """The prices of the entries in ticks."""
        return self.of(lambda plan: plan.candidates.entry)

    @cached_property
    def lots(self) -> Column:
        """The sizes in lots."""
        return self.of(lambda plan: plan.candidates.lots)

    @cached_property
    def stop(self) -> Column:
        """The first stops in ticks, NO_LEVEL for none."""
        return self.of(lambda plan: plan.candidates.levels.stop)

    @cached_property
    def target(self) -> Column:
        """The first targets in ticks, NO_LEVEL for none."""
        return self.of(lambda plan: plan.candidates.levels.target)

    @cached_property
    def is_ambiguous(self) -> NDArray[np.bool_]:
        """Whether stop and target were reached in one bar."""
        return self.of(lambda plan: plan.endings.is_ambiguous).astype(bool)

    def prices(self, ticks: Column) -> Fixed:
        """Return ticks of the trades' instruments as prices."""
        return scaled(ticks, [plan.candidates.tape.instrument.tick_size for plan in self.worked.plans], self.plan)

    @cached_property
    def exit_price(self) -> Fixed:
        """The prices of the exits."""
        return self.prices(self.of(lambda plan: plan.endings.price))

    @cached_property
    def extremes(self) -> tuple[Column, Column]:
        """The highest and the lowest price of each trade, in ticks."""
        closing = self._trades.closing
        return self._trades.highest[closing], self._trades.lowest[closing]

    @cached_property
    def quantity(self) -> Fixed:
        """The sizes in units of the instrument."""
        sizes = [plan.candidates.tape.instrument.lot_size for plan in self.worked.plans]
        return scaled(self.lots, sizes, self.plan)

    @cached_property
    def gross(self) -> Fixed:
        """The results before costs."""
        return self._money(self._trades.gross[self._trades.closing])

    @cached_property
    def fees(self) -> Fixed:
        """The fees of entry and exit."""
        return self._money((self._trades.entry_fee + self._trades.exit_fee)[self._trades.closing])

    @cached_property
    def slippage(self) -> Fixed:
        """What was lost to slippage; it is within the results."""
        return self._money(self.of(lambda plan: plan.endings.slippage))

    @cached_property
    def net(self) -> Fixed:
        """The results after costs."""
        return self._money(self.gross.numbers - self.fees.numbers)

    @cached_property
    def risk(self) -> Fixed:
        """The money between entry and first stop, 0 without a stop."""
        apart = np.where(self.stop == NO_LEVEL, 0, np.abs(self.entry - self.stop))
        purses = [plan.candidates.tape.purse for plan in self.worked.plans]
        per_tick_lot = [purse.per_tick_lot for purse in purses]
        largest = int(apart.max(initial=1)) * int(self.lots.max(initial=1)) * max(per_tick_lot, default=1)
        kind = np.int64 if largest < _LARGEST else object
        worth = apart.astype(kind) * self.lots.astype(kind) * np.array(per_tick_lot, dtype=kind)[self.plan]
        return Fixed(worth, np.array([purse.digits for purse in purses], dtype=np.int64)[self.plan])

    @cached_property
    def multiples(self) -> list[float | None]:
        """The results in multiples of the risk, None without one; rounded as the engine does."""
        to_digits = [10 ** (digits - self._unit_digits) for digits in self.risk.digits.tolist()]
        rows = zip(self.net.numbers.tolist(), to_digits, self.risk.numbers.tolist(), strict=True)
        return [round(net * scale / risk, 6) if risk else None for net, scale, risk in rows]

    @cached_property
    def rules(self) -> list[str]:
        """The rules that closed the trades."""
        return [rule for rule, _ in self._why]

    @cached_property
    def reasons(self) -> list[str]:
        """The reasons of the closings."""
        return [reason for _, reason in self._why]

    @cached_property
    def _why(self) -> list[tuple[str, str]]:
        columns = zip(
            self.plan.tolist(),
            self.of(lambda plan: plan.endings.how).tolist(),
            self.of(lambda plan: plan.endings.rule).tolist(),
            self.side.tolist(),
            self.stop.tolist(),
            self.target.tolist(),
            strict=True,
        )
        rules, plans = self.worked.rules, self.worked.plans
        return [ending_of(rules, plans[plan].candidates, *facts) for plan, *facts in columns]

    def _money(self, numbers: Numbers) -> Fixed:
        return Fixed(numbers, np.full(len(numbers), self._unit_digits, dtype=np.int64))
