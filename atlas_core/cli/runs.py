"""`atlas runs`: the runs that are kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click

from atlas_core.cli.formats import NOTHING
from atlas_core.cli.kept import store_of
from atlas_core.cli.manifests import Manifest, read_manifest
from atlas_core.cli.tables import Column, print_json, print_table, say, signed
from atlas_core.runs import RunInfo
from atlas_core.runstore import is_continuing

COLUMNS = (
    Column("Run"),
    Column("Profile", drop=3),
    Column("Mode"),
    Column("Market"),
    Column("Signals", numeric=True, drop=2),
    Column("Trades", numeric=True),
    Column("Open", numeric=True, drop=2),
    Column("Net P&L", numeric=True),
    Column("Ended", drop=4),
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def runs(ctx: click.Context, as_json: bool) -> None:
    """List the runs that are kept, the oldest first."""
    store = store_of(ctx)
    kept = [(run, read_manifest(run)) for run in store.all()]
    if as_json:
        print_json([_facts(run, manifest) for run, manifest in kept])
    elif not kept:
        say(f"no run is kept below {store.home}; start one: atlas run demo")
    else:
        print_table("", COLUMNS, [_cells(run, manifest) for run, manifest in kept])


def _facts(run: RunInfo, manifest: Manifest | None) -> dict[str, Any]:
    facts = {
        "run_id": run.run_id,
        "profile": run.profile,
        "mode": run.mode,
        "synthetic": run.synthetic,
        "directory": run.directory,
    }
    names = ("signals", "trades", "open_positions", "net", "equity", "finished", "journal_digest")
    return facts | {name: (manifest or {}).get(name) for name in names}


def _cells(run: RunInfo, manifest: Manifest | None) -> list[str]:
    market = "synthetic" if run.synthetic else "real"
    first = [run.run_id, run.profile, run.mode.word, market]
    if not manifest and is_continuing(run):
        return [*first, NOTHING, NOTHING, NOTHING, NOTHING, f"continues: atlas status {run.profile}"]
    if not manifest:
        return [*first, NOTHING, NOTHING, NOTHING, NOTHING, "not finished" if manifest is None else "manifest damaged"]
    figures = [f"{manifest[name]:,}" for name in ("signals", "trades", "open_positions")]
    return [*first, *figures, signed(Decimal(manifest["net"])), str(manifest["finished"])]
