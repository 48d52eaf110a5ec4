"""The machine that our process runs on: it starts sessions, kills them anywhere, and starts them again.

A crash keeps what was committed and nothing else. What the dead process still does while its tasks unwind reaches
nobody: every port of it is shut.
"""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from atlas_core.errors import JournalFull, JournalLocked, SessionFailed, VenueError
from atlas_core.journal import Delivery, Journal
from atlas_core.model.decisions import Severity
from atlas_core.model.record import Record
from atlas_core.model.records import AlertRaised
from atlas_core.testing import VirtualClock
from tests.faults.broker import SimBroker
from tests.faults.components import SimAlerter
from tests.faults.people import Files
from tests.faults.prices import KINDS
from tests.faults.provider import SimProvider
from tests.faults.world import START, World

NANOSECONDS = 1_000_000_000
STOP_WITHIN = 45.0
RESTART_AFTER = 5.0
THOROUGH_EVERY = 32
"""Of so many seeds one writes each commit to its journal at once, and reads all of it back at the end."""

EXPECTED = (JournalFull, JournalLocked, VenueError, ConnectionError)
"""What may end a session: the disk, or a venue that is gone for long."""


def is_thorough(seed: int) -> bool:
    """Tell whether a seed spares nothing on its journal."""
    return seed % THOROUGH_EVERY == 0


class HostDied(asyncio.CancelledError):
    """The process is dead; nothing that it still does has an effect."""


