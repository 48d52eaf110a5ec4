"""`atlas backup` and `atlas restore`: copies of a journal, and the way back."""

from __future__ import annotations

from pathlib import Path

import click

from atlas_core.cli.journals import complete_journal, find_journal
from atlas_core.cli.tables import print_json, say
from atlas_core.clock import LiveClock, to_datetime


@click.command()
@click.argument("journal", required=False, metavar="[RUN]", shell_complete=complete_journal)
@click.option("--to", "directory", type=click.Path(path_type=Path, file_okay=False), help="Where backups are kept.")
@click.option("--if-due", is_flag=True, help="Do nothing when there is one of this hour.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def backup(ctx: click.Context, journal: str | None, directory: Path | None, if_due: bool, as_json: bool) -> None:
    """Copy a journal while its session goes on, check the copy, and keep those of 24 hours and 30 days.

    RUN is a run's id or number, a continuing session as PROFILE/MODE, or a file; the latest run without it. Backups
    are kept in `backups` beside the journal.
    """
    from atlas_core.journal.backups import is_due, take_backup

    named = find_journal(ctx, journal)
    folder = directory or backups_of(named.path)
    now = LiveClock().now()
    if if_due and not is_due(folder, now):
        say("there is a backup of this hour")
        return
    taken = take_backup(named.path, folder, now)
    if as_json:
        print_json({"backup": taken.path, "events": taken.events, "digest": taken.digest, "bytes": taken.size})
    else:
        say(f"{taken.path}: {taken.events:,} events, {taken.size:,} bytes, checked")


@click.command()
@click.argument("journal", metavar="RUN", shell_complete=complete_journal)
@click.option("--from", "source", type=click.Path(path_type=Path, dir_okay=False), help="This backup, not the newest.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def restore(ctx: click.Context, journal: str, source: Path | None, yes: bool) -> None:
    """Put a backup in the place of a journal, after checking it; refused while a session writes to the journal.

    RUN is a run's id or number, a continuing session as PROFILE/MODE, or a file. The replaced journal is kept beside
    it. What happened since the backup is learnt from the venue at the next start, each with an alert: orders that the
    backup does not know are withdrawn unless they only reduce, what was closed is booked as closed, and a position that
    was opened counts as somebody else's and is left alone.
    """
    from atlas_core.journal.backups import newest_backup, restore_backup

    path = journal_to_restore(ctx, journal)
    chosen = source or newest_backup(backups_of(path)).path
    if not yes:
        click.confirm(f"put {chosen} in the place of {path}?", abort=True)
    now = LiveClock().now()
    replaced = restore_backup(chosen, path, now)
    for tape in _tapes_behind(path):
        tape.replace(tape.with_name(f"{tape.name}.replaced-{to_datetime(now):%Y%m%dT%H%M%S}Z"))
    say(f"{path} is the backup {chosen.name} now")
    if replaced is not None:
        say(f"the journal that it replaced is kept as {replaced.name}")


def backups_of(journal: Path) -> Path:
    """Return where the backups of a journal are kept."""
    return journal.parent / "backups"


def journal_to_restore(ctx: click.Context, name: str) -> Path:
    """Return the journal's place, also when the file itself is lost; raises NotFound and UsageError."""
    path = Path(name)
    if not path.exists() and path.suffix == ".db" and path.parent.is_dir():
        return path
    return find_journal(ctx, name).path


def _tapes_behind(journal: Path) -> list[Path]:
    """Return the tapes of sessions that the restored journal does not know."""
    from atlas_core.journal import JournalReader
    from atlas_core.runtime.recording import tape_path, tapes_in

    with JournalReader.open(journal) as reader:
        first_unknown = tape_path(journal.parent, reader.count() + 1)
    return [tape for tape in tapes_in(journal.parent) if tape >= first_unknown]
