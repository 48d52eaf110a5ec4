"""Exit rules that offer their answers as steps, looked up: a back-test then knows when they speak next."""

from __future__ import annotations

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray

from atlas_core.columnar import ExitSteps, SteppedExit
from atlas_core.compose import OpenSystem
from atlas_core.contracts import ExitRule, LevelRule, MarketHistory, MarketNow, PatientRule
from atlas_core.engine.ports import EngineParts
from atlas_core.loading import LoadedMarket
from atlas_core.model.decisions import Exit, finite
from atlas_core.model.portfolio import Position
from atlas_core.model.waiting import NEVER, Waiting


@frozen
class _Answers:
    """The steps of one symbol, and the times at which they begin to close a long or a short position."""

    steps: ExitSteps
    long: NDArray[np.int64]
    short: NDArray[np.int64]


@define
class LookedUp(PatientRule):
    """An exit rule whose answers were all worked out before the run."""

    rule: SteppedExit
    history: MarketHistory
    _known: dict[str, _Answers] = field(factory=dict)

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return the answer of the present step."""
        steps = self._of(position.symbol).steps
        step = int(np.searchsorted(steps.at, market.now, side="right")) - 1
        is_long = position.side.sign > 0
        if step < 0 or not (steps.long if is_long else steps.short)[step]:
            return None
        reason = steps.long_reason if is_long else steps.short_reason
        value, threshold = steps.compared(step)
        return Exit(reason, finite(value), finite(threshold))

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        """Return the wait for the next step that closes a position of this side."""
        answers = self._of(position.symbol)
        times = answers.long if position.side.sign > 0 else answers.short
        following = int(np.searchsorted(times, market.now, side="right"))
        return Waiting(at=int(times[following]) if following < len(times) else NEVER)

    def _of(self, symbol: str) -> _Answers:
        if symbol not in self._known:
            steps = self.rule.steps(self.history, symbol)
            self._known[symbol] = _Answers(steps, steps.at[steps.long], steps.at[steps.short])
        return self._known[symbol]


def looked_up(live: OpenSystem, market: LoadedMarket) -> OpenSystem:
    """Return the system with its stepped exit rules looked up over the history of a run."""
    parts = live.system.parts
    exits = tuple((label, _looked_up(rule, market)) for label, rule in parts.exits)
    parts = EngineParts(gates=parts.gates, sizer=parts.sizer, exits=exits)
    return evolve(live, system=evolve(live.system, parts=parts))


def _looked_up(rule: ExitRule, market: LoadedMarket) -> ExitRule:
    """Return a rule looked up; one that also gives levels is left as it is, as they are asked of it bar by bar."""
    if isinstance(rule, LevelRule) or not isinstance(rule, SteppedExit):
        return rule
    return LookedUp(rule, market.data)
