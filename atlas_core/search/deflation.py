"""What the best of many trials is worth: its Sharpe ratio against the one that luck alone would have found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from attrs import frozen

from atlas_core.report.equity import EquityPoint, periods_per_year
from atlas_core.report.significance import deflated_sharpe, expected_maximum_sharpe
from atlas_core.search.ledger import Curve, Trial

CONVINCING = 0.95


@frozen(kw_only=True)
class Deflation:
    """The deflated Sharpe ratio of a trial (Bailey and Lopez de Prado, The Deflated Sharpe Ratio, 2014).

    `trials` is the number of different systems ever tried on the data, each counted once and as independent of the
    others, which is the cautious assumption; `expected_by_luck` is the highest yearly Sharpe ratio to be expected of so
    many without any skill, `probability` that the true ratio of this one is above it. None where the ratio of a trial
    does not exist (below 30 daily returns).
    """

    trials: int
    sharpe: float | None
    expected_by_luck: float | None
    probability: float | None

    def sentence(self) -> str:
        """Say what the choice of the best costs."""
        many = f"the best of {self.trials:,} ever tried on this data" if self.trials > 1 else "the only one tried"
        if self.probability is None or self.expected_by_luck is None or self.sharpe is None:
            return f"{many}: its Sharpe ratio does not exist, so nothing tells it from luck"
        verdict = "more than luck" if self.probability >= CONVINCING else "not shown to be more than luck"
        return (
            f"{many}: luck alone would give a Sharpe ratio of about {self.expected_by_luck:.2f}, this one has "
            f"{self.sharpe:.2f}; the probability that it is truly above is {self.probability:.2f}: {verdict}"
        )


def deflation(trial: Trial, curve: Curve, sharpes: Sequence[float | None]) -> Deflation:
    """Return the deflated figure of a trial with its equity by day.

    `sharpes` are the yearly ratios of every system that was tried on its data.
    """
    returns = _returns(curve)
    periods = periods_per_year([EquityPoint(ts, Decimal(0)) for ts, _ in curve])
    known = np.array([value for value in sharpes if value is not None], dtype=np.float64) / math.sqrt(periods)
    variance = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    sharpe = trial.figures.get("sharpe")
    if sharpe is None:
        return Deflation(trials=len(sharpes), sharpe=None, expected_by_luck=None, probability=None)
    return Deflation(
        trials=len(sharpes),
        sharpe=sharpe,
        expected_by_luck=expected_maximum_sharpe(len(sharpes), variance) * math.sqrt(periods),
        probability=deflated_sharpe(returns, len(sharpes), variance),
    )


def _returns(curve: Curve) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    equity = np.array([value for _, value in curve], dtype=np.float64)
    before = equity[:-1]
    return np.divide(equity[1:] - before, before, out=np.zeros_like(before), where=before > 0)
