"""`atlas reproduce`: a kept run once more from its manifest, its journal held against the one of then."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from attrs import asdict, frozen

from atlas_core import __version__
from atlas_core.cli.kept import complete_run, store_of
from atlas_core.cli.late_journal import journal_of
from atlas_core.cli.manifests import Manifest, expect_manifest
from atlas_core.cli.tables import print_json, say, say_wrapped, when
from atlas_core.errors import JournalError, NotFound, UsageError
from atlas_core.runs import COLUMNS, Mode, RunInfo
from atlas_core.runstore import JOURNAL_NAME, is_continuing
from atlas_core.watching import Unwatched

if TYPE_CHECKING:
    from atlas_core.compose import System
    from atlas_core.journal import Journal
    from atlas_core.model.bars import Bars
    from atlas_core.plugins import Registry
    from atlas_core.report.differences import Difference
    from atlas_core.watching import TradedMarket, Watch

DIFFERS = 4
WHOLE = "end of data"
NOTHING_KNOWN = (
    "nothing that the manifest names has changed: code changed without a new version, or a component does not decide "
    "the same every time (a clock, a random number of its own, the order of a set)"
)


@frozen(kw_only=True)
class Reproduction:
    """How a run came out when it was made again: its digest then and now, what changed, and the first difference."""

    run_id: str
    records: int
    digest_then: str
    digest_now: str
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    difference: Difference | None

    @property
    def is_equal(self) -> bool:
        """Tell whether both journals are the same, event for event."""
        return self.digest_then == self.digest_now


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]", shell_complete=complete_run)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def reproduce(ctx: click.Context, run_id: str | None, as_json: bool) -> None:
    """Make a run again from its manifest and compare; exit code 4 when it comes out differently.

    Its profile is the one of then to the letter, whatever has become of the files; data, plugins and versions are those
    of today, and what of them has changed is told. Nothing is kept of the new run.
    """
    run = store_of(ctx).find(run_id)
    made = reproduced(run)
    if as_json:
        print_json({"ok": made.is_equal, **asdict(made)})
    else:
        _print(made)
    ctx.exit(0 if made.is_equal else DIFFERS)


def reproduced(run: RunInfo) -> Reproduction:
    """Make a run again; raises NotFound and UsageError where it cannot be."""
    from atlas_core.compose import compose
    from atlas_core.journal import Journal
    from atlas_core.profile import open_profile
    from atlas_core.report.provenance import changed_files, changes_between, overrides_of, recipe_of, texts_of

    _whole_manifest(run)
    journal_of(run)
    manifest = expect_manifest(run)
    recipe = recipe_of(manifest, run.run_id)
    loaded, registry = open_profile(
        Path(recipe["profile_path"]), overrides=overrides_of(recipe), resolve_secrets=True, texts=texts_of(recipe)
    )
    system = compose(loaded, run.mode)
    with (
        TemporaryDirectory(prefix="atlas-reproduce-") as folder,
        Journal.create(Path(folder) / JOURNAL_NAME) as journal,
    ):
        again = _made_again(system, registry, journal, manifest)
        return Reproduction(
            run_id=run.run_id,
            records=journal.count(),
            digest_then=str(manifest["journal_digest"]),
            digest_now=journal.digest(),
            changes=tuple(changes_between(manifest, again)),
            notes=tuple(f"{path} is another one today: the text of then was used" for path in changed_files(recipe)),
            difference=None if journal.digest() == manifest["journal_digest"] else _first(run, journal),
        )


def _whole_manifest(run: RunInfo) -> Manifest:
    if is_continuing(run) or run.mode is Mode.LIVE:
        raise UsageError(f"{run.run_id} is a session on a market that goes on: atlas replay decides its tape again")
    manifest = expect_manifest(run)
    if manifest["finished"] != WHOLE:
        raise UsageError(
            f"{run.run_id} ended before its data did ({manifest['finished']}): only whole runs can be made again; "
            f"atlas replay {run.run_id} decides its tape again where it has one"
        )
    return manifest


class MarketKeeper(Unwatched):
    """Keeps the bars that a run goes over, to tell whether they are those of then."""

    def __init__(self) -> None:
        self.bars: tuple[Bars, ...] = ()

    def loaded(self, market: TradedMarket) -> None:
        """Keep the bars."""
        self.bars = market.all_bars


def _made_again(system: System, registry: Registry, journal: Journal, manifest: Manifest) -> Manifest:
    """Run into a journal of its own; return the manifest of the new run as far as it tells of what it was made of."""
    from atlas_core.report.provenance import composition_of, data_rows, overrides_of, texts_of

    watch, recipe = MarketKeeper(), manifest["made_of"]
    driver = _run(system, journal, watch, str(manifest.get("driver", "")))
    again = {
        "atlas": __version__,
        "made_of": composition_of(system.profile, registry, overrides_of(recipe), texts_of(recipe)),
        "data": data_rows(watch.bars),
    }
    return again | ({"driver": driver} if driver else {})


def _run(system: System, journal: Journal, watch: Watch, driver: str) -> str:
    """Run with the driver of then, where it is a back-test; return the driver that was taken."""
    if system.mode is Mode.BACKTEST:
        from atlas_core.backtest.driver import DriverKind, run_backtest

        if driver == COLUMNS:
            run_backtest(system, journal, watch, DriverKind.SKIPPING)
            return driver
        kind = DriverKind(driver) if driver in list(DriverKind) else DriverKind.PLAIN
        return run_backtest(system, journal, watch, kind).driver
    import asyncio

    from atlas_core.runtime.session import SessionPlan, run_session

    return asyncio.run(run_session(system, journal, SessionPlan(watch=watch))).driver


def _first(run: RunInfo, journal: Journal) -> Difference | None:
    """Return the first record that differs, None where the journal of then cannot be read any more."""
    from atlas_core.journal import JournalReader
    from atlas_core.report.differences import first_difference

    try:
        with JournalReader.open(run.directory / JOURNAL_NAME) as then:
            return first_difference(then.records(), journal.records())
    except (JournalError, NotFound):
        return None


def _print(made: Reproduction) -> None:
    say(f"run {made.run_id} was made again from its manifest")
    for note in made.notes:
        say_wrapped(f"  note     {note}", indent=11)
    for change in made.changes:
        say_wrapped(f"  changed  {change}", indent=11)
    if made.is_equal:
        say(f"the same: {made.records:,} records, journal digest {made.digest_now[:16]}")
        return
    say()
    say(f"it differs: journal digest was {made.digest_then[:16]}, is {made.digest_now[:16]}")
    _print_difference(made.difference)
    say_wrapped(f"  likely   {likely_cause(made)}", indent=11)


def _print_difference(found: Difference | None) -> None:
    if found is None:
        say("  the journal of then cannot be read, so the first difference is not known")
        return
    say(f"  event {found.seq:,} at {when(found.ts)}: {found.cause}")
    if found.fields:
        say(f"  in       {', '.join(found.fields)}")
    say_wrapped(f"  then     {found.recorded or 'nothing'}", indent=11)
    say_wrapped(f"  now      {found.replayed or 'nothing'}", indent=11)


def likely_cause(made: Reproduction) -> str:
    """Return what most likely made a run come out differently: the first of its changes, data before code."""
    return made.changes[0] if made.changes else NOTHING_KNOWN
