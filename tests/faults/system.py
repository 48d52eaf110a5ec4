"""The system under test: the ordinary composition of an ordinary profile, with components that reach the world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

from attrs import define, field

from atlas_core import components as offer
from atlas_core.components import Component
from atlas_core.compose import System, compose
from atlas_core.contracts import Capability, Context
from atlas_core.control.file import ControlFile
from atlas_core.control.kill_switch import EntryPermit
from atlas_core.plugins import Registry
from atlas_core.profile import Profile
from atlas_core.runs import Mode
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.host import INBOX_SECONDS
from atlas_core.runtime.operator import Operator
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.reception import Reception
from atlas_core.runtime.session import Session, SessionPlan, run_session
from atlas_core.runtime.supervisor import Restart
from tests.faults.components import SeededExits, SeededGate, SeededScanner, SeededSizer
from tests.faults.host import Process
from tests.faults.people import Files
from tests.faults.setup import Setup
from tests.memory import profile_of, registry

PERP = (
    Capability.MARKET, Capability.STOP, Capability.LIMIT, Capability.ONE_CANCELS_OTHER, Capability.SHORT,
    Capability.PERP,
)  # fmt: skip
SPOT = (Capability.MARKET, Capability.STOP, Capability.LIMIT, Capability.HOLDS_QUANTITY, Capability.SPOT)
CLOSED_BARS = (Capability.HISTORY, Capability.STREAM)
MARKET_DATA = {"bars": CLOSED_BARS} | dict.fromkeys(("stream", "poll"), (*CLOSED_BARS, Capability.QUOTES))
POLL_SECONDS = 20
MAX_EXPOSURE_PCT = 300
STALE_DATA_SECONDS = 180


@define
class Bench:
    """Where the factories of the components find the process that they are made for."""

    setup: Setup | None = None
    process: Process | None = None


BENCH = Bench()


Make = Callable[[Setup, Process], Any]


def _part(kind: Callable[..., Component[Any, Any]], make: Make, *abilities: Capability) -> Any:
    def factory(_options: Any, _context: Context) -> Any:
        """Make the component of the process on the bench."""
        assert BENCH.setup is not None
        assert BENCH.process is not None
        return make(BENCH.setup, BENCH.process)

    return kind("memory", factory, capabilities=abilities)


@cache
def _registry(holds: bool, feed: str) -> Registry:
    return registry(
        _part(offer.provider, lambda _, process: process.provider, *MARKET_DATA[feed]),
        _part(offer.scanner, lambda s, p: SeededScanner(p.world, s.signal_rate, not s.personality.holds)),
        _part(offer.gate, lambda _, p: SeededGate(p.world)),
        _part(offer.sizer, lambda _, p: SeededSizer(p.world)),
        _part(offer.broker, lambda _, p: p.broker, *(SPOT if holds else PERP)),
        _part(
            offer.exit_rule, lambda s, p: SeededExits(p.world, s.stop_pct, s.target_pct, s.is_trailing, s.leaves_at)
        ),
        _part(offer.alerter, lambda _, p: p.alerter),
    )  # fmt: skip


@cache
def _profile(
    holds: bool, feed: str, symbols: tuple[str, ...], max_positions: int, max_orders_per_minute: int
) -> Profile:
    use = 'use = "memory"'
    limits = (
        f"[limits]\nmax_positions = {max_positions}\nmax_exposure_pct = {MAX_EXPOSURE_PCT}\nmax_leverage = 5\n"
        f"max_orders_per_minute = {max_orders_per_minute}\nstale_data_seconds = {STALE_DATA_SECONDS}\n"
        '[live]\naccount = "A"\n'
        f"[schedule]\nentry_poll_seconds = {POLL_SECONDS}\nposition_poll_seconds = {POLL_SECONDS}\n"
    )
    return profile_of(
        _registry(holds, feed), symbols=symbols, scanners=[use], gates=[use], sizer=use, broker=use, exits=[use],
        alerters=[use], more=limits, mode="live",
    )  # fmt: skip


def system_of(setup: Setup, process: Process) -> System:
    """Compose the system of one process."""
    BENCH.setup, BENCH.process = setup, process
    profile = _profile(
        setup.personality.holds, setup.feed, setup.symbols, setup.max_positions, setup.max_orders_per_minute
    )
    return compose(profile, Mode.LIVE, process.clock)


@define
class Control:
    """One session as its host sees it."""

    setup: Setup
    process: Process
    files: Files
    session: Session | None = field(default=None)
    permit: EntryPermit = field(init=False)
    wants_stop: bool = False

    def __attrs_post_init__(self) -> None:
        self.permit = EntryPermit(self.files.switch)

    async def run(self) -> None:
        """Run the session until it stops."""
        draws = self.process.world.chance.stream("jitter")
        plan = SessionPlan(permit=lambda _order: self.permit.refusal(), random=draws.random, begun=self._begun)
        await run_session(system_of(self.setup, self.process), self.process.journal, plan)

    def stop(self) -> None:
        """Ask for the end, at once or as soon as it has begun."""
        self.wants_stop = True
        if self.session is not None:
            self.permit.freeze("stopping", "asked by the host")
            self.session.request_stop("asked by the host")

    def _begun(self, session: Session) -> None:
        """Stand beside a session as the real host does: what holds its entries comes first."""
        self.session = session
        self.process.world.trace.process("begun")
        face = SessionFace(session, self.process.journal, ProgressBoard(self.process.world.loop.time))
        operator = Operator(self.permit, self.process.clock, face.open_symbols, face.command, lambda _: self.stop())
        operator.notice_kill()
        session.tasks.own("inbox", lambda: self._listen(operator, face), restart=Restart.ALWAYS)
        if self.wants_stop:
            self.stop()

    async def _listen(self, operator: Operator, face: SessionFace) -> None:
        """Look at what people want whenever there is something, within the half second that it takes the real host."""
        draws = self.process.world.chance.stream("inbox")
        with ControlFile(self.files.control) as file:
            reception = Reception(file, operator, self.process.clock, face.when_written)
            while True:
                reception.look()
                self.files.notice()
                await self.files.stirred.wait()
                await asyncio.sleep(INBOX_SECONDS * draws.random())
                self.files.stirred.clear()
