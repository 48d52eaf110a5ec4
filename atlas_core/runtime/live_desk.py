"""Where the engine meets a broker that answers later: first the journal, then the venue."""

from __future__ import annotations

from attrs import define, field
from loguru import logger

from atlas_core.compose import OpenSystem
from atlas_core.engine.engine import Engine
from atlas_core.engine.inquiry import UNANSWERED
from atlas_core.engine.queue import EventQueue
from atlas_core.errors import JournalError, JournalFailed, JournalFull, JournalLocked, SessionFailed
from atlas_core.journal import Journal
from atlas_core.model.events import CallAt, Cancel, Event, OperatorCommand, Phase, Query, Raise, Submit, TimerFired
from atlas_core.model.orders import OrderRole
from atlas_core.model.timeframe import SECOND
from atlas_core.runs import RunSummary
from atlas_core.runtime.disk_room import NO_ROOM, DiskRoom
from atlas_core.runtime.gateway import OrderGateway
from atlas_core.runtime.wall_clock import SteadyClock
from atlas_core.tape import TapeEvent
from atlas_core.watching import Scribe

HELD_BACK_LONGEST = 60 * SECOND
"""How long a journal may take nothing before the session gives up: its stops stay, and the next start recovers."""

TOLD_AHEAD = 60 * SECOND
"""By how much our clock follows what lies ahead of it before people are told."""

JUMPED = "time goes on from there; what comes dated earlier counts as old, nothing is entered on it"


@define
class LiveDesk:
    """Takes events through the engine; what it asks for leaves only after its records are on the disk.

    While the journal takes nothing (a full disk, a program that locks it) nothing leaves. Raises SessionFailed when
    that lasts, and when the disk failed.
    """

    live: OpenSystem
    engine: Engine
    scribe: Scribe[Journal]
    gateway: OrderGateway
    room: DiskRoom | None = None
    queue: EventQueue[TapeEvent] = field(factory=EventQueue)
    _requests: list[Submit | Cancel | Query] = field(factory=list)
    _held_back_since: int | None = None

    @property
    def is_at_rest(self) -> bool:
        """Tell whether nothing is on its way that could leave a position without its stop."""
        working = [track for track in self.engine.state.orders.values() if track.is_working]
        is_underway = any(track.intent.role is OrderRole.ENTRY or track.status in UNANSWERED for track in working)
        positions = self.engine.state.positions.values()
        return not is_underway and all(each.is_protected and not each.is_exiting for each in positions)

    @property
    def is_held_back(self) -> bool:
        """Tell whether the journal took nothing at the last try."""
        return self._held_back_since is not None

    def start(self, ts: int) -> None:
        """Begin a journal at `ts`, or go on with the one that there is."""
        self.engine.restore(self.scribe.journal.records())
        ahead = self._keep_up()
        ts = max(ts, self.engine.recorder.now)
        if self.engine.state.is_begun:
            self.engine.resume(self.live.resumed(ts, crashed=not self.engine.state.is_paused))
        else:
            self.engine.start(self.live.started(ts))
        if ahead > TOLD_AHEAD:
            self._tell_of_jump(ahead)
        self.note()

    def feed(self, event: Event) -> None:
        """Let the engine decide on an event."""
        for command in self.engine.process(event):
            self._keep(command)
        ahead = self._keep_up()
        if ahead > TOLD_AHEAD:
            self._tell_of_jump(ahead)
        self.scribe.take(self.engine.take_records())

    def flush(self) -> None:
        """Write what was decided in one transaction, then ask for it."""
        try:
            self._write()
        except (JournalFull, JournalLocked) as fault:
            self._hold_back(fault)
            return
        except JournalFailed as fault:
            raise _given_up(fault) from fault
        self._held_back_since = None
        requests, self._requests = self._requests, []
        for request in requests:
            self.gateway.dispatch(request)
        self.scribe.journal.rest()

    def note(self) -> None:
        """Write, and ask for, what the engine decided outside of an event."""
        self._collect()
        self.flush()

    def finish(self, end: int, reason: str) -> RunSummary:
        """Stop in good order: open positions and their protection stay for the next session."""
        self.engine.pause(end, reason)
        self.note()
        state = self.engine.state
        return self.scribe.summary(len(state.positions), state.account().equity, reason)

    def _keep_up(self) -> int:
        """Let our clock be nowhere behind what we were told, and return how far behind it was.

        Until it had caught up, no time would pass for the engine. The venue's times, those of bars, and the last record
        of a journal may lie ahead of the machine's clock.
        """
        clock = self.live.system.clock
        return clock.not_before(self.engine.recorder.now) if isinstance(clock, SteadyClock) else 0

    def _tell_of_jump(self, ahead: int) -> None:
        error = f"it is {ahead // SECOND:,} s behind what was recorded or told"
        self.engine.component_failed("clock", error, JUMPED)

    def _write(self) -> None:
        """Write what waits, also with the room that was kept for it; then nothing is entered any more."""
        if self.room is None:
            self.scribe.flush()
        elif self.room.write(self.scribe):
            self.feed(OperatorCommand(self.engine.recorder.now, "halt", "journal", {"reason": NO_ROOM}))
            self.scribe.flush()

    def _hold_back(self, fault: JournalError) -> None:
        """Keep what was decided for the next try; a tick is never far."""
        now = self.live.system.clock.now()
        if self._held_back_since is None:
            self._held_back_since = now
            logger.critical("nothing is sent until the journal can be written: {}", fault)
        elif now - self._held_back_since > HELD_BACK_LONGEST:
            raise _given_up(fault) from fault

    def _collect(self) -> None:
        for command in self.engine.recorder.take_commands():
            self._keep(command)
        self.scribe.take(self.engine.take_records())

    def _keep(self, command: Submit | Cancel | Query | Raise | CallAt) -> None:
        match command:
            case CallAt(ts, key):
                self.queue.push(ts, Phase.TIMER, TimerFired(ts, key))
            case Raise():
                """The record of the alert is in the outbox."""
            case _:
                self._requests.append(command)


def _given_up(fault: JournalError) -> SessionFailed:
    return SessionFailed(f"the journal cannot be written, the next start recovers from it: {fault}")
