"""`atlas audit`: whether a journal can be believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click
from attrs import frozen

from atlas_core.cli.journals import NamedJournal, complete_journal, find_journal
from atlas_core.cli.tables import print_json, say, say_wrapped
from atlas_core.errors import JournalCorrupt, JournalError

if TYPE_CHECKING:
    from atlas_core.journal import JournalReader

OK, NOTE, BROKEN = "ok", "note", "BROKEN"


@frozen
class Checked:
    """What one check of a journal found."""

    what: str
    verdict: str
    text: str


@click.group()
def audit() -> None:
    """Check whether a journal can be believed."""


@audit.command(short_help="Check the file, hash chain and projections of a journal.")
@click.argument("journal", required=False, metavar="[RUN]", shell_complete=complete_journal)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, journal: str | None, as_json: bool) -> None:
    """Check the file, hash chain and projections of a journal; exit code 4 and the place when one is broken.

    RUN is a run's id or number, a continuing session as PROFILE/MODE, or a file; the latest run without it.
    """
    named = find_journal(ctx, journal)
    found = list(examine(named))
    is_broken = any(check.verdict == BROKEN for check in found)
    if as_json:
        facts = [{"check": check.what, "verdict": check.verdict, "text": check.text} for check in found]
        print_json({"ok": not is_broken, "journal": named.path, "checks": facts})
    else:
        say(f"{named.title}: {named.path}")
        for check in found:
            say_wrapped(f"{check.what:<13}{check.verdict:<8}{check.text}", indent=21)
    ctx.exit(JournalError.exit_code if is_broken else 0)


@audit.command(short_help="Bring a journal of an earlier Atlas to this version.")
@click.argument("journal", required=False, metavar="[RUN]", shell_complete=complete_journal)
@click.pass_context
def migrate(ctx: click.Context, journal: str | None) -> None:
    """Bring a journal of an earlier Atlas to this one's version; a checked copy of before stays beside it."""
    from atlas_core.journal import Journal

    named = find_journal(ctx, journal)
    with Journal.open(named.path) as opened:
        opened.verify(projections=True)
        say(f"{named.title}: {opened.count():,} events, as this Atlas reads them")


def examine(named: NamedJournal) -> Iterator[Checked]:
    """Yield what each check of a journal finds; after a file that cannot be opened there is nothing more to check."""
    from atlas_core.journal import JournalReader

    try:
        reader = JournalReader.open(named.path)
    except JournalCorrupt as fault:
        yield Checked("file", BROKEN, str(fault))
        return
    with reader:
        yield _checked("file", lambda: _of_file(reader))
        yield _checked("chain", lambda: _of_chain(reader))
        yield _checked("projections", lambda: _of_projections(reader))
        yield _end_of(named, reader)


def _checked(what: str, check: Callable[[], str]) -> Checked:
    try:
        return Checked(what, OK, check())
    except JournalError as fault:
        return Checked(what, BROKEN, str(fault))


def _of_file(reader: JournalReader) -> str:
    reader.verify_file()
    return "SQLite finds every page and index in order"


def _of_chain(reader: JournalReader) -> str:
    return f"{reader.verify_chain():,} events, the last one's hash is {reader.digest()}"


def _of_projections(reader: JournalReader) -> str:
    reader.verify_projections()
    return "signals, orders, trades … are what the events give"


def _end_of(named: NamedJournal, reader: JournalReader) -> Checked:
    """Compare the end of the chain with what the run wrote elsewhere: a chain whose end was cut off is whole."""
    name = named.manifest.name
    try:
        written = json.loads(named.manifest.read_text(encoding="utf-8"))["journal_digest"]
        actual = reader.digest()
    except FileNotFoundError:
        return Checked("end", NOTE, "nothing beside the journal tells where it must end; a chain cut off is whole")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        return Checked("end", NOTE, f"{name} cannot be read ({fault}): it does not tell where the journal must end")
    except JournalError as fault:
        return Checked("end", BROKEN, str(fault))
    if written != actual:
        text = f"expected hash {written} at the end, as {name} says, was {actual}: events were cut off or added"
        return Checked("end", BROKEN, text)
    return Checked("end", OK, f"the digest is the one that {name} keeps")
