"""`atlas logs`: what happened in a session, in the order in which it happened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import asdict

from atlas_core.cli.formats import print_json_line, when
from atlas_core.cli.journals import find_journal
from atlas_core.cli.sessions import SeenSession, find_session, session_arguments
from atlas_core.cli.tables import say, say_parts
from atlas_core.runtime.instance_lock import holder_of

if TYPE_CHECKING:
    from atlas_core.journal import JournalReader
    from atlas_core.report.events import EventRow

LOOK_SECONDS = 1.0
FIRST_LOOK = 2_000
"""How many records are looked at first for the last events; twice as many each time that they hold too few."""


@click.command
@session_arguments
@click.option("--run", "run_id", metavar="RUN", help="A run instead of a session: its id or number, or a journal file.")
@click.option("-n", "--count", default=20, type=click.IntRange(0), show_default=True, help="How many of the latest.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until the session ends.")
@click.option("--all", "everything", is_flag=True, help="Every record of the journal, with all that it says.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in each line.")
@click.pass_context
def logs(
    ctx: click.Context,
    profile: str | None,
    mode: str | None,
    run_id: str | None,
    count: int,
    follow: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Show what happened in a session: entries, exits, funding, alerts, failures, commands; the latest last."""
    from atlas_core.journal import JournalReader

    if run_id and follow:
        raise click.UsageError("--follow is for a session: name it by its profile instead of --run")
    seen = None if run_id else find_session(ctx, profile, mode)
    path = find_journal(ctx, run_id).path if seen is None else seen.require_journal()
    if seen is not None and not as_json:
        say_parts(seen.line())
    with JournalReader.open(path) as reader:
        end = reader.count()
        for row in _latest(reader, count, end, everything):
            _print(row, as_json)
    if follow and seen is not None:
        for row in _following(seen, path, end, everything):
            _print(row, as_json)


def _latest(reader: JournalReader, count: int, end: int, everything: bool) -> tuple[EventRow, ...]:
    """Return the last events of a journal of `end` records."""
    looked = FIRST_LOOK
    while True:
        rows = _rows(reader, max(0, end - looked), end, everything)
        if len(rows) >= count or looked >= end:
            return rows[len(rows) - count :] if count < len(rows) else rows
        looked *= 2


def _following(seen: SeenSession, path: Path, after: int, everything: bool) -> Iterator[EventRow]:
    """Yield the events behind the record `after` as they come, until the session has ended and all were told."""
    from atlas_core.journal import JournalReader

    is_running = True
    while is_running:
        is_running = holder_of(seen.state) is not None
        with JournalReader.open(path) as reader:
            end = reader.count()
            yield from _rows(reader, after, end, everything)
        after = end
        if is_running:
            _pause()


def _pause() -> None:
    threading.Event().wait(LOOK_SECONDS)


def _rows(reader: JournalReader, after: int, until: int, everything: bool) -> tuple[EventRow, ...]:
    from atlas_core.report.events import event_rows

    return event_rows(tuple(reader.records(after=after, until=until)), everything=everything)


def _print(row: EventRow, as_json: bool) -> None:
    if as_json:
        print_json_line(asdict(row))
    else:
        say(f"  {when(row.ts)}  {row.text}")
