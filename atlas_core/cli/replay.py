"""`atlas replay`: a recorded session once more, its decisions held against those of then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_core import __version__
from atlas_core.cli.completion import complete_profile
from atlas_core.cli.journals import NamedJournal, complete_journal, find_journal
from atlas_core.cli.tables import print_json, say, say_wrapped
from atlas_core.clock import to_datetime
from atlas_core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_core.compose import System
    from atlas_core.profile import Profile
    from atlas_core.runtime.replaying import ReplayResult

DIFFERS = 4


@click.command()
@click.argument("journal", required=False, metavar="[RUN]", shell_complete=complete_journal)
@click.option("--session", type=int, metavar="EVENT", help="Of several, the session that begins with this event.")
@click.option("-p", "--profile", shell_complete=complete_profile, help="Decide with this profile instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def replay(ctx: click.Context, journal: str | None, session: int | None, profile: str | None, as_json: bool) -> None:
    """Decide a recorded session again and show the first decision that differs; exit code 4 when one does.

    Its inputs come from the tape beside its journal: no venue is asked and no order is sent. RUN is a run's id or
    number, a continuing session as PROFILE/MODE, or a file; the latest run without it.
    """
    from atlas_core.journal import JournalReader
    from atlas_core.runtime.recording import read_head
    from atlas_core.runtime.replaying import replay as play

    named = find_journal(ctx, journal)
    tape = tape_of(named, session)
    head = read_head(tape)
    system = _system(head, profile)
    notes = _notes(head, system)
    with JournalReader.open(named.path) as reader:
        result = play(tape, reader, system)
    if as_json:
        print_json(_facts(named, tape, result, notes))
    else:
        _print(named, result, notes)
    ctx.exit(DIFFERS if result.difference else 0)


def tape_of(named: NamedJournal, first_seq: int | None) -> Path:
    """Return the tape of a session, of the last one without `first_seq`; raises NotFound."""
    from atlas_core.runtime.recording import first_event, tape_path, tapes_in

    tapes = tapes_in(named.path.parent)
    if not tapes:
        raise NotFound(f"there is no tape beside {named.path}: a back-test is repeated by running it again")
    if first_seq is None:
        return tapes[-1]
    wanted = tape_path(named.path.parent, first_seq)
    if wanted not in tapes:
        known = ", ".join(str(first_event(tape)) for tape in tapes)
        raise NotFound(f"there is no tape of a session that begins with event {first_seq}; there are {known}")
    return wanted


def _system(head: Mapping[str, Any], profile: str | None) -> System:
    from atlas_core.compose import compose
    from atlas_core.runs import Mode

    return compose(profile_of(head, profile), Mode(head["mode"]))


def profile_of(
    head: Mapping[str, Any],
    profile: str | None,
    overrides: Sequence[tuple[str, str]] = (),
    *,
    resolve_secrets: bool = False,
) -> Profile:
    """Load the profile that a tape was recorded with, or another one, with what the command line put over it.

    Raises NotFound when the profile of then is not there any more.
    """
    from atlas_core.profile import open_profile

    source = Path(head["profile"])
    if profile is None and not source.is_file():
        raise NotFound(f"the profile of then, {source}, is not there any more; name one with --profile")
    of_then = [(key, value) for key, value in head["overrides"]]
    loaded, _ = open_profile(profile or source, overrides=[*of_then, *overrides], resolve_secrets=resolve_secrets)
    return loaded


def _notes(head: Mapping[str, Any], system: System) -> list[str]:
    """Return what has changed since, before any decision is looked at."""
    notes = []
    if head["digest"] != system.profile.digest:
        notes.append(
            f"the profile is another one: expected digest {head['digest'][:12]}…, was {system.profile.digest[:12]}…"
        )
    if head["atlas"] != __version__:
        notes.append(f"recorded with atlas {head['atlas']}, replayed with {__version__}")
    return notes


def _facts(named: NamedJournal, tape: Path, result: ReplayResult, notes: list[str]) -> dict[str, Any]:
    from attrs import asdict

    return {
        "ok": result.difference is None,
        "journal": named.path,
        "tape": tape,
        "first_event": result.first_seq,
        "compared": result.compared,
        "scans": result.scans,
        "whole_session": result.is_whole,
        "notes": notes,
        "difference": asdict(result.difference) if result.difference else None,
    }


def _print(named: NamedJournal, result: ReplayResult, notes: list[str]) -> None:
    say(f"{named.title}, from event {result.first_seq:,} on")
    for note in notes:
        say_wrapped(f"note: {note}", indent=6)
    say(f"{result.compared:,} records and {result.scans:,} scans were decided again")
    found = result.difference
    if found is None:
        end = "" if result.is_whole else "; the tape ends there, before its session did"
        say(f"they are the same{end}")
        return
    say()
    say(f"event {found.seq:,} at {to_datetime(found.ts):%Y-%m-%d %H:%M:%S}Z differs: {found.cause}")
    if found.fields:
        say(f"  in       {', '.join(found.fields)}")
    say_wrapped(f"  then     {found.recorded or 'nothing'}", indent=11)
    say_wrapped(f"  replayed {found.replayed or 'nothing'}", indent=11)
