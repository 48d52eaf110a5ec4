"""A live session with one hostile plugin in it, in virtual time or in real time, and what it did to the venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from attrs import define, field

from atlas_core import components as offer
from atlas_core.compose import System, compose
from atlas_core.contracts import HistoryRequest
from atlas_core.journal import Journal
from atlas_core.model.decisions import Exit, Levels
from atlas_core.model.events import BarClosed
from atlas_core.model.records import Record
from atlas_core.runs import Mode
from atlas_core.runtime.session import Session, SessionPlan, run_session
from atlas_core.testing import VirtualClock, run_virtual
from tests.live_scene import REAL, Tape, Venue
from tests.memory import START, Script, bar, made, memory, profile_of, registry

ROUND = 4
"""Minutes from one entry to the next; the exit is due in between."""


class AfterTwoBars:
    """The sound exit rule of these sessions: it holds for two bars, with a stop ten percent away."""

    def on_market(self, position: Any, market: object) -> Exit | None:
        return Exit("held long enough") if position.bars_held >= 2 else None

    def levels(self, position: Any) -> Levels:
        return Levels(stop=position.entry_price * 9 / 10)


@define
class TimedVenue(Venue):
    """A venue that notes when each order came."""

    begun: float = 0.0
    sent: list[tuple[float, str]] = field(factory=list)

    def now(self) -> int:
        return START + round((asyncio.get_running_loop().time() - self.begun) * 1e9)

    async def submit(self, order: Any) -> None:
        self.sent.append((round(asyncio.get_running_loop().time() - self.begun, 6), str(order.role)))
        await super().submit(order)

    def exits(self) -> list[float]:
        return [at for at, role in self.sent if role == "exit"]


@define
class FastTape(Tape):
    """The bars of a tape as fast as the loop takes them, each an instant of `seconds` after the last."""

    seconds: float = 0.0

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        minute = 0
        while True:
            made_bar = bar(minute)
            self.venue._tell(self.venue.venue.observe(made_bar))
            await asyncio.sleep(self.seconds)
            yield made_bar
            minute += 1


@define
class PatientTape(FastTape):
    """Bars one after the other: the next one comes when the session has nothing more to do."""

    is_idle: Callable[[], bool] = field(kw_only=True)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        async for each in super().stream(request):
            yield each
            await asyncio.sleep(0)
            while not self.is_idle():
                await asyncio.sleep(0.001)


@define
class HostileScene:
    """One session: the sound parts, and what a test adds as parts and tables."""

    parts: tuple[Any, ...] = ()
    gates: tuple[str, ...] = ()
    exits: tuple[str, ...] = ('use = "two-bars"',)
    scanners: tuple[str, ...] = ('use = "script"',)
    alerters: tuple[str, ...] = ()
    provider: Callable[[Venue], Any] = lambda venue: Tape((), venue=venue)
    minutes: float = 40
    venue: TimedVenue = field(factory=TimedVenue)
    records: list[Record] = field(factory=list)
    session: Session | None = None

    def run(self) -> HostileScene:
        """Run in virtual time, everything in one thread."""
        run_virtual(self._run(nullcontext))
        return self

    def run_in_real_time(
        self, harden: Callable[[SessionPlan], AbstractContextManager[SessionPlan]], until: Callable[[], bool]
    ) -> HostileScene:
        """Run on a real loop with threads, until a test has seen what it waits for."""
        asyncio.run(asyncio.wait_for(self._run(harden, until), 60))
        return self

    async def _run(
        self,
        harden: Callable[[SessionPlan], AbstractContextManager[SessionPlan]],
        until: Callable[[], bool] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.venue.begun = loop.time()

        def begun(session: Session) -> None:
            self.session = session
            if until is None:
                loop.call_later(self.minutes * 60, session.request_stop, "enough")
            else:
                self._watch(session, until)

        with Journal.in_memory() as journal, harden(SessionPlan(begun=begun)) as plan:
            try:
                await run_session(self._system(loop), journal, plan)
            finally:
                self.records = list(journal.records())

    def _watch(self, session: Session, until: Callable[[], bool]) -> None:
        if until():
            session.request_stop("seen")
        else:
            asyncio.get_running_loop().call_later(0.005, self._watch, session, until)

    def _system(self, loop: asyncio.AbstractEventLoop) -> System:
        rows = [(minute, "X", 1) for minute in range(3, 2_000, ROUND)]
        parts = registry(
            memory(self.provider(self.venue)),
            made(offer.broker, "real", self.venue, *REAL),
            made(offer.scanner, "script", Script(rows)),
            made(offer.exit_rule, "two-bars", AfterTwoBars()),
            *self.parts,
        )
        profile = profile_of(
            parts,
            broker='use = "real"',
            mode="live",
            more='[live]\naccount = "A-1"',
            gates=self.gates,
            exits=self.exits,
            scanners=self.scanners,
            alerters=self.alerters,
        )
        return compose(profile, Mode.LIVE, VirtualClock(loop, START - round(self.venue.begun * 1e9)))
