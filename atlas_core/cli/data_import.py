"""`atlas data import`: files of bars into the store."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.data_options import (
    SOURCE_HELP,
    read_columns,
    read_only,
    read_price,
    read_repairs,
    read_timeframe,
)
from atlas_core.cli.progress import WorkBar
from atlas_core.errors import AtlasError, UsageError

if TYPE_CHECKING:
    from atlas_core.barstore.importing import Imported, Wish


@click.command("import", short_help="Bring files of bars into the store.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--symbol", metavar="SYMBOL", help="Whose bars these are, as in BTC/USD.")
@click.option("--timeframe", metavar="TF", help="Length of a bar; the most common spacing without it.")
@click.option(
    "--format", "layout", default="auto", show_default=True,
    type=click.Choice(["auto", "csv", "parquet", "feather", "freqtrade"]), help="What the files must be.",
)  # fmt: skip
@click.option("--source", metavar="NAME", help=f"{SOURCE_HELP} [default: files]")
@click.option("--price", metavar="KIND", help="Prices of trade (default), mark, index or funding.")
@click.option("--columns", multiple=True, metavar="ROLE=NAME,...", help="Headers or places: time=unix,volume=#6.")
@click.option("--only", multiple=True, metavar="COLUMN=VALUE", help="One series of a file with several.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of times that do not name theirs.")
@click.option(
    "--time-unit", default="auto", show_default=True,
    type=click.Choice(["auto", "s", "ms", "us", "ns", "iso"]), help="Unit of the times.",
)  # fmt: skip
@click.option(
    "--time-marks", default="open", show_default=True,
    type=click.Choice(["open", "close"]), help="Which end of its bar a time names.",
)  # fmt: skip
@click.option("--session", type=click.Choice(["24x7", "us-equities"]), help="Hours in which bars are expected.")
@click.option("--tick", metavar="SIZE", help="Step of the price; from the decimals without it.")
@click.option("--repair", multiple=True, metavar="NAME,...", help="sort, dedupe, keep-first, keep-last, drop-invalid.")
@click.option("--allow-jumps", is_flag=True, help="Take prices that jump fifty-fold from bar to bar.")
@click.option("--replace", is_flag=True, help="Put the file in the place of the series that is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def import_(ctx: click.Context, /, files: tuple[Path, ...], as_json: bool, **options: Any) -> None:
    """Bring bars of CSV, Parquet or Feather files (also packed as gz, zip or tar), or of folders, into the store.

    A file is checked whole before anything is written; rows that are not bars are told and refused, and repaired only
    as --repair says. Bars that are kept already must agree with the file; those that are missing are added.
    """
    from atlas_core.barstore.importing import files_below
    from atlas_core.cli.tables import print_json

    wish = _wish(**options)
    paths = [path for given in files for path in files_below(given.expanduser())]
    done: list[Imported] = []
    with WorkBar(ctx, silent=as_json) as bar:
        try:
            for path in paths:
                _import(ctx, path, wish, bar, done, is_told=not as_json)
        except AtlasError:
            if done:
                from atlas_core.cli.data_tables import counted

                click.echo(f"{counted(len(done), 'file')} imported before this one, and kept", err=True)
            raise
    if as_json:
        print_json([_facts(each) for each in done])


def _import(ctx: click.Context, path: Path, wish: Wish, bar: WorkBar, done: list[Imported], *, is_told: bool) -> None:
    from atlas_core.barstore.importing import import_file
    from atlas_core.cli.data import store_of
    from atlas_core.clock import LiveClock

    bar.begin(path.name, path.stat().st_size if path.is_file() else 1)
    for each in import_file(store_of(ctx), path, wish, LiveClock().now(), bar.at):
        done.append(each)
        if is_told:
            with bar.aside():
                _tell(each)


def _tell(imported: Imported) -> None:
    from atlas_core.cli.data_tables import counted, gap_text
    from atlas_core.cli.formats import when
    from atlas_core.cli.tables import say, say_parts

    outcome, manifest = imported.outcome, imported.outcome.manifest
    known = f", {outcome.known:,} were there already" if outcome.known else ""
    say_parts(
        f"{imported.key}: {outcome.added:,} bars added{known}"
        f" · {manifest.rows:,} bars from {when(manifest.first_opened_at)} to {when(manifest.last_available_at)}"
        f" · {gap_text(manifest.gaps, manifest.missing_bars)} · {imported.file}"
    )
    if manifest.session == "24x7" and manifest.gaps >= _NIGHTS and manifest.missing_bars > manifest.rows:
        say("  a market that closes? --session us-equities expects bars in its hours only")
    for name, count in imported.repairs.items():
        say(f"  repaired: {counted(count, _REPAIRED[name][0])} {_REPAIRED[name][1]}")
    for row in imported.report.first:
        say(f"    line {row.line}: {row.reason}")
    rest = imported.report.dirty - len(imported.report.first)
    if rest:
        say(f"    and {rest:,} more")


_NIGHTS = 20  # gaps from which on they may be nights, where more is missing than there is
_REPAIRED = {
    "sort": ("row", "put in the order of the times"),
    "dedupe": ("repeated row", "left out"),
    "keep-first": ("later row", "of a time left out"),
    "keep-last": ("earlier row", "of a time left out"),
    "drop-invalid": ("refused row", "left out"),
}


def _facts(imported: Imported) -> dict[str, Any]:
    manifest = imported.outcome.manifest
    return {
        "file": imported.file,
        "source": imported.key.source,
        "symbol": imported.key.symbol,
        "timeframe": imported.key.timeframe.text,
        "price": imported.key.price,
        "added": imported.outcome.added,
        "known": imported.outcome.known,
        "repairs": imported.repairs,
        "rows": manifest.rows,
        "gaps": manifest.gaps,
        "missing_bars": manifest.missing_bars,
        "identity": manifest.identity,
    }


def _wish(
    symbol: str | None,
    timeframe: str | None,
    layout: str,
    source: str | None,
    price: str | None,
    columns: tuple[str, ...],
    only: tuple[str, ...],
    zone: str,
    time_unit: str,
    time_marks: str,
    session: str | None,
    tick: str | None,
    repair: tuple[str, ...],
    allow_jumps: bool,
    replace: bool,
) -> Wish:
    from atlas_core.barfiles.form import BarFileForm
    from atlas_core.barstore.importing import Wish
    from atlas_core.model.session import TradingSession

    form = BarFileForm(
        columns=read_columns(columns),
        only=read_only(only),
        time_unit=time_unit,
        time_marks=time_marks,
        zone=_zone(zone),
        timeframe=read_timeframe(timeframe),
        tick_size=_tick(tick),
        repairs=read_repairs(repair),
        refuse_jumps=not allow_jumps,
    )
    return Wish(
        symbol=symbol,
        source=source,
        price=read_price(price),
        session=None if session is None else TradingSession(session),
        layout=layout,
        replace=replace,
        form=form,
    )


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"expected --zone with a time zone such as America/New_York, was {name!r}") from None
    return name


def _tick(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        tick = Decimal(text)
    except InvalidOperation:
        tick = Decimal(0)
    if not tick.is_finite() or tick <= 0:
        raise UsageError(f"expected --tick above 0 such as 0.01, was {text!r}")
    return tick