class SimJournal(Journal):
    """A journal whose process may die before or after a commit, and whose disk may be full or locked.

    It remembers what was committed, so that a restart need not decode it; that both are equal is checked at the end.
    What is committed survives every death of the process, so it need not be written at once: it is written when
    somebody reads the journal or the process ends, in one piece. Some seeds write each commit by itself.
    """

    process: Process
    committed: list[Record]
    writes_at_once: bool
    _unwritten: list[Record]
    _unsettled: list[Delivery]

    @classmethod
    def of(cls, process: Process, disk: sqlite3.Connection | None, committed: list[Record]) -> SimJournal:
        """Open the journal on a disk, or make an empty one."""
        journal = cls.in_memory() if disk is None else cls(disk, Path(":memory:"))
        journal.process, journal.committed = process, committed
        journal.writes_at_once = is_thorough(process.world.chance.seed)
        journal._unwritten, journal._unsettled = [], []
        return journal

    def append(self, records: Sequence[Record]) -> range:
        """Append, unless a fault strikes; what was committed is written into the trace."""
        weather = self.process.world.weather
        self.process.passes("commit")
        if records:
            if weather.strikes("journal-full"):
                raise JournalFull("the disk is full")
            if weather.strikes("journal-locked"):
                raise JournalLocked("another program holds the file")
            if weather.strikes("crash-before-commit"):
                self.process.die_here()
        first = len(self.committed) + 1
        self.committed += records
        self._unwritten += records
        trace = self.process.world.trace
        for number, record in enumerate(records, first):
            trace.journal(record)
            if isinstance(record, AlertRaised) and record.severity is Severity.CRITICAL:
                trace.process("alarm", seq=number, title=record.title, key=record.key)
        if self.writes_at_once:
            self.write()
        if records and weather.strikes("crash-after-commit"):
            self.process.die_here()
        return range(first, first + len(records))

    def records(self, *asked: Any, **conditions: Any) -> Iterator[Record]:
        """Yield records; all of them come from memory."""
        if asked or conditions:
            return super().records(*asked, **conditions)
        return iter(list(self.committed))

    def deliver_to(self, alerters: Sequence[str]) -> None:
        """Let later alerts wait for these alerters; what was committed before waits for those that were known then."""
        self.write()
        super().deliver_to(alerters)

    def settle_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Note deliveries, unless the process is dead."""
        self.process.passes("commit")
        self._unsettled += deliveries
        for each in deliveries:
            how = "told" if each.not_before and not each.error else each.state.value
            self.process.world.trace.process("delivery", seq=each.seq, how=how)
        if self.writes_at_once:
            self.write()

    def write(self) -> None:
        """Write what was committed."""
        records, self._unwritten = self._unwritten, []
        deliveries, self._unsettled = self._unsettled, []
        if records:
            super().append(records)
        if deliveries:
            super().settle_deliveries(deliveries)

    def disk(self) -> sqlite3.Connection:
        """Return the disk, which outlives the process."""
        self.write()
        return self._connection

    def _all(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        self.write()
        return super()._all(sql, values)


@define(eq=False)
class Process:
    """One life of our process: its connections, its clock and its journal."""

    world: World
    number: int
    clock: VirtualClock
    died: Callable[[], None]
    is_dead: bool = False
    broker: SimBroker = field(init=False)
    provider: SimProvider = field(init=False)
    alerter: SimAlerter = field(init=False)
    journal: SimJournal = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.broker = SimBroker(self.world, self.passes)
        self.provider = KINDS[self.world.feed](self.world, self.passes)
        self.alerter = SimAlerter(self.world, self.passes)

    def passes(self, what: str) -> None:
        """Raise HostDied once the process is dead; it may die right here."""
        if self.is_dead:
            raise HostDied
        weather = self.world.weather
        if what == "call":
            if weather.strikes("crash-before-call"):
                self.die_here()
            if weather.strikes("crash-in-call"):
                wait = weather.draws("crash-in-call").uniform(0, 3 * self.world.personality.latency)
                self.world.loop.call_later(wait, self.die)

    def die(self) -> None:
        """End at this very moment."""
        if not self.is_dead:
            self.is_dead = True
            self.broker.forget()
            self.provider.forget()
            self.died()

    def die_here(self) -> None:
        """End in the middle of what is being done."""
        self.die()
        raise HostDied


@define(eq=False)
class Host:
    """Keeps one process alive, as a service manager would.

    `start` returns a control of the session: `run()` runs it, `stop()` reaches into it.
    """

    world: World
    start: Callable[[Process], Any]
    lasting: Callable[[float], Any]
    files: Files
    crashes: int = 0
    starts: int = 0
    is_over: bool = False
    disk: sqlite3.Connection | None = None
    committed: list[Record] = field(factory=list)
    process: Process | None = None
    control: Any = None
    _offset: int = 0
    _has_died: asyncio.Event = field(factory=asyncio.Event)
    _skipped: int = 0

    async def keep(self) -> None:
        """Run sessions, one after the other, until it is over."""
        while not self.is_over:
            await self._live()
            if not self.is_over:
                await self.lasting(self._pause())

    async def _live(self) -> None:
        """Run one session from its start to its end, however that comes."""
        self._has_died.clear()
        self.starts += 1
        process = self.process = Process(self.world, self.starts, self.clock(), self._has_died.set)
        process.journal = SimJournal.of(process, self.disk, self.committed)
        before = self.world.loop.unfinished()
        self.world.trace.process("up", number=self.starts)
        self.control = self.start(process)
        session = asyncio.create_task(self.control.run(), name="session")
        death = asyncio.create_task(self._has_died.wait(), name="world death")
        await asyncio.wait({session, death}, return_when=asyncio.FIRST_COMPLETED)
        self.world.trace.process("down", number=self.starts, crashed=process.is_dead)
        self.disk = process.journal.disk()
        how = await self._unwind(process, session, before)
        death.cancel()
        self.world.trace.process("ended", how=how)
        self.process = self.control = None

    async def _unwind(self, process: Process, session: asyncio.Task[Any], before: list[asyncio.Task[Any]]) -> str:
        """Let the tasks of a session end; one that stopped by itself leaves none."""
        if process.is_dead:
            self.crashes += 1
            for task in self._begun_since(before):
                task.cancel()
            await asyncio.wait({session}, timeout=STOP_WITHIN)
            return "crash"
        left = sorted(task.get_name() for task in self._begun_since(before))
        self.world.trace.process("left_over", tasks=left)
        process.is_dead = True
        process.broker.forget()
        process.provider.forget()
        if session.cancelled():
            return "cancelled"
        error = session.exception()
        if error is None:
            return "stopped"
        cause = error.__cause__ if isinstance(error, SessionFailed) else error
        if not isinstance(cause, EXPECTED):
            told = "".join(traceback.format_exception(error, limit=-8)[-24:])
            self.world.trace.process("bug", error=f"{type(error).__name__}: {error}", where=told)
        return f"{type(error).__name__}: {error}"

    def _begun_since(self, before: list[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        """Return the unfinished tasks of a session, in the order in which they began."""
        older = set(before)
        tasks = (task for task in self.world.loop.unfinished() if task not in older)
        return [task for task in tasks if not task.get_name().startswith("world")]

    def _pause(self) -> float:
        draws = self.world.weather.draws("crash")
        return RESTART_AFTER if draws.random() < 0.7 else draws.uniform(10, 1_500)

    def clock(self) -> VirtualClock:
        """Return the clock of the machine as it is set now."""
        return VirtualClock(self.world.loop, START + self._skipped + self._offset)

    # --- what the world does to it

    def crash(self) -> bool:
        """Kill the process at this moment; tell whether there was one."""
        if self.process is None or self.process.is_dead:
            return False
        self.process.die()
        return True

    def stop(self) -> bool:
        """Ask the session to stop in good order; tell whether there is one."""
        if self.control is None:
            return False
        self.control.stop()
        return True

    def end(self) -> None:
        """Stop for good."""
        self.is_over = True
        self.stop()

    def step_clock(self, nanoseconds: int) -> None:
        """Set our clock."""
        self._offset += nanoseconds
        self.world.trace.process("clock", offset=self._offset)
        if self.process is not None:
            self.process.clock.step(nanoseconds)

    def suspend(self, nanoseconds: int) -> None:
        """Freeze the process while the world goes on; its connections do not survive that."""
        if self.process is not None:
            self.world.trace.process("frozen")
        self.world.skip(nanoseconds)
        self._skipped += nanoseconds
        if self.process is not None:
            self.process.clock.sleep(nanoseconds)
            self.world.trace.process("resumed", after=nanoseconds)
        self.world.cut_orders()
        self.world.cut_data()

    def is_running(self) -> bool:
        """Tell whether a session is up."""
        return self.process is not None and not self.process.is_dead and self.control.session is not None
