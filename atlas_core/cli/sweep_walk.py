"""The screen of a walk-forward: the choice of each window and what became of it, and the account in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import asdict

from atlas_core.cli.sweep_figures import figure, short_names
from atlas_core.cli.tables import Column, percent, print_table, say, say_wrapped
from atlas_core.clock import to_datetime
from atlas_core.report.catalogue import metric_named
from atlas_core.search.objective import Objective
from atlas_core.search.walk_forward import Step, WalkForward

_RETURN = "total_return"
_JOINED = (_RETURN, "sharpe", "max_drawdown", "trades", "net_profit")


def print_walk(walk: WalkForward, objective: Objective, keys: Sequence[str]) -> None:
    """Print the windows, the joined account, the efficiency, and how much the choice wanders."""
    names = short_names(keys)
    has_returns = objective.metric.name != _RETURN
    rows = [_row(step, objective, keys, with_returns=has_returns) for step in walk.steps]
    columns = [
        Column("#", numeric=True),
        Column("Chosen on", numeric=True, drop=3),
        Column("Tried on", numeric=True),
        *(Column(names[key], numeric=True) for key in keys),
        *(Column(f"{objective.metric.title} {side}", numeric=True) for side in ("in", "out")),
        *(Column(f"Return {side}", numeric=True, drop=2) for side in ("in", "out") if has_returns),
        Column("Trades out", numeric=True, drop=1),
    ]
    say()
    print_table("In: where it was chosen; out: the time after it", columns, rows)
    say()
    say_wrapped(f"out of sample, joined: {_joined(walk)}", 2)
    say_wrapped(f"efficiency {_efficiency(walk)}", 2)
    for key in keys if any(step.chosen is not None for step in walk.steps) else ():
        say_wrapped(f"  {_wandering(walk, key, names[key])}", 4)


def _joined(walk: WalkForward) -> str:
    return " · ".join(
        f"{metric_named(name).title} {figure(metric_named(name), walk.figures[name])}" for name in _JOINED
    )


def walk_text(walk: WalkForward) -> str:
    """Return in one sentence what became of the choices."""
    efficiency = "n/a" if walk.efficiency is None else percent(walk.efficiency, 0)
    return f"{len(walk.steps)} windows, out of sample, joined: {_joined(walk)}; efficiency {efficiency}"


def _row(step: Step, objective: Objective, keys: Sequence[str], *, with_returns: bool) -> list[str]:
    window = step.window
    chosen = dict(step.chosen.settings) if step.chosen is not None else {}
    both = (step.chosen, step.tested)
    counted = [None if trial is None else trial.figures.get(objective.metric.name) for trial in both]
    earned = [None if trial is None else trial.figures.get(_RETURN) for trial in both]
    trades = None if step.tested is None else step.tested.figures.get("trades")
    return [
        str(window.number),
        f"{_day(window.train_start)} {_day(window.train_end)}",
        f"{_day(window.test_start)} {_day(window.test_end)}",
        *(chosen.get(key, "none") for key in keys),
        *(figure(objective.metric, value) for value in counted),
        *(figure(metric_named(_RETURN), value) for value in earned if with_returns),
        figure(metric_named("trades"), trades),
    ]


def _day(ts: int) -> str:
    return to_datetime(ts).strftime("%Y-%m-%d")


def _efficiency(walk: WalkForward) -> str:
    if walk.efficiency is None:
        return "n/a: nothing was earned where it was chosen, or no window is done"
    return f"{percent(walk.efficiency, 0)}: the yearly return after the choice, as a share of that where it was made"


def _wandering(walk: WalkForward, key: str, name: str) -> str:
    chosen = [dict(step.chosen.settings)[key] for step in walk.steps if step.chosen is not None]
    different = list(dict.fromkeys(chosen))
    return f"{name}: {len(different)} different in {len(chosen)} windows ({', '.join(different)})"


def walk_facts(walk: WalkForward) -> dict[str, Any]:
    """Return a walk-forward for the JSON document."""
    return {
        "windows": [_step_facts(step) for step in walk.steps],
        "joined": {"figures": walk.figures, "curve": walk.curve},
        "efficiency": walk.efficiency,
    }


def _step_facts(step: Step) -> dict[str, Any]:
    chosen, tested = step.chosen, step.tested
    return {
        **asdict(step.window),
        "tried": step.tried,
        "settings": None if chosen is None else dict(chosen.settings),
        "in_sample": None if chosen is None else chosen.figures,
        "out_of_sample": None if tested is None else tested.figures,
    }
