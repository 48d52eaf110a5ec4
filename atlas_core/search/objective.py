"""What a search is after: one metric by name, and the trades that a trial must have to count."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from atlas_core.errors import UsageError
from atlas_core.report.catalogue import metric_named
from atlas_core.report.metric import Better, Metric
from atlas_core.search.ledger import Trial, TrialStatus


@frozen
class Objective:
    """A metric to make as high or as low as it goes, among trials with at least `min_trades` closed trades."""

    metric: Metric
    min_trades: int = 1

    @property
    def is_maximised(self) -> bool:
        """Tell whether more is better."""
        return self.metric.better is Better.HIGHER

    def value(self, trial: Trial) -> float | None:
        """Return the figure that counts; None for a trial that did not finish, traded too little or has no figure."""
        if trial.status is not TrialStatus.FINISHED or not self.has_enough_trades(trial):
            return None
        return trial.figures.get(self.metric.name)

    def has_enough_trades(self, trial: Trial) -> bool:
        """Tell whether a trial has the trades that are asked for."""
        return (trial.figures.get("trades") or 0) >= self.min_trades

    def is_better(self, value: float, than: float) -> bool:
        """Tell whether one figure is better than another."""
        return value > than if self.is_maximised else value < than

    def ranked(self, trials: Sequence[Trial]) -> tuple[Trial, ...]:
        """Return the trials that count, the best first; equal ones in the order of their numbers."""
        counting = [(value, trial) for trial in trials if (value := self.value(trial)) is not None]
        sign = -1.0 if self.is_maximised else 1.0
        return tuple(trial for _, trial in sorted(counting, key=lambda item: (sign * item[0], item[1].number)))

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """Return the best trial that counts."""
        return next(iter(self.ranked(trials)), None)


def read_objective(name: str, min_trades: int = 1) -> Objective:
    """Return the objective of this name; raises NotFound for no metric, UsageError for one without a better side."""
    metric = metric_named(name)
    if metric.better is Better.NEITHER:
        raise UsageError(f"expected a metric that is better when higher or lower, was {name}: more of it is neither")
    return Objective(metric, min_trades)
