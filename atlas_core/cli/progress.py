"""A bar on stderr for work that takes longer, drawn on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from atlas_core.cli.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class WorkBar(AbstractContextManager["WorkBar"]):
    """Shows how much of one piece of work after the other is done; silent where nobody looks at it."""

    def __init__(self, ctx: click.Context, *, silent: bool = False) -> None:
        settings = ctx.find_object(Settings) or Settings()
        self._is_drawn = sys.stderr.isatty() and not settings.quiet and not silent
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._is_drawn:
            self._progress = drawn_bar(before="{task.description}")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, what: str, total: float) -> None:
        """Begin another piece of work of `total` steps."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away for a while: what is printed stands alone, and on stdout."""
        if self._progress is not None:
            self._progress.stop()
        try:
            yield
        finally:
            if self._progress is not None:
                self._progress.start()

    def at(self, done: float) -> None:
        """Say how many steps are done."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done)


def drawn_bar(*, before: str = "", after: str = "", counts: bool = False) -> Progress:
    """Return a bar on stderr that goes away at its end, with texts of a task before and after it.

    With `counts` it tells how many steps of how many are done, else what part of them.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    texts = [[TextColumn(text, markup=False)] if text else [] for text in (before, after)]
    columns: list[Any] = [
        *texts[0], BarColumn(20 if counts else 40), MofNCompleteColumn() if counts else TaskProgressColumn(),
        TimeElapsedColumn(), TimeRemainingColumn(), *texts[1],
    ]  # fmt: skip
    return Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=5)
