"""The bar of a check: which step it is at, of how many."""

from __future__ import annotations

from typing import Self

from atlas_core.cli.progress import WorkBar, drawn_bar
from atlas_core.cli.tables import when
from atlas_core.watching import Unwatched, Watch


class CheckBar(WorkBar):
    """Shows the steps of a check, whose number is known and whose names change."""

    def __enter__(self) -> Self:
        if self._is_drawn:
            self._progress = drawn_bar(after="{task.description}")
            self._task = self._progress.add_task("reading the history", total=None)
            self._progress.start()
        return self

    def step(self, what: str, done: int, total: int) -> None:
        """Show that step `done` of `total` has begun, and what it is."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done - 1, total=max(total, done), description=what)

    def watch(self, what: str) -> Watch:
        """Return a watch that shows how far a run is."""
        return _RunWatch(self, what)


class _RunWatch(Unwatched):
    def __init__(self, bar: CheckBar, what: str) -> None:
        self._bar = bar
        self._what = what

    def progress(self, done: int, total: int, now: int) -> None:
        """Show the part of the run that is over, and the market's time."""
        self._bar.step(f"{self._what} at {when(now)}", done, total)
