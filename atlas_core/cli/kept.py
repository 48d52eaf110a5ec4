"""Runs that are kept, for the commands that look back at them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen

from atlas_core.cli.late_journal import journal_of
from atlas_core.cli.settings import Settings
from atlas_core.errors import JournalError
from atlas_core.runs import RunInfo
from atlas_core.runstore import RunStore

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from atlas_core.model.records import Record
    from atlas_core.report.summary import Report

READ_ONLY_REMEDY = "a journal is read where files can be created beside it: copy the run to a place of yours"


@frozen
class KeptRun:
    """A run with all records of its journal, in order, and the home that it is kept below."""

    run: RunInfo
    records: tuple[Record, ...]
    digest: str
    home: Path = Path()

    def report(self, risk_free: float = 0.0) -> Report:
        """Return the report of the run beside buy and hold, where that is known; raises NotFound without a run."""
        from atlas_core.cli.report_market import benchmark_of
        from atlas_core.report.summary import report_of

        report = report_of(self.records, risk_free=risk_free)
        return report.beside(benchmark_of(self.run, report.curve))


def store_of(ctx: click.Context) -> RunStore:
    """Return the run store that the global options name."""
    settings = ctx.find_object(Settings)
    return RunStore.at(settings.home if settings else None)


def open_run(ctx: click.Context, run_id: str | None) -> KeptRun:
    """Read a kept run, the latest for None; raises NotFound or JournalError."""
    from atlas_core.journal import JournalReader

    store = store_of(ctx)
    run = store.find(run_id)
    try:
        with JournalReader.open(journal_of(run)) as reader:
            return KeptRun(run, tuple(reader.records()), reader.digest(), store.home)
    except JournalError as fault:
        if os.access(run.directory, os.W_OK):
            raise
        raise JournalError(f"{fault}; {READ_ONLY_REMEDY}") from fault


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of a run, the latest first."""
    del param
    from click.shell_completion import CompletionItem

    names = [run.run_id for run in reversed(store_of(ctx).all())]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
