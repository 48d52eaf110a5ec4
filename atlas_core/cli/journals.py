"""Journals by name, for the commands that look after them: a run, a continuing session, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen

from atlas_core.cli.kept import store_of
from atlas_core.cli.late_journal import journal_of
from atlas_core.errors import NotFound, UsageError
from atlas_core.runs import Mode
from atlas_core.runstore import JOURNAL_NAME, MANIFEST_NAME
from atlas_core.statedir import known_states

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@frozen
class NamedJournal:
    """A journal file and how people call it."""

    path: Path
    title: str

    @property
    def manifest(self) -> Path:
        """Return where a run that finished wrote its digest."""
        return self.path.with_name(MANIFEST_NAME)


def find_journal(ctx: click.Context, name: str | None) -> NamedJournal:
    """Return the journal of a run (its id or number), of a continuing session (`PROFILE` or `PROFILE/MODE`), or a file.

    Without a name it is the latest run's. Raises NotFound and UsageError.
    """
    if name is not None and (Path(name).is_file() or Path(name).is_dir()):
        path = Path(name)
        return NamedJournal(path / JOURNAL_NAME if path.is_dir() else path, str(path))
    if name is not None:
        session = _session(ctx, name)
        if session is not None:
            return session
    run = store_of(ctx).find(name)
    return NamedJournal(journal_of(run), f"run {run.run_id}")


def _session(ctx: click.Context, name: str) -> NamedJournal | None:
    profile, _, mode = name.partition("/")
    if mode and mode not in list(Mode):
        raise UsageError(f"expected PROFILE/MODE with a mode of {', '.join(Mode)}, was {name!r}")
    found = [
        state
        for state in known_states(store_of(ctx).home)
        if profile == state.profile and mode in ("", state.mode) and state.journal.is_file()
    ]
    if not found and mode:
        raise NotFound(f"there is no journal of a continuing session of {profile} in mode {mode}")
    if len(found) > 1:
        raise UsageError(f"expected one session, {name} has several: {', '.join(f'{profile}/{s.mode}' for s in found)}")
    return NamedJournal(found[0].journal, found[0].title) if found else None


def complete_journal(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a session or a run, sessions first, then the latest run first."""
    del param
    from click.shell_completion import CompletionItem

    store = store_of(ctx)
    names = [f"{state.profile}/{state.mode}" for state in known_states(store.home) if state.journal.is_file()]
    names += [run.run_id for run in reversed(store.all())]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
