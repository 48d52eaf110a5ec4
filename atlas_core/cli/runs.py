"""`atlas runs`: the runs that are kept, sorted and filtered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import click
from attrs import frozen

from atlas_core.cli.formats import NOTHING, when
from atlas_core.cli.kept import store_of
from atlas_core.cli.manifests import Manifest, read_manifest
from atlas_core.cli.tables import Column, money, print_json, print_table, say, signed
from atlas_core.runs import Mode, RunInfo
from atlas_core.runstore import is_continuing

COLUMNS = (
    Column("Run"),
    Column("Profile", drop=5),
    Column("Mode", drop=4),
    Column("Market", drop=3),
    Column("Signals", numeric=True, drop=6),
    Column("Trades", numeric=True),
    Column("Open", numeric=True, drop=7),
    Column("Net P&L", numeric=True),
    Column("Equity", numeric=True, drop=4),
    Column("Began", numeric=True, drop=1),
    Column("Ended", drop=2),
)
_SECOND = 10**9


@frozen
class Listed:
    """A run and what it wrote at its end: None when it did not end, empty when that cannot be read."""

    run: RunInfo
    manifest: Manifest | None

    @property
    def net(self) -> Decimal | None:
        """Return what its closed trades made, None where that is not known."""
        return Decimal(self.manifest["net"]) if self.manifest else None

    @property
    def trades(self) -> int | None:
        """Return how many trades were closed, None where that is not known."""
        return int(self.manifest["trades"]) if self.manifest else None


SORTS: Mapping[str, Callable[[Listed], Any]] = {
    "began": lambda row: row.run.began,
    "net": lambda row: row.net,
    "trades": lambda row: row.trades,
    "profile": lambda row: row.run.profile,
    "run": lambda row: row.run.run_id,
}


@click.command()
@click.option("--profile", metavar="NAME", help="Only runs of this profile.")
@click.option("--mode", type=click.Choice([mode.value for mode in Mode]), help="Only runs in this mode.")
@click.option("--sort", type=click.Choice(list(SORTS)), help="Order by this, smallest first; those without come last.")
@click.option("--reverse", is_flag=True, help="Largest first.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of the list.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def runs(
    ctx: click.Context,
    profile: str | None,
    mode: str | None,
    sort: str | None,
    reverse: bool,
    last: int | None,
    as_json: bool,
) -> None:
    """List the runs that are kept: sessions that continue, then the others, the oldest first."""
    store = store_of(ctx)
    every = store.all()
    chosen = [run for run in every if profile in (None, run.profile) and mode in (None, run.mode.value)]
    kept = ordered([Listed(run, read_manifest(run)) for run in chosen], sort, reverse)[-last if last else None :]
    if as_json:
        print_json([_facts(row) for row in kept])
    elif not every:
        say(f"no run is kept below {store.home}; start one: atlas run demo")
    elif not kept:
        say(f"none of the {len(every)} runs below {store.home} is one of these; profiles: {_profiles(every)}")
    else:
        print_table("", COLUMNS, [_cells(row) for row in kept])


def _profiles(every: tuple[RunInfo, ...]) -> str:
    return ", ".join(dict.fromkeys(run.profile for run in every))


def ordered(rows: list[Listed], sort: str | None, reverse: bool) -> list[Listed]:
    """Return rows in an order; those without the figure stay last either way."""
    if sort is None:
        return rows[::-1] if reverse else rows
    key = SORTS[sort]
    known = sorted((row for row in rows if key(row) is not None), key=key, reverse=reverse)
    return [*known, *(row for row in rows if key(row) is None)]


def _facts(row: Listed) -> dict[str, Any]:
    run = row.run
    facts = {
        "run_id": run.run_id,
        "profile": run.profile,
        "mode": run.mode,
        "synthetic": run.synthetic,
        "directory": run.directory,
        "began": run.began,
    }
    names = ("signals", "trades", "open_positions", "net", "equity", "finished", "journal_digest", "profile_digest")
    return facts | {name: (row.manifest or {}).get(name) for name in names}


def _cells(row: Listed) -> list[str]:
    run, manifest = row.run, row.manifest
    market = "synthetic" if run.synthetic else "real"
    began = when(run.began - run.began % _SECOND) if run.began else NOTHING
    first = [run.run_id, run.profile, run.mode.word, market]
    if not manifest:
        return [*first, *[NOTHING] * 5, began, _unfinished(row)]
    figures = [f"{manifest[name]:,}" for name in ("signals", "trades", "open_positions")]
    money_columns = [signed(row.net), money(Decimal(manifest["equity"]))]
    return [*first, *figures, *money_columns, began, str(manifest["finished"])]


def _unfinished(row: Listed) -> str:
    if is_continuing(row.run):
        return f"continues: atlas status {row.run.profile}"
    return "not finished" if row.manifest is None else "manifest damaged"
