"""A live session in virtual time: a venue that answers later, and a market that goes on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any

from attrs import define, field

from atlas_core import components as offer
from atlas_core.compose import System, compose
from atlas_core.contracts import Broker, Capability, HistoryRequest
from atlas_core.errors import VenueError
from atlas_core.journal import Journal
from atlas_core.model.events import BarClosed, BrokerEvent
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.orders import Order
from atlas_core.model.records import Record
from atlas_core.model.timeframe import MINUTE, SECOND
from atlas_core.model.venue import OrderReport, VenueSnapshot
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.bounded_calls import BackgroundCalls
from atlas_core.runtime.instrument_memory import InstrumentMemory
from atlas_core.runtime.recording import Recorder, Unrecorded
from atlas_core.runtime.session import Session, SessionPlan, run_session
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.venue import SimulatedVenue
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.memory import START, MemoryProvider, bar, made, memory, profile_of, registry, script

REAL = (Capability.MARKET, Capability.STOP, Capability.LIMIT, Capability.SHORT, Capability.PERP)
LATENCY = 0.05
INSTRUMENT = Instrument("X", kind=InstrumentKind.PERP, lot_size=Decimal("0.001"))


@define
class Venue(Broker):
    """A simulated venue behind a wire; what a test puts into `faults` happens before or after each call."""

    venue: SimulatedVenue = field(
        factory=lambda: SimulatedVenue({"X": INSTRUMENT}, Decimal(10_000), CostOptions(taker_fee_bps=Decimal(0)))
    )
    before: dict[str, Callable[[Any], None]] = field(factory=dict)
    after: dict[str, Callable[[Any], None]] = field(factory=dict)
    calls: list[tuple[str, Any]] = field(factory=list)
    told: asyncio.Queue[BrokerEvent] = field(factory=asyncio.Queue)
    is_deaf: bool = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def snapshot(self) -> VenueSnapshot:
        await self._called("snapshot", None)
        return self.venue.snapshot()

    async def find(self, client_order_id: str) -> OrderReport | None:
        await self._called("find", client_order_id)
        return self.venue.report(client_order_id)

    async def submit(self, order: Order) -> None:
        await self._called("submit", order)
        self._tell(self.venue.place(order, self.now()))
        self.after.get("submit", bool)(order)

    async def cancel(self, client_order_id: str) -> None:
        await self._called("cancel", client_order_id)
        self._tell(self.venue.withdraw(client_order_id, self.now()))
        self.after.get("cancel", bool)(client_order_id)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        while True:
            yield await self.told.get()

    def now(self) -> int:
        return START + round(asyncio.get_running_loop().time() * 1e9)

    def names(self, what: str = "submit") -> list[str]:
        return [getattr(asked, "role", asked) for name, asked in self.calls if name == what]

    async def _called(self, name: str, asked: Any) -> None:
        self.calls.append((name, asked))
        await asyncio.sleep(LATENCY)
        self.before.get(name, bool)(asked)

    def _tell(self, events: Sequence[BrokerEvent]) -> None:
        for event in events if not self.is_deaf else ():
            self.told.put_nowait(event)


@define
class Tape(MemoryProvider):
    """Yields a bar at the end of every virtual minute and shows it to the venue first; `prices` by minute."""

    venue: Venue = field(kw_only=True)
    prices: dict[int, tuple[float, float]] = field(factory=dict)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        minute = (self.venue.now() - START) // MINUTE
        while True:
            made_bar = bar(minute, *self._of(minute))
            await asyncio.sleep((made_bar.ts - self.venue.now()) / 1e9)
            self.venue._tell(self.venue.venue.observe(made_bar))
            await asyncio.sleep(LATENCY)
            yield made_bar
            minute += 1

    def _of(self, minute: int) -> Any:
        first, last = self.prices.get(minute, (100.0, 100.0))
        return first, "X", last


@define
class Scene:
    """One account at one venue, and the journal that sessions on it continue; our clock is `behind` by some seconds."""

    venue: Venue = field(factory=Venue)
    signals: Sequence[tuple[int, str, int]] = ((3, "X", 1),)
    facts: dict[str, Any] = field(factory=dict)
    prices: dict[int, tuple[float, float]] = field(factory=dict)
    abilities: Sequence[Capability] = REAL
    journal: Journal = field(factory=Journal.in_memory)
    tables: dict[str, Any] = field(factory=dict)
    recorder: Callable[[], Recorder] = Unrecorded
    behind: int = 0
    memory: InstrumentMemory | None = None
    background: BackgroundCalls | None = None
    tape: Callable[..., Tape] = Tape

    def run(self, minutes: float, meanwhile: Callable[[Session], Any] | None = None, *, start: float = 0) -> RunSummary:
        """Run a session from minute `start` for some minutes, then stop it in good order."""
        return run_virtual(self._run(minutes, meanwhile, start))

    @property
    def records(self) -> list[Record]:
        return list(self.journal.records())

    async def _run(self, minutes: float, meanwhile: Callable[[Session], Any] | None, start: float) -> RunSummary:
        await asyncio.sleep(start * 60)
        self.venue.told = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def begun(session: Session) -> None:
            loop.call_later(minutes * 60, session.request_stop, "enough")
            if meanwhile is not None:
                meanwhile(session)

        plan = SessionPlan(begun=begun, recorder=self.recorder(), memory=self.memory, background=self.background)
        return await run_session(self._system(loop), self.journal, plan)

    def _system(self, loop: asyncio.AbstractEventLoop) -> System:
        provider = memory(self.tape((), venue=self.venue, prices=self.prices))
        broker = made(offer.broker, "real", self.venue, *self.abilities)
        parts = registry(provider, broker, script(*self.signals, **self.facts))
        tables = {"broker": 'use = "real"', "mode": "live", "more": '[live]\naccount = "A-1"', **self.tables}
        return compose(profile_of(parts, **tables), Mode.LIVE, VirtualClock(loop, START - self.behind * SECOND))


@define
class PaperScene:
    """A paper account on a market that goes on, and the journal that its sessions continue."""

    signals: Sequence[tuple[int, str, int]] = ((3, "X", 1),)
    prices: dict[int, tuple[float, float]] = field(factory=dict)
    journal: Journal = field(factory=Journal.in_memory)

    def run(self, minutes: float, *, start: float = 0, crashes: bool = False) -> RunSummary | None:
        """Run a session from minute `start` for some minutes, then stop it in good order or let it die."""
        return run_virtual(self._run(minutes, start, crashes))

    @property
    def records(self) -> list[Record]:
        return list(self.journal.records())

    async def _run(self, minutes: float, start: float, crashes: bool) -> RunSummary | None:
        await asyncio.sleep(start * 60)
        loop = asyncio.get_running_loop()
        provider = memory(
            Tape((), venue=Venue(), prices=self.prices), Capability.HISTORY, Capability.STREAM, Capability.REAL_TIME
        )
        profile = profile_of(registry(provider, script(*self.signals)))
        system = compose(profile, Mode.PAPER, VirtualClock(loop, START))

        def begun(session: Session) -> None:
            loop.call_later(minutes * 60, session.request_stop, "enough")

        run = run_session(system, self.journal, SessionPlan(begun=begun))
        if not crashes:
            return await run
        task = asyncio.ensure_future(run)
        await asyncio.sleep(minutes * 60 - 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None


def lost(_: object) -> None:
    """Let the answer be lost."""
    raise VenueError("the connection was reset")
