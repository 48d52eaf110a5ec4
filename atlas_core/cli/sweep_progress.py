"""What a person sees while a sweep works: a bar with the time left and the best so far, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from atlas_core.cli.formats import held
from atlas_core.cli.progress import drawn_bar
from atlas_core.cli.sweep_figures import figure, settings_text
from atlas_core.cli.tables import say, say_parts
from atlas_core.clock import NANOSECONDS_PER_SECOND, Stopwatch
from atlas_core.search.ledger import Trial
from atlas_core.search.objective import Objective
from atlas_core.search.space import Choices, Dimension

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from atlas_core.cli.sweep import Launch

SECONDS_BETWEEN_LINES = 15.0


def say_start(launch: Launch) -> None:
    """Say what is about to be tried."""
    plan, search = launch.sweep.plan, launch.search
    goal = f"{'highest' if search.objective.is_maximised else 'lowest'} {search.objective.metric.name}"
    say_parts(" · ".join((f"sweep {launch.sweep.sweep_id}", f"profile {plan.name}", plan.way, goal)))
    for dimension in search.space.dimensions:
        say(f"  {dimension.key}  {_values(dimension)}")
    for key, followed in search.space.links:
        say(f"  {key}  as {followed}")
    for condition in search.conditions:
        say(f"  where {condition.text}")
    if launch.note:
        say(f"{launch.sweep.sweep_id} {launch.note}")
    sys.stdout.flush()


def _values(dimension: Dimension) -> str:
    if not isinstance(dimension, Choices):
        return f"{dimension.low} to {dimension.high}{' on a log scale' if dimension.is_log else ''}"
    if len(dimension) <= 6:
        return ", ".join(dimension.values)
    return f"{', '.join(dimension.values[:2])} ... {dimension.values[-1]} ({len(dimension)} values)"


def sweep_bar() -> Progress:
    """Return the bar of a sweep: the trials, the time left, and the best so far."""
    return drawn_bar(before="{task.description}", after="left  {task.fields[best]}", counts=True)


class SweepProgress(AbstractContextManager["SweepProgress"]):
    """The watch of a sweep: a bar on a terminal, and on a pipe a line now and then."""

    def __init__(self, objective: Objective, keys: Sequence[str], *, with_bar: bool) -> None:
        self._objective, self._keys = objective, keys
        self._progress: Progress | None = sweep_bar() if with_bar and sys.stderr.isatty() else None
        self._task: TaskID | None = None
        self._best: Trial | None = None
        self._is_quiet = not with_bar
        self._part, self._total, self._kept, self._done = "", 0, 0, 0
        self._since_begun, self._since_line = Stopwatch(), Stopwatch()

    def __enter__(self) -> SweepProgress:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begun(self, part: str, total: int, kept: int) -> None:
        """Begin the bar of a part anew, at what is known from before."""
        if kept:
            self.told(f"{kept:,} of {total:,} trials are kept from before{f' ({part})' if part else ''}")
        self._best = None
        self._part, self._total, self._kept, self._done = part or "trials", total, kept, kept
        self._since_begun, self._since_line = Stopwatch(), Stopwatch()
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(self._part, total=total, completed=kept, best="")

    def made(self, trial: Trial) -> None:
        """Move on, and show the best trial so far."""
        self._done += 1
        value = self._objective.value(trial)
        known = None if self._best is None else self._objective.value(self._best)
        if value is not None and (known is None or self._objective.is_better(value, known)):
            self._best, known = trial, value
        best = ""
        if self._best is not None:
            best = f"best {figure(self._objective.metric, known)}: {settings_text(self._best.settings, self._keys)}"
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, best=best)
        elif self._since_line.seconds() >= SECONDS_BETWEEN_LINES:
            self._since_line = Stopwatch()
            self.told(
                f"{self._part} {self._done:,} of {self._total:,} · {self._time_left()} left · {best or 'no best yet'}"
            )

    def _time_left(self) -> str:
        each = self._since_begun.seconds() / max(1, self._done - self._kept)
        return held(round(each * max(0, self._total - self._done) * NANOSECONDS_PER_SECOND))

    def told(self, text: str) -> None:
        """Say something on stderr, above the bar."""
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        elif not self._is_quiet:
            click.echo(text, err=True)
