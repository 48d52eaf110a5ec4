"""What this package offers, without importing any of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from atlas_core import Capability, Component, Context, CostOptions, broker, hookimpl, provider
from atlas_sim.options import FilesOptions, SimOptions, StoreOptions

if TYPE_CHECKING:
    import click

    from atlas_core import Broker, Provider

_TRADED = (Capability.SPOT, Capability.PERP, Capability.STOCK)


def make_sim(options: SimOptions, context: Context) -> Provider:
    """Seeded synthetic market: two perpetuals, 24 shares, an index share and a volatility index."""
    from atlas_sim.provider import SimProvider

    return SimProvider(options, context)


def make_files(options: FilesOptions, context: Context) -> Provider:
    """Your own bars from CSV, CSV.gz, Parquet or Feather files."""
    from atlas_sim.files.provider import FilesProvider

    return FilesProvider(options, context)


def make_store(options: StoreOptions, context: Context) -> Provider:
    """Bars that were imported or downloaded with `atlas data`, mapped from disk."""
    from atlas_sim.stored import StoreProvider

    return StoreProvider(options, context)


def make_paper(options: CostOptions, context: Context) -> Broker:
    """Simulated broker with fees, slippage, impact, latency, funding, margin and liquidation."""
    from atlas_sim.broker import PaperBroker

    return PaperBroker(options, context)


@hookimpl
def atlas_data_providers() -> Iterable[Component[Any, Provider]]:
    """Offer the synthetic market, files and the bar store."""
    return [
        provider(
            "sim",
            make_sim,
            options=SimOptions,
            capabilities=[
                Capability.HISTORY,
                Capability.STREAM,
                Capability.FUNDING,
                Capability.SYNTHETIC,
                Capability.PERP,
                Capability.STOCK,
            ],
        ),
        provider(
            "files",
            make_files,
            options=FilesOptions,
            capabilities=[Capability.HISTORY, Capability.STREAM, *_TRADED],
        ),
        provider(
            "store",
            make_store,
            options=StoreOptions,
            capabilities=[Capability.HISTORY, Capability.STREAM, Capability.FUNDING, *_TRADED],
        ),
    ]


@hookimpl
def atlas_brokers() -> Iterable[Component[Any, Broker]]:
    """Offer the paper broker."""
    return [
        broker(
            "paper",
            make_paper,
            options=CostOptions,
            capabilities=[
                Capability.SIMULATED,
                Capability.MARKET,
                Capability.LIMIT,
                Capability.STOP,
                Capability.STOP_LIMIT,
                Capability.TRAILING_STOP,
                Capability.ONE_CANCELS_OTHER,
                Capability.SHORT,
                *_TRADED,
            ],
        )
    ]


@hookimpl
def atlas_commands(group: click.Group) -> None:
    """Add `atlas sim`."""
    from atlas_sim.commands import sim

    group.add_command(sim)
