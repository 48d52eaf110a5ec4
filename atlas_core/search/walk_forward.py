"""What a walk-forward shows: the choice of each window, what became of it, and the account that would have been."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
from attrs import frozen

from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics
from atlas_core.report.equity import EquityPoint, periods_per_year
from atlas_core.search.ledger import Curve, Trial, TrialStatus
from atlas_core.search.objective import Objective
from atlas_core.search.windows import Window


def train_part(window: Window) -> str:
    """Return the name under which trials to choose from are kept."""
    return f"train {window.number}"


def tested_part(window: Window) -> str:
    """Return the name under which the trial of the chosen one is kept."""
    return f"test {window.number}"


@frozen(kw_only=True)
class Step:
    """One window: the best of its first stretch, and the same settings on the second; None where nothing counted."""

    window: Window
    tried: int
    chosen: Trial | None
    tested: Trial | None


@frozen(kw_only=True)
class WalkForward:
    """All windows, and the account that trades each second stretch with what the first one chose.

    `curve` joins the second stretches: nanoseconds UTC and the equity, where each begins with the money that the one
    before left. Every position is closed at the end of its window. `efficiency` is the yearly return of the second
    stretches divided by that of the first ones, both without compounding (Pardo, The Evaluation and Optimization of
    Trading Strategies, 2008); None where the first ones earned nothing.
    """

    steps: tuple[Step, ...]
    curve: Curve
    figures: Mapping[str, float | None]
    efficiency: float | None


def walk_forward(
    windows: Sequence[Window], trials: Sequence[Trial], objective: Objective, curve_of: Callable[[Trial], Curve]
) -> WalkForward:
    """Put the windows together from the trials that are known; `curve_of` reads the equity by day of one."""
    by_part: dict[str, list[Trial]] = {}
    for trial in trials:
        by_part.setdefault(trial.part, []).append(trial)
    steps = tuple(_step(window, by_part, objective) for window in windows)
    done = [step for step in steps if step.tested is not None and step.tested.status is TrialStatus.FINISHED]
    curve = _joined([curve_of(step.tested) for step in done if step.tested is not None])
    return WalkForward(steps=steps, curve=curve, figures=_figures(curve, done), efficiency=_efficiency(done))


def _step(window: Window, by_part: Mapping[str, Sequence[Trial]], objective: Objective) -> Step:
    tried = by_part.get(train_part(window), ())
    chosen = objective.best(tried)
    tested = by_part.get(tested_part(window), ())
    fitting = [trial for trial in tested if chosen is not None and trial.number == chosen.number]
    return Step(window=window, tried=len(tried), chosen=chosen, tested=fitting[0] if fitting else None)


def _joined(curves: Sequence[Curve]) -> Curve:
    """Return one curve of several, each scaled to begin with the money of the one before."""
    joined: list[tuple[int, float]] = []
    for curve in curves:
        if not curve:
            continue
        scale = joined[-1][1] / curve[0][1] if joined else 1.0
        joined += [(ts, equity * scale) for ts, equity in (curve[1:] if joined else curve)]
    return tuple(joined)


def _figures(curve: Curve, steps: Sequence[Step]) -> dict[str, float | None]:
    equity = np.array([value for _, value in curve], dtype=np.float64)
    returns = equity[1:] / equity[:-1] - 1.0 if len(equity) and (equity > 0).all() else np.zeros(0)
    periods = periods_per_year([EquityPoint(ts, Decimal(0)) for ts, _ in curve])
    has_ratios = len(returns) >= metrics.RATIO_MINIMUM_RETURNS
    tested = [step.tested for step in steps if step.tested is not None]
    return {
        "total_return": metrics.total_return(float(equity[0]), float(equity[-1])) if len(equity) else None,
        "sharpe": metrics.sharpe(returns, periods) if has_ratios else None,
        "sortino": metrics.sortino(returns, periods) if has_ratios else None,
        "max_drawdown": -metrics.max_drawdown(equity) if len(equity) else None,
        "trades": sum(trial.figures.get("trades") or 0.0 for trial in tested),
        "net_profit": sum(trial.figures.get("net_profit") or 0.0 for trial in tested),
    }


def _efficiency(steps: Sequence[Step]) -> float | None:
    first = [_yearly(step.chosen, step.window.train_end - step.window.train_start) for step in steps]
    second = [_yearly(step.tested, step.window.test_end - step.window.test_start) for step in steps]
    if not steps or sum(first) <= 0:
        return None
    return sum(second) / sum(first)


def _yearly(trial: Trial | None, nanoseconds: int) -> float:
    value = trial.figures.get("total_return") if trial is not None else None
    return (value or 0.0) * metrics.DAYS_PER_YEAR * DAY / nanoseconds
