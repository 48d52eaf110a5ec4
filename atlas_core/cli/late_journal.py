"""The journal of a back-test that was worked out in columns: written by the engine when somebody asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_core.cli.manifests import Manifest, expect_manifest, is_without_journal
from atlas_core.errors import AtlasError
from atlas_core.runs import RunInfo
from atlas_core.runstore import JOURNAL_NAME, MANIFEST_NAME
from atlas_core.statedir import write_text
from atlas_core.watching import Unwatched

if TYPE_CHECKING:
    from atlas_core.journal import Journal
    from atlas_core.watching import TradedMarket


def journal_of(run: RunInfo) -> Path:
    """Return the journal of a run; one that was worked out in columns gets it now, from what its manifest names.

    Raises AtlasError, with what has changed since, when the engine does not come to the trades of then.
    """
    path = run.directory / JOURNAL_NAME
    if is_without_journal(run):
        click.echo(f"run {run.run_id} was worked out in columns: its journal is written now", err=True)
        _write(run, expect_manifest(run), path)
    return path


class _Keeper(Unwatched):
    """Keeps the bars that a run goes over."""

    market: TradedMarket | None = None

    def loaded(self, market: TradedMarket) -> None:
        """Keep them."""
        self.market = market


def _write(run: RunInfo, manifest: Manifest, path: Path) -> None:
    from atlas_core.journal import Journal
    from atlas_core.report.export import json_text

    making = path.with_name(f"{path.name}.making")
    _remove(making)
    try:
        with Journal.create(making) as journal:
            _made(run, manifest, journal)
            beside = _tables_beside(journal)
            manifest["journal_digest"] = journal.digest()
        # The journal comes last: as long as it is not there, all of this is done again.
        for name, text in (*beside.items(), (MANIFEST_NAME, json_text(manifest))):
            write_text(run.directory / name, text)
        making.rename(path)
    finally:
        _remove(making)


def _remove(making: Path) -> None:
    """Remove a journal that is not wanted, with what stands beside it."""
    for file in making.parent.glob(f"{making.name}*"):
        file.unlink(missing_ok=True)


def _made(run: RunInfo, manifest: Manifest, journal: Journal) -> None:
    """Run through the engine once more; raises AtlasError when its trades are others."""
    from atlas_core.backtest.columnar.outcome import trades_digest
    from atlas_core.backtest.driver import DriverKind, run_backtest
    from atlas_core.compose import compose
    from atlas_core.profile import open_profile
    from atlas_core.report.provenance import overrides_of, recipe_of, texts_of

    recipe, keeper = recipe_of(manifest, run.run_id), _Keeper()
    loaded, _ = open_profile(
        Path(recipe["profile_path"]), overrides=overrides_of(recipe), resolve_secrets=True, texts=texts_of(recipe)
    )
    run_backtest(compose(loaded, run.mode), journal, keeper, DriverKind.SKIPPING)
    if trades_digest(journal.records()) != manifest.get("trades_digest"):
        raise AtlasError(
            f"expected the trades of run {run.run_id}, was others{_cause(manifest, keeper)}; run the profile again"
        )


def _cause(manifest: Manifest, keeper: _Keeper) -> str:
    from atlas_core.report.provenance import data_changes, data_rows

    if keeper.market is None:
        return ""
    changes = data_changes(manifest.get("data") or (), data_rows(keeper.market.all_bars))
    return f": {changes[0]}" if changes else ": a component or Atlas itself decides otherwise today"


def _tables_beside(journal: Journal) -> dict[str, str]:
    from atlas_core.report.export import ORDERS_NAME, orders_csv
    from atlas_core.report.orders import order_rows

    return {ORDERS_NAME: orders_csv(order_rows(journal.records()))}
