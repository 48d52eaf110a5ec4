"""The gate `strat.continuity`: judges at the moment of entry, by the bars that are forming then."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core import Approve, Gate, Need, NeedsBars, Refuse, Scale
from atlas_strat.continuity import continuity_now
from atlas_strat.continuity_options import USUAL, ContinuityMethod, Incomplete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_core import GateAnswer, MarketNow, Portfolio, Signal
    from atlas_strat.continuity import Continuity
    from atlas_strat.continuity_options import ContinuityOptions, Requirement


class ContinuityGate(Gate, NeedsBars):
    """Refuses a signal against which too many timeframes trade; what is not known refuses too.

    `scanned` are the timeframes of which signals can come: the gate reads what is asked for those.
    """

    def __init__(self, options: ContinuityOptions, scanned: Sequence[str] = ()) -> None:
        self._options = options
        self._scanned = tuple(scanned) or tuple(USUAL)

    def needs(self) -> Sequence[Need]:
        """Return every timeframe that can be asked; its label takes the bar before."""
        warmup = 1 if self._options.method is ContinuityMethod.BAR_TYPE else 0
        asked = [self._options.requirement(timeframe).timeframes for timeframe in self._scanned]
        return tuple(Need(text, warmup) for text in dict.fromkeys(t.text for each in asked for t in each))

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:  # noqa: ARG002
        """Judge by the number of timeframes on the side of the trade, against the number that must be."""
        asked = self._options.requirement(signal.timeframe)
        names = [timeframe.text for timeframe in asked.timeframes]
        found = continuity_now(market, signal.symbol, names, self._options.method)
        side, direction = signal.side.sign, "up" if signal.side.sign > 0 else "down"
        value, threshold = float(found.aligned(side)), float(asked.needed)
        text = f"{found.aligned(side)} of {found.asked} timeframes {direction} ({found})"
        if found.missing and self._options.incomplete is Incomplete.REFUSE:
            return Refuse(f"not known: {', '.join(found.missing)}; {text}", value, threshold)
        if value < threshold:
            return Refuse(text, value, threshold)
        if found.distinct_opens < self._options.minimum_distinct_opens:
            opens, least = found.distinct_opens, self._options.minimum_distinct_opens
            return Refuse(f"{opens} distinct opens, {text}", float(opens), float(least))
        return self._let_pass(found, side, text, asked)

    def _let_pass(self, found: Continuity, side: int, text: str, asked: Requirement) -> GateAnswer:
        value, threshold = float(found.aligned(side)), float(asked.needed)
        if not self._options.size_by_score or found.aligned(side) == found.asked:
            return Approve(text, value, threshold)
        return Scale(Decimal(found.aligned(side)) / found.asked, text, value, threshold)
