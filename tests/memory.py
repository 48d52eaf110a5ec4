"""Whole systems on bars made in memory, with components of a few lines, for tests of composing, loading and running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from attrs import define, field

import atlas_basics.plugin
import atlas_sim.plugin
import atlas_strat.plugin
from atlas_core import components as offer
from atlas_core.components import Component
from atlas_core.compose import System, compose
from atlas_core.contracts import Alerter, Capability, Context, HistoryRequest, MarketHistory, Need, Provider, Scanner
from atlas_core.hookspecs import hookimpl
from atlas_core.journal import Journal
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Alert
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.records import Record
from atlas_core.model.signals import SignalTable, concat_signals, signal_table
from atlas_core.model.timeframe import MINUTE
from atlas_core.plugins import Registry
from atlas_core.plugins.hooks import COMPONENT_HOOKS
from atlas_core.profile import Profile, load_profile
from atlas_core.runs import Mode, RunSummary
from atlas_core.testing import registry_of
from atlas_core.watching import Watch
from tests.systems import by_loop, by_pump

T = TypeVar("T")
START = 1_775_347_200_000_000_000  # Sunday 2026-04-05 00:00 UTC
ONE_MINUTE = Need("1m")
FIELDS = ("opened_at", "ts", "open", "high", "low", "close", "volume")
ALL_ABILITIES = (Capability.HISTORY, Capability.STREAM, Capability.FUNDING)


def at(minute: int) -> int:
    """Return the time so many minutes after the first bar opened."""
    return START + minute * MINUTE


def bar(minute: int, price: float = 100.0, symbol: str = "X", close: float | None = None) -> BarClosed:
    """Return the bar that opens at `minute`: from `price` to `close`, with half a unit around both."""
    close = price if close is None else close
    high, low = max(price, close) + 0.5, min(price, close) - 0.5
    return BarClosed(at(minute + 1), symbol, at(minute), price, high, low, close, 1e6)


def flat(minutes: Iterable[int], price: float = 100.0, symbol: str = "X") -> list[BarClosed]:
    """Return equal bars."""
    return [bar(minute, price, symbol) for minute in minutes]


def columns(symbol: str, bars: Sequence[BarClosed], request: HistoryRequest) -> Bars:
    """Return bars of one symbol inside a request as columns."""
    first = -np.inf if request.start is None else request.start
    last = np.inf if request.end is None else request.end
    rows = [b for b in bars if b.symbol == symbol and first <= b.opened_at and b.ts <= last]
    opened_at, available_at, *prices = ([getattr(b, name) for b in rows] for name in FIELDS)
    return Bars(symbol, request.timeframe, opened_at, available_at, *prices)  # type: ignore[arg-type]


@define
class MemoryProvider(Provider):
    """Delivers bars made by a test; `streamed` is what the stream yields instead, an exception is raised there.

    A market that `goes_on` has no end after its last bar.
    """

    bars: Sequence[BarClosed]
    due: Sequence[FundingDue] = ()
    streamed: Sequence[BarClosed | Exception] | None = None
    diary: list[str] = field(factory=list)
    kind: InstrumentKind = InstrumentKind.PERP
    goes_on: bool = False

    async def open(self) -> None:
        self.diary.append("provider opened")

    async def close(self) -> None:
        self.diary.append("provider closed")

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        return {s: Instrument(s, kind=self.kind, lot_size=Decimal("0.001")) for s in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        return {symbol: columns(symbol, self.bars, request) for symbol in request.symbols}

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        try:
            for item in self._streamed(request):
                if isinstance(item, Exception):
                    raise item
                yield item
            if self.goes_on:
                await asyncio.Event().wait()
        finally:
            self.diary.append("stream closed")

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        return self.due

    def _streamed(self, request: HistoryRequest) -> Sequence[BarClosed | Exception]:
        if self.streamed is not None:
            return self.streamed
        order = {symbol: place for place, symbol in enumerate(request.symbols)}
        first = -np.inf if request.start is None else request.start
        last = np.inf if request.end is None else request.end
        inside = [b for b in self.bars if first <= b.opened_at and b.ts <= last]
        return sorted(inside, key=lambda b: (b.ts, order[b.symbol]))


@define
class Script(Scanner):
    """Signals at the market at the close of the minutes that a test names: (minute, symbol, side)."""

    rows: Sequence[tuple[int, str, int]] = ()
    need: Need = ONE_MINUTE
    extra: Mapping[str, Any] = field(factory=dict)

    def needs(self) -> Sequence[Need]:
        return (self.need,)

    def scan(self, market: MarketHistory) -> SignalTable:
        return concat_signals([self._of(market.bars(s, self.need.timeframe)) for s in market.symbols])

    def _of(self, bars: Bars) -> SignalTable:
        wanted = {at(minute): side for minute, symbol, side in self.rows if symbol == bars.symbol}
        rows = [row for row, ts in enumerate(bars.available_at.tolist()) if ts in wanted]
        return signal_table(
            available_at=bars.available_at[rows],
            setup_at=bars.opened_at[rows],
            symbol=bars.symbol,
            timeframe=bars.timeframe.text,
            pattern="script",
            side=[wanted[int(bars.available_at[row])] for row in rows],
            **self.extra,
        )


@define
class Doing:
    """A decider of any kind that does what a test says."""

    act: Callable[[], Any]

    def review(self, *asked: object) -> Any:
        return self.act()

    def size(self, *asked: object) -> Any:
        return self.act()

    def on_market(self, *asked: object) -> Any:
        return self.act()


@define
class Mailbox(Alerter):
    """Keeps what it is sent."""

    diary: list[str] = field(factory=list)
    alerts: list[Alert] = field(factory=list)

    async def open(self) -> None:
        self.diary.append("alerter opened")

    async def close(self) -> None:
        self.diary.append("alerter closed")

    async def send(self, alert: Alert) -> None:
        self.alerts.append(alert)


@define
class Notes(Watch):
    """Keeps what a run tells."""

    steps: list[tuple[int, int, int]] = field(factory=list)
    seen: list[Record] = field(factory=list)

    def progress(self, done: int, total: int, now: int) -> None:
        self.steps.append((done, total, now))

    def records(self, records: Sequence[Record]) -> None:
        self.seen += records


def made(kind: Callable[..., Component[Any, Any]], name: str, product: object, *abilities: Capability) -> Any:
    """Describe a component whose factory hands out `product`."""

    def factory(_options: Any, _context: Context) -> Any:
        """Hand out what the test made."""
        return product

    return kind(name, factory, capabilities=abilities)


def memory(product: object, *abilities: Capability) -> Any:
    """Describe the provider `memory`, with every ability unless some are named."""
    return made(offer.provider, "memory", product, *(abilities or ALL_ABILITIES))


def script(*rows: tuple[int, str, int], **extra: Any) -> Any:
    """Describe the scanner `script`; `extra` are more columns of its signals."""
    return made(offer.scanner, "script", Script(rows, extra=extra))


def _hooks_alone(plugin: ModuleType) -> ModuleType:
    """Return the module of a plugin without all else that it holds: a registry looks at every name."""
    alone = ModuleType(plugin.__name__)
    vars(alone).update({name: value for name, value in vars(plugin).items() if name.startswith("atlas_")})
    return alone


SHIPPED = tuple(_hooks_alone(plugin) for plugin in (atlas_sim.plugin, atlas_basics.plugin, atlas_strat.plugin))


def registry(*parts: Component[Any, Any]) -> Registry:
    """Return a registry of the shipped plugins and of one plugin with these parts."""
    module = ModuleType("memory.plugin")
    for hook, kind in COMPONENT_HOOKS.items():
        vars(module)[hook] = hookimpl(_offering([part for part in parts if part.kind is kind]))
    return registry_of(*SHIPPED, module)


def _offering(parts: list[Component[Any, Any]]) -> Callable[[], list[Component[Any, Any]]]:
    def offered() -> list[Component[Any, Any]]:
        return parts

    return offered


def profile_text(
    *,
    symbols: Sequence[str] = ("X",),
    universe: str = "",
    scanners: Sequence[str] = ('use = "script"',),
    gates: Sequence[str] = (),
    sizer: str = 'use = "fixed-notional"\nnotional = 1000',
    broker: str = 'use = "paper"\ntaker_fee_bps = 0\nslippage_bps = 0',
    exits: Sequence[str] = ('use = "stop"\npct = 5',),
    alerters: Sequence[str] = (),
    more: str = "",
    mode: str = "paper",
    seed: int = 1,
) -> str:
    """Return a profile on the provider `memory`; tables of components are given by their bodies."""
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    many = (("scanner", scanners), ("gate", gates), ("exit", exits), ("alerter", alerters))
    tables = [f"[[{name}]]\n{body}" for name, bodies in many for body in bodies]
    head = f'[profile]\nname = "memory"\nmode = "{mode}"\nseed = {seed}\n[universe]\nsymbols = [{listed}]\n{universe}'
    single = [f'[provider]\nuse = "memory"\n[sizer]\n{sizer}\n[broker]\n{broker}', more]
    return "\n".join([head, *single, *tables])


def profile_of(parts: Registry, **tables: Any) -> Profile:
    """Load a profile of these tables."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory.toml"
        path.write_text(profile_text(**tables))
        return load_profile(path, parts)


def system_of(*parts: Component[Any, Any], run_as: Mode = Mode.PAPER, **tables: Any) -> System:
    """Compose a profile of these tables from the shipped parts and `parts`."""
    return compose(profile_of(registry(*parts), **tables), run_as)


def records_of(run: Callable[[System, Journal], RunSummary], system: System) -> list[Record]:
    """Run a system into a journal of its own; return what was journalled."""
    with Journal.in_memory() as journal:
        run(system, journal)
        return list(journal.records())


def found(records: Iterable[object], kind: type[T]) -> list[T]:
    """Return the records of one type."""
    return [record for record in records if isinstance(record, kind)]


def both_ways(make: Callable[[], System]) -> tuple[RunSummary, RunSummary]:
    """Run two equal systems, one by the loop and one by the pump; return how each ended."""
    summaries = []
    for run in (by_loop, by_pump):
        with Journal.in_memory() as journal:
            summaries.append(run(make(), journal))
    return summaries[0], summaries[1]
