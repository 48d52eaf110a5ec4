"""What a sweep found: the table of the best, a map of two settings, plateau or peak, and what the choice costs."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from atlas_core.cli.evidence import typed_profile, typed_settings
from atlas_core.cli.sweep_figures import figure, settings_text, short_names
from atlas_core.cli.sweep_map import heat_map
from atlas_core.cli.sweep_walk import print_walk, walk_facts, walk_text
from atlas_core.cli.tables import Column, percent, print_json, print_table, say, say_wrapped, terminal_width, when
from atlas_core.report.catalogue import metric_named
from atlas_core.search.deflation import Deflation, deflation
from atlas_core.search.ledger import Ledger, Trial, TrialStatus
from atlas_core.search.plan import Sweep
from atlas_core.search.sensitivity import Sensitivity, sensitivity
from atlas_core.search.walk_forward import WalkForward, walk_forward

if TYPE_CHECKING:
    from atlas_core.cli.sweep import Launch
    from atlas_core.search.sweeping import Outcome, Search

SHOWN = (
    ("total_return", 0), ("max_drawdown", 1), ("sharpe", 2), ("profit_factor", 3), ("win_rate", 4), ("trades", 0),
)  # fmt: skip
REASONS = 3
SWEEPS = (
    Column("Sweep"),
    Column("Profile", drop=2),
    Column("Method", drop=1),
    Column("Trials", numeric=True),
    Column("Objective", drop=1),
    Column("Began", drop=3),
    Column("State"),
)


@frozen(kw_only=True)
class Found:
    """A sweep, its trials, and what can be said about the best of them."""

    sweep: Sweep
    search: Search
    ending: str
    trials: tuple[Trial, ...]
    ranked: tuple[Trial, ...]
    deflation: Deflation | None
    sensitivity: Sensitivity | None
    walk: WalkForward | None = None

    @property
    def has_result(self) -> bool:
        """Tell whether anything counts."""
        return any(step.tested for step in self.walk.steps) if self.walk is not None else bool(self.ranked)


def found_of(launch: Launch, outcome: Outcome, ledger: Ledger) -> Found:
    """Put together what a sweep found."""
    search, sweep_id = launch.search, launch.sweep.sweep_id
    if search.plan.walk_forward:
        walk = walk_forward(outcome.windows, outcome.trials, search.objective, partial(ledger.curve, sweep_id))
        return Found(
            sweep=launch.sweep, search=search, ending=outcome.ending.value, trials=outcome.trials, ranked=(),
            deflation=None, sensitivity=None, walk=walk,
        )  # fmt: skip
    ranked = search.objective.ranked(outcome.trials)
    worth = None
    if ranked:
        best = ranked[0]
        worth = deflation(best, ledger.curve(sweep_id, best), ledger.sharpes_on(best.data.identity))
    return Found(
        sweep=launch.sweep,
        search=search,
        ending=outcome.ending.value,
        trials=outcome.trials,
        ranked=ranked,
        deflation=worth,
        sensitivity=sensitivity(search.space, search.objective, outcome.trials),
    )


def print_found(found: Found, *, top: int, mapped: str | None) -> None:
    """Print the screens of a sweep."""
    from atlas_core.cli.sweep import keys_of_map

    if found.walk is not None:
        print_walk(found.walk, found.search.objective, found.search.space.keys)
        _print_not_counting(found)
        _print_next(found)
        return
    _print_ranking(found, top)
    _print_not_counting(found)
    keys = keys_of_map(mapped, found.search.space.keys)
    if keys is not None and found.ranked:
        say()
        say(heat_map(found.search.space, found.search.objective, found.trials, keys, terminal_width()))
    _print_worth(found)
    _print_next(found)


def result_text(found: Found) -> str:
    """Return in one sentence what a sweep found."""
    if found.walk is not None:
        return walk_text(found.walk)
    if not found.ranked:
        return "no trial counts"
    metric, best, sense = found.search.objective.metric, found.ranked[0], found.sensitivity
    around = f", on a {sense.word}" if sense is not None and sense.kept is not None else ""
    chosen = settings_text(best.settings, found.search.space.keys)
    return f"best {metric.title} {figure(metric, found.search.objective.value(best))}: {chosen}{around}"


def _print_ranking(found: Found, top: int) -> None:
    objective = found.search.objective
    names = short_names(found.search.space.keys)
    shown = [(metric_named(name), drop) for name, drop in SHOWN if name != objective.metric.name]
    columns = [
        Column("#", numeric=True),
        *(Column(names[key], numeric=True) for key in found.search.space.keys),
        Column(objective.metric.title, numeric=True),
        *(Column(metric.title, numeric=True, drop=drop) for metric, drop in shown),
        Column("Trial", numeric=True, drop=5),
    ]
    rows = [
        [
            str(place), *_values(trial, found.search.space.keys), figure(objective.metric, objective.value(trial)),
            *(figure(metric, trial.figures.get(metric.name)) for metric, _ in shown), str(trial.number),
        ]
        for place, trial in enumerate(found.ranked[:top], 1)
    ]  # fmt: skip
    if rows:
        say()
        print_table(f"The best {len(rows)} of {len(found.trials):,} trials", columns, rows)


def _values(trial: Trial, keys: Sequence[str]) -> list[str]:
    values = dict(trial.settings)
    return [values[key] for key in keys]


def _print_not_counting(found: Found) -> None:
    """Say how many trials do not count, and why."""
    objective = found.search.objective
    by_status = Counter(trial.status for trial in found.trials)
    finished = [trial for trial in found.trials if trial.status is TrialStatus.FINISHED]
    few = sum(not objective.has_enough_trades(trial) for trial in finished)
    without = len(finished) - few - sum(objective.value(trial) is not None for trial in finished)
    for count, what in (
        (few, f"with fewer than {objective.min_trades} closed trades"),
        (without, f"without a figure for {objective.metric.name}: {objective.metric.edges}"),
    ):
        if count:
            say_wrapped(f"not counted: {count:,} {what}", 2)
    for status in (TrialStatus.INVALID, TrialStatus.FAILED):
        if by_status[status]:
            say(f"{status}: {by_status[status]:,}")
            reasons = Counter(trial.reason for trial in found.trials if trial.status is status)
            for reason, count in reasons.most_common(REASONS):
                say_wrapped(f"  {count:,}: {reason}", 4)


def _print_worth(found: Found) -> None:
    if not found.ranked:
        say("no trial counts: nothing can be said about these settings")
        if any(trial.status is TrialStatus.FINISHED for trial in found.trials):
            say_wrapped(
                f"rank by another metric: atlas sweeps {found.sweep.sweep_id} --objective total_return --min-trades 0",
                2,
            )
        return
    metric, best = found.search.objective.metric, found.ranked[0]
    say()
    say_wrapped(f"best   {settings_text(best.settings, found.search.space.keys)}", 7)
    sense = found.sensitivity
    if sense is not None and sense.possible:
        around = f"{len(sense.neighbours)} of {sense.possible} neighbours tried"
        kept = "" if sense.kept is None else f", their median keeps {percent(sense.kept, 0)} of its advantage"
        middle = f"the median of all is {figure(metric, sense.median_of_all)}"
        say_wrapped(f"around {sense.word}: {around}{kept}; {middle}", 7)
    if found.deflation is not None:
        say_wrapped(f"worth  {found.deflation.sentence()}", 7)


def _print_next(found: Found) -> None:
    plan, sweep = found.sweep.plan, found.sweep.sweep_id
    if found.ending != "complete":
        say_wrapped(f"{found.ending}: go on with  atlas sweep --resume {sweep}", 2)
    elif found.ranked:
        chosen = " ".join(typed_settings((*found.search.fixed, *found.ranked[0].settings)))
        say_wrapped(f"run it: atlas backtest {typed_profile(Path(plan.profile))} {chosen}", 8)


def print_sweeps(sweeps: Sequence[Sweep], ledger: Ledger, *, as_json: bool) -> None:
    """List the sweeps that are kept."""
    if as_json:
        print_json([_facts(sweep) | {"trials": ledger.count(sweep.sweep_id)} for sweep in sweeps])
    elif not sweeps:
        say("no sweep is kept; start one: atlas sweep PROFILE --set KEY=VALUES")
    else:
        print_table("", SWEEPS, [_cells(sweep, ledger.count(sweep.sweep_id)) for sweep in sweeps])


def _cells(sweep: Sweep, trials: int) -> list[str]:
    plan = sweep.plan
    state = "complete" if sweep.is_complete else "cut off"
    return [sweep.sweep_id, plan.name, plan.way, f"{trials:,}", plan.objective, when(sweep.created_at), state]


def _facts(sweep: Sweep) -> dict[str, Any]:
    return {
        "sweep_id": sweep.sweep_id,
        "directory": sweep.directory,
        "created_at": sweep.created_at,
        "is_complete": sweep.is_complete,
        "plan": asdict(sweep.plan),
    }


def print_json_of(found: Found) -> None:
    """Print a sweep with all its trials as one document."""
    objective = found.search.objective
    sense, worth = found.sensitivity, found.deflation
    print_json(
        {
            **_facts(found.sweep),
            "ending": found.ending,
            "objective": objective.metric.name,
            "is_maximised": objective.is_maximised,
            "best": _trial_facts(found.ranked[0]) if found.ranked else None,
            "ranking": [trial.number for trial in found.ranked],
            "deflation": None if worth is None else asdict(worth) | {"says": worth.sentence()},
            "sensitivity": None if sense is None else asdict(sense) | {"word": sense.word},
            "walk_forward": None if found.walk is None else walk_facts(found.walk),
            "trials": [_trial_facts(trial) for trial in found.trials],
        }
    )


def _trial_facts(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "part": trial.part,
        "settings": dict(trial.settings),
        "status": trial.status,
        "reason": trial.reason,
        "data": trial.data.identity,
        "figures": trial.figures,
    }


def print_csv(found: Found) -> None:
    """Print every trial as a row: number, part, status, settings, metrics, reason."""
    keys = found.search.space.keys
    metrics = sorted({name for trial in found.trials for name in trial.figures})
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "part", "status", *keys, *metrics, "reason"])
    for trial in found.trials:
        figures = ["" if (value := trial.figures.get(name)) is None else repr(value) for name in metrics]
        writer.writerow([trial.number, trial.part, trial.status, *_values(trial, keys), *figures, trial.reason])
    sys.stdout.write(text.getvalue())
