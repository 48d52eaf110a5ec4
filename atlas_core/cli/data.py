"""`atlas data`: the bars that are kept on disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.data_download import download
from atlas_core.cli.data_export import export
from atlas_core.cli.data_import import import_
from atlas_core.cli.data_options import choosing
from atlas_core.cli.progress import WorkBar
from atlas_core.errors import DataError, NotFound, UsageError

if TYPE_CHECKING:
    from atlas_core.barstore.store import BarStore, StoredSeries

_SHOWN_GAPS = 20


@click.group()
def data() -> None:
    """Keep bars on disk: import files, download from a provider, list, verify and export them.

    They lie below the Atlas home, in `data`, and a profile reads them with [provider] use = "store".
    """


data.add_command(import_)
data.add_command(download)
data.add_command(export)


@data.command("list", short_help="List the series that are kept.")
@choosing
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_(ctx: click.Context, /, as_json: bool, **chosen: Any) -> None:
    """List the series that are kept, with their span, gaps, size and origin."""
    from atlas_core.cli.data_tables import facts_of, print_series
    from atlas_core.cli.tables import print_json

    store = store_of(ctx)
    found, damaged = readable(store, **chosen)
    if as_json:
        print_json({"store": store.root, "series": [facts_of(series) for series in found], "damaged": damaged})
    elif not found and not damaged and any(chosen.values()):
        raise nothing_kept(store, chosen)
    else:
        print_series(store, found, damaged)
    ctx.exit(DataError.exit_code if damaged else 0)


@data.command(short_help="Compare every column with its hashes.")
@choosing
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, /, as_json: bool, **chosen: Any) -> None:
    """Read every column and compare it with the hashes in the manifest; exit code 4 when one differs."""
    from atlas_core.cli.tables import print_json, say

    store = store_of(ctx)
    found, damaged = chosen_series(store, **chosen)
    results = list(_verified(ctx, found, silent=as_json))
    broken = [line for _, faults in results for line in faults] + damaged
    if as_json:
        series = [{"series": str(each.key), "faults": faults} for each, faults in results]
        print_json({"ok": not broken, "series": series, "damaged": damaged})
    else:
        for each, faults in results:
            say(f"{'BROKEN' if faults else 'ok':<7} {each.key}: {each.manifest.rows:,} bars")
            for line in faults:
                say(f"        {line}")
        for line in damaged:
            say(f"BROKEN  {line}")
        if broken:
            say("\nremove what is broken (atlas data remove) and import or download it again")
    ctx.exit(DataError.exit_code if broken else 0)


def _verified(
    ctx: click.Context, found: Sequence[StoredSeries], *, silent: bool
) -> Iterator[tuple[StoredSeries, list[str]]]:
    with WorkBar(ctx, silent=silent) as bar:
        for each in found:
            bar.begin(f"verify {each.key}", 7)
            faults: list[str] = []
            for done, (_, lines) in enumerate(each.verify(), 1):
                faults += lines
                bar.at(done)
            if not faults:
                faults += _faults_of_bars(each)
            yield each, faults


def _faults_of_bars(series: StoredSeries) -> list[str]:
    try:
        series.bars()
    except DataError as fault:
        return [str(fault)]
    return []


@data.command(short_help="Show where bars are missing.")
@choosing
@click.option("--all", "all_rows", is_flag=True, help="Show every gap, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def gaps(ctx: click.Context, /, all_rows: bool, as_json: bool, **chosen: Any) -> None:
    """Show where bars are missing in the session of the series; a gap is told and never filled."""
    from atlas_core.cli.data_tables import gap_facts, gaps_of, print_gaps
    from atlas_core.cli.tables import print_json

    store = store_of(ctx)
    found = required(store, **chosen)
    if as_json:
        print_json([gap_facts(series, gaps_of(store, series)) for series in found])
        return
    for series in found:
        print_gaps(series, gaps_of(store, series), None if all_rows else _SHOWN_GAPS)


@data.command(short_help="Remove series from the store.")
@choosing
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, /, yes: bool, **chosen: Any) -> None:
    """Remove series from the store, after asking; who reads them goes on reading."""
    from atlas_core.cli.tables import say

    if not chosen["symbols"] and not chosen["source"]:
        raise UsageError("expected a symbol or --source, to say what is removed; see atlas data list")
    store = store_of(ctx)
    paths = _removable(store, **chosen)
    for path, title in paths:
        if yes or _is_agreed(f"remove {title}?"):
            store.remove_at(path)
            say(f"removed {title}")


def _is_agreed(question: str) -> bool:
    """Ask a person; raises UsageError where there is none."""
    try:
        return click.confirm(question)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise UsageError("expected an answer, was the end of the input; --yes removes without asking") from None


def _removable(store: BarStore, **chosen: Any) -> list[tuple[Path, str]]:
    """Return the folders of the chosen series with their titles, damaged ones too."""
    found, _ = chosen_series(store, **chosen)
    sound = [(store.root / each.key.path, f"{each.key}, {each.manifest.rows:,} bars") for each in found]
    taken = {path for path, _ in sound}
    damaged = [
        (path.parent, f"the damaged series in {path.parent}")
        for path in _manifests(store, **chosen)
        if path.parent not in taken and not _can_be_read(store, path)
    ]
    return [*sound, *damaged]


def _can_be_read(store: BarStore, manifest: Path) -> bool:
    try:
        store.read(manifest)
    except DataError:
        return False
    return True


def store_of(ctx: click.Context) -> BarStore:
    """Return the bar store that the global options name."""
    from atlas_core.barstore.store import BarStore
    from atlas_core.cli.settings import Settings

    settings = ctx.find_object(Settings)
    return BarStore.at(settings.home if settings else None)


def readable(
    store: BarStore, symbols: Sequence[str], timeframe: str | None, source: str | None, price: str | None
) -> tuple[list[StoredSeries], list[str]]:
    """Return the series that were chosen, and what is wrong with those whose manifest cannot be read."""
    from atlas_core.barstore.keys import PriceKind

    found, damaged = [], []
    for path in _manifests(store, symbols, timeframe, source, price):
        try:
            series = store.read(path)
        except DataError as fault:
            damaged.append(str(fault))
            continue
        if series is not None:
            found.append(series)
    order = list(PriceKind)
    return sorted(
        found,
        key=lambda series: (
            series.key.source, series.key.symbol, series.key.timeframe.duration, order.index(series.key.price)
        ),
    ), damaged  # fmt: skip


def _manifests(
    store: BarStore, symbols: Sequence[str], timeframe: str | None, source: str | None, price: str | None
) -> list[Path]:
    """Return the manifests of the series that were chosen; a damaged one is known by its folder."""
    from atlas_core.barstore.keys import is_folder_of
    from atlas_core.cli.data_options import read_price, read_timeframe

    wanted = read_timeframe(timeframe), read_price(price)
    every = [path for symbol in dict.fromkeys(symbols) or (None,) for path in store.manifests(source, symbol)]
    return [path for path in every if is_folder_of(path.parent.name, *wanted)]


def chosen_series(store: BarStore, **chosen: Any) -> tuple[list[StoredSeries], list[str]]:
    """Return what `readable` does; raises NotFound for nothing, and for a symbol of which nothing was found."""
    found, damaged = readable(store, **chosen)
    strangers = [symbol for symbol in chosen["symbols"] if not _manifests(store, **chosen | {"symbols": (symbol,)})]
    if strangers or not (found or damaged):
        raise nothing_kept(store, chosen | {"symbols": strangers})
    return found, damaged


def required(store: BarStore, **chosen: Any) -> list[StoredSeries]:
    """Return the chosen series, at least one; raises NotFound, or DataError for one that is damaged."""
    found, damaged = chosen_series(store, **chosen)
    if damaged:
        raise DataError("\n".join(damaged))
    return found


def nothing_kept(store: BarStore, chosen: dict[str, Any]) -> NotFound:
    """Return the error of a choice that nothing fits, with what is kept."""
    said = [*chosen["symbols"], *(str(chosen[name]) for name in ("timeframe", "source", "price") if chosen[name])]
    kept = list(dict.fromkeys(f"{series.key}" for series in readable(store, (), None, None, None)[0]))
    rest = f"kept are {', '.join(kept[:6])}{' and more' * (len(kept) > 6)}" if kept else "the store is empty"
    return NotFound(f"expected bars of {' '.join(said) or 'anything'} in {store.root}, was nothing; {rest}")
