"""How each signal ended, and the cells of the signals, column by column, without a row for each."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from attrs import frozen

from atlas_core.backtest.columnar.closed import SIDES, ClosedTrades
from atlas_core.backtest.columnar.days import NOBODY
from atlas_core.backtest.columnar.deciding import BY_GATE, ENTERED
from atlas_core.backtest.columnar.fixed import scaled
from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.tables import NONE, where
from atlas_core.backtest.columnar.telling import UNFILLED
from atlas_core.model.decisions import Outcome
from atlas_core.report.column_rows import Cells
from atlas_core.report.export import times_text

_PRICES = ("trigger", "stop", "target")
Refusal = tuple[str, str, float | None, float | None]
"""Who refused a signal, why, and the value against the threshold."""


@frozen
class End:
    """What the verdict on a signal says, and the number of the trade that came of it, 0 for none."""

    state: Outcome
    by: str
    reason: str
    value: float | None
    threshold: float | None
    at: int
    trade: int = 0


class SignalEnds:
    """The signals of a run in the order of detection, each with its end."""

    def __init__(self, closed: ClosedTrades) -> None:
        self._closed = closed
        self._worked, self._found = closed.worked, closed.found
        self._decisions = closed.worked.decisions
        self._places = closed.found.places(self._decisions.plan, self._decisions.row)

    def __len__(self) -> int:
        return len(self._places)

    @cached_property
    def ends(self) -> list[End]:
        """The end of each."""
        closed, decisions, count = self._closed, self._decisions, len(self)
        trade_at = np.full(count, NOBODY, dtype=np.int64)
        trade_at[closed.signals] = np.arange(len(closed))
        found_at = self._found.column("available_at")[self._places].tolist()
        columns = (decisions.plan, decisions.row, decisions.verdict, trade_at[self._places])
        rows = zip(found_at, *(column.tolist() for column in columns), strict=True)
        return [self._end(*row) for row in rows]

    def _end(self, found_at: int, plan: int, row: int, verdict: int, trade: int) -> End:
        closed = self._closed
        if trade != NOBODY:
            at, number = int(closed.closed_at[trade]), int(closed.number[trade])
            return End(Outcome.CLOSED, closed.rules[trade], closed.reasons[trade], None, None, at, number)
        if verdict == ENTERED:
            return End(Outcome.CANCELLED, *UNFILLED, None, None, self._worked.market.end)
        return End(Outcome.REFUSED, *self._refusal(plan, row, verdict), found_at)

    def _refusal(self, plan: int, row: int, verdict: int) -> Refusal:
        if verdict != BY_GATE:
            check = self._decisions.refusals[verdict]
            return f"limit {check.limit}", check.reason, check.value, check.threshold
        candidates = self._worked.plans[plan].candidates
        gate = int(candidates.refused_by[row])
        answer = self._worked.masks[candidates.scanner][gate].answer(int(candidates.table_row[row]))
        return self._worked.rules.gates[gate][0], answer.reason, answer.value, answer.threshold

    def price_decimals(self) -> dict[str, int]:
        """Return the decimals of the ticks of those symbols whose signals name a price."""
        plans = self._worked.plans
        has_price = np.any([~np.isnan(self._found.column(name)[self._places]) for name in _PRICES], axis=0)
        tapes = (plans[place].candidates.tape for place in sorted(set(self._decisions.plan[has_price].tolist())))
        return {tape.symbol: Scaled.of(tape.instrument.tick_size).digits for tape in tapes}

    def cells(self) -> Cells:
        """Return the cells of the signals by attribute."""
        found, places = self._found, self._places
        order, ends = places.tolist(), self.ends
        words = {name: found.column(name)[places].tolist() for name in ("symbol", "timeframe", "pattern", "entry")}
        return {
            **{name: self._prices(name) for name in _PRICES},
            "key": [found.keys[place] for place in order],
            "scanner": [found.scanners[place] for place in order],
            "symbol": words["symbol"],
            "timeframe": words["timeframe"],
            "setup": words["pattern"],
            "family": [found.families[place] for place in order],
            "side": [SIDES[sign] for sign in found.column("side")[places].tolist()],
            "entry": words["entry"],
            "detected_at": times_text(found.column("available_at")[places]),
            "setup_at": times_text(found.column("setup_at")[places]),
            "score": list(map(str, found.column("score")[places].tolist())),
            "state": [end.state.value for end in ends],
            "by": [end.by for end in ends],
            "reason": [end.reason for end in ends],
            "value": [_number(end.value) for end in ends],
            "threshold": [_number(end.threshold) for end in ends],
            "ended_at": times_text([end.at for end in ends]),
            "trade_id": [str(end.trade) for end in ends],
        }

    def _prices(self, name: str) -> list[str]:
        """Return a price of each signal, rounded to the tick as the engine rounds it."""
        prices, plan = self._found.column(name)[self._places], self._decisions.plan
        sizes = [each.candidates.tape.instrument.tick_size for each in self._worked.plans]
        there = ~np.isnan(prices)
        ticks = np.rint(np.where(there, prices, 0.0) / np.array(sizes, dtype=np.float64)[plan]).astype(np.int64)
        return where(there, scaled(ticks, sizes, plan))


def _number(value: float | None) -> str:
    return NONE if value is None else str(value)
