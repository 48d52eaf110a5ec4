"""`atlas data download`: bars from a provider into the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from atlas_core.cli.completion import complete_profile
from atlas_core.cli.data_options import SOURCE_HELP, read_span, read_timeframe
from atlas_core.cli.progress import WorkBar
from atlas_core.errors import DataError, UsageError, VenueError

if TYPE_CHECKING:
    from atlas_core.barstore.store import BarStore
    from atlas_core.components import Component
    from atlas_core.contracts import Provider
    from atlas_core.downloading import Downloaded, DownloadPlan
    from atlas_core.model.timeframe import Timeframe
    from atlas_core.profile import Profile

_SHOWN_STEPS = 1000


@click.command(short_help="Bring bars of a provider into the store.")
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option("--provider", "name", metavar="NAME", help="A provider without a profile, as `atlas plugins list` shows.")
@click.option("--symbols", metavar="A,B", help="Symbols, instead of those of the profile.")
@click.option("--timeframes", metavar="TF,TF", help="Timeframes, instead of the base timeframe of the profile.")
@click.option("--timerange", metavar="FROM-TO", help="Such as 20240101-20240301; either side may be left out.")
@click.option("--from", "start", metavar="TIME", help="First time (UTC), 2026-01-01 or 20260101T1500.")
@click.option("--to", "end", metavar="TIME", help="Last time (UTC); the present without it.")
@click.option("--source", metavar="NAME", help=f"{SOURCE_HELP} [default: the provider]")
@click.option("--fill-gaps", is_flag=True, help="Ask again for bars that are missing between those that are kept.")
@click.option("--seed", type=int, help="Seed of a provider that makes its data.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Any value of the profile, or provider.KEY.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def download(ctx: click.Context, /, profile: str | None, name: str | None, as_json: bool, **options: Any) -> None:
    """Bring the bars of a profile's provider, or of a provider by its name, into the store.

    What is kept already is not asked for again; every page is kept as soon as it is there, and the same command goes
    on where it was broken off. Exit code 6 when the venue failed.
    """
    from atlas_core.cli.data import store_of
    from atlas_core.cli.tables import print_json

    if (profile is None) == (name is None):
        raise UsageError("expected either a profile or --provider NAME; atlas plugins list shows the providers")
    supply = _of_profile(profile, **options) if profile is not None else _of_provider(str(name), **options)
    store = store_of(ctx)
    with WorkBar(ctx, silent=as_json) as bar:
        done = asyncio.run(_download(supply, store, bar))
    if as_json:
        print_json([_facts(each) for each in done])
    else:
        for each in done:
            _tell(each)
    if any(each.fault is not None for each in done):
        _tell_how_to_go_on(done, as_json=as_json)
        is_of_venue = any(isinstance(each.fault, VenueError) for each in done)
        ctx.exit(VenueError.exit_code if is_of_venue else DataError.exit_code)


@frozen(kw_only=True)
class _Supply:
    """The provider, not yet made, and what is wanted of it."""

    component: Component[Any, Any]
    options: object
    label: str
    seed: int
    plan: DownloadPlan

    def make(self) -> Provider:
        from atlas_core.loading import lone_provider

        return lone_provider(self.component, self.options, self.label, self.seed)


async def _download(supply: _Supply, store: BarStore, bar: WorkBar) -> list[Downloaded]:
    from atlas_core.downloading import download as work

    at = ""

    def watch(what: str, share: float) -> None:
        nonlocal at
        if what != at:
            bar.begin(what, _SHOWN_STEPS)
            at = what
        bar.at(share * _SHOWN_STEPS)

    provider = supply.make()
    await provider.open()
    try:
        return await work(supply.plan, provider, store, watch)
    finally:
        await provider.close()


def _of_profile(
    name: str, *, symbols: str | None, timeframes: str | None, seed: int | None, changes: tuple[str, ...], **rest: Any
) -> _Supply:
    from atlas_core.cli.run import profile_overrides
    from atlas_core.profile import open_profile

    loaded, _ = open_profile(name, overrides=profile_overrides((), None, None, seed, changes), resolve_secrets=True)
    universe, chosen = loaded.universe, loaded.provider
    wanted = _list(symbols) or universe.symbols
    said = {symbol: universe.sessions.get(symbol, universe.session) for symbol in wanted}
    return _Supply(
        component=chosen.component,
        options=chosen.options,
        label=chosen.label,
        seed=loaded.seed,
        plan=_plan(
            chosen.component,
            chosen.options,
            symbols=wanted,
            timeframes=_timeframes(timeframes) or (universe.base_timeframe,),
            seed=loaded.seed,
            sessions={symbol: session for symbol, session in said.items() if session is not None},
            **_span_of(loaded, **rest),
        ),
    )


def _span_of(
    loaded: Profile, *, start: str | None, end: str | None, timerange: str | None, **rest: Any
) -> dict[str, Any]:
    """Return the span of the command line, before that of the profile."""
    first, last = read_span(timerange, start, end)
    universe = loaded.universe
    span = (universe.start if first is None else first, universe.end if last is None else last)
    return {"span": span, **rest}


def _of_provider(
    name: str,
    *,
    symbols: str | None,
    timeframes: str | None,
    seed: int | None,
    changes: tuple[str, ...],
    timerange: str | None,
    start: str | None,
    end: str | None,
    **rest: Any,
) -> _Supply:
    from atlas_core.contracts import Kind
    from atlas_core.errors import ProfileError
    from atlas_core.options import Address, structure
    from atlas_core.plugins import discover

    component = discover().find(Kind.PROVIDER, name)
    options, problems = structure(component.options, _table(changes), Address(table="provider"))
    if problems:
        raise ProfileError(problems)
    if not symbols or not timeframes:
        raise UsageError(
            "expected --symbols and --timeframes with --provider, such as --symbols BTC/USD --timeframes 1m"
        )
    plan = _plan(
        component,
        options,
        symbols=_list(symbols),
        timeframes=_timeframes(timeframes),
        seed=seed or 0,
        sessions={},
        span=read_span(timerange, start, end),
        **rest,
    )
    return _Supply(component=component, options=options, label=name, seed=seed or 0, plan=plan)


def _plan(
    component: Component[Any, Any],
    options: object,
    *,
    symbols: tuple[str, ...],
    timeframes: tuple[Timeframe, ...],
    seed: int,
    span: tuple[int | None, int | None],
    source: str | None,
    fill_gaps: bool,
    sessions: dict[str, Any],
) -> DownloadPlan:
    from atlas_core.clock import LiveClock
    from atlas_core.contracts import Capability
    from atlas_core.downloading import DownloadPlan

    is_synthetic = Capability.SYNTHETIC in component.capabilities
    own_seed = getattr(options, "seed", None)
    made = f"{component.name}-{seed if own_seed is None else own_seed}"  # another seed is another market
    return DownloadPlan(
        source=source or (made if is_synthetic else component.name),
        symbols=symbols,
        timeframes=timeframes,
        now=LiveClock().now(),
        start=span[0],
        end=span[1],
        fill_gaps=fill_gaps,
        is_synthetic=is_synthetic,
        sessions=sessions,
    )


def _table(changes: tuple[str, ...]) -> dict[str, Any]:
    """Return the table [provider] of `--set provider.KEY=VALUE`, each value as TOML, or as text where it is none."""
    import tomli

    table: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key.startswith("provider."):
            raise UsageError(f"expected --set provider.KEY=VALUE with --provider, was {change!r}")
        try:
            table[key.removeprefix("provider.")] = tomli.loads(f"value = {value}")["value"]
        except tomli.TOMLDecodeError:
            table[key.removeprefix("provider.")] = value
    return table


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _timeframes(text: str | None) -> tuple[Timeframe, ...]:
    return tuple(timeframe for part in _list(text) if (timeframe := read_timeframe(part)) is not None)


def _tell(done: Downloaded) -> None:
    from atlas_core.cli.data_tables import gap_text
    from atlas_core.cli.formats import when
    from atlas_core.cli.tables import say, say_parts

    manifest = done.manifest
    if manifest is None or not manifest.rows:
        say(f"{done.key}: {done.fault or 'nothing, the provider has no bars of it in this span'}")
        return
    say_parts(
        f"{done.key}: {done.added:,} bars added"
        f" · {manifest.rows:,} bars from {when(manifest.first_opened_at)} to {when(manifest.last_available_at)}"
        f" · {gap_text(manifest.gaps, manifest.missing_bars)}"
    )
    if done.fault is not None:
        say(f"  broken off: {done.fault}")


def _tell_how_to_go_on(done: list[Downloaded], *, as_json: bool) -> None:
    broken = [each for each in done if each.fault is not None]
    if not as_json:
        what = ", ".join(str(each.key) for each in broken)
        click.echo(f"error: {what} could not be read to the end; what came is kept, run it again to go on", err=True)


def _facts(done: Downloaded) -> dict[str, Any]:
    from atlas_core.report.export import iso

    manifest = done.manifest
    kept = manifest is not None and manifest.rows > 0
    return {
        "source": done.key.source,
        "symbol": done.key.symbol,
        "timeframe": done.key.timeframe.text,
        "price": done.key.price,
        "added": done.added,
        "bars": manifest.rows if manifest else 0,
        "from": iso(manifest.first_opened_at) if manifest and kept else None,
        "to": iso(manifest.last_available_at) if manifest and kept else None,
        "gaps": manifest.gaps if manifest else 0,
        "missing_bars": manifest.missing_bars if manifest else 0,
        "fault": None if done.fault is None else str(done.fault),
    }
