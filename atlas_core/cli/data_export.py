"""`atlas data export`: series out of the store, as files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.data_options import choosing, read_span
from atlas_core.cli.progress import WorkBar
from atlas_core.errors import UsageError

if TYPE_CHECKING:
    from atlas_core.barstore.store import StoredSeries


@click.command(short_help="Write series as Parquet or CSV files.")
@choosing
@click.option(
    "--format", "form", default="parquet", show_default=True, type=click.Choice(["parquet", "csv", "csv.gz"]),
    help="Form of the files.",
)  # fmt: skip
@click.option("--to", "target", type=click.Path(path_type=Path), default=".", help="Folder of the files, or one file.")
@click.option("--timerange", metavar="FROM-TO", help="Such as 20240101-20240301; either side may be left out.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def export(
    ctx: click.Context, /, form: str, target: Path, timerange: str | None, force: bool, as_json: bool, **chosen: Any
) -> None:
    """Write the bars of the chosen series as Parquet or CSV, one file each; an import reads back the same bars.

    Every column is read against its hashes first: bars that were damaged are not written out as if they were sound.
    """
    from atlas_core.barstore.exporting import export_series
    from atlas_core.cli.data import required, store_of
    from atlas_core.cli.tables import print_json, say

    store, span = store_of(ctx), read_span(timerange, None, None)
    found = required(store, **chosen)
    paths = _paths(found, target.expanduser(), form)
    taken = [path for path in paths if path.exists() and not force]
    if taken:
        raise UsageError(
            f"expected files that are not there yet, was {', '.join(map(str, taken))}; --force replaces them"
        )
    written = []
    with WorkBar(ctx, silent=as_json) as bar:
        for series, path in zip(found, paths, strict=True):
            bars = series.verified_bars().within(*span)
            bar.begin(path.name, len(bars))
            path.parent.mkdir(parents=True, exist_ok=True)
            export_series(series.manifest, bars, path, form, bar.at)
            written.append({"file": path, "series": str(series.key), "bars": len(bars), "bytes": path.stat().st_size})
            if not as_json:
                with bar.aside():
                    say(f"{path}: {len(bars):,} bars of {series.key}")
    if as_json:
        print_json(written)


def _paths(found: list[StoredSeries], target: Path, form: str) -> list[Path]:
    from atlas_core.barstore.exporting import export_name

    if target.suffix and not target.is_dir():
        if len(found) > 1:
            some = ", ".join(str(series.key) for series in found[:4])
            raise UsageError(f"expected a folder for {len(found)} series ({some} ...), was the file {target}")
        return [target]
    names = [export_name(series.manifest, form) for series in found]
    paths = [
        target / (name if names.count(name) == 1 else f"{series.key.source}_{name}")
        for name, series in zip(names, found, strict=True)
    ]
    if len(set(paths)) < len(paths):
        raise UsageError("expected series with different file names, were several with one; export them one by one")
    return paths
