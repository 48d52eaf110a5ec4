"""What surrounds a running session: its signs of life, the operator's commands, signals, and the way it ends.

The session decides and trades; the host lets it be watched, told and stopped. Everything here may fail without harm to
positions: the stops stay where they are, and the next start recovers.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Collection, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Protocol

from attrs import define, evolve, frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock
from atlas_core.control.beat import BEAT_SECONDS
from atlas_core.control.file import ControlFile
from atlas_core.control.kill_switch import EntryPermit
from atlas_core.control.ledger import ScheduleLedger
from atlas_core.errors import SessionFailed
from atlas_core.model.decisions import Severity
from atlas_core.runs import RunSummary
from atlas_core.runtime.closings import ACTOR, closing_arguments
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.heart import STARTING, Heart, Vitals
from atlas_core.runtime.missed_closes import MissedCloses
from atlas_core.runtime.operator import CLOSE, HALT, WIND_DOWN, Operator
from atlas_core.runtime.reception import Reception
from atlas_core.runtime.schedule import Job, MarketHours, Slot
from atlas_core.runtime.scheduler import Scheduler
from atlas_core.runtime.supervisor import Restart, Supervisor

INBOX_SECONDS = 0.5
TIME_TO_END = "the time to end has come"
STOP_SECONDS = 30.0
HEART_DEADLINE_SECONDS = 30.0
INBOX_DEADLINE_SECONDS = 30.0
SESSION_DEADLINE_SECONDS = 60.0


class HostedSession(Protocol):
    """What the host needs of a session."""

    @property
    @abstractmethod
    def tasks(self) -> Supervisor:
        """The owner of every task."""

    @abstractmethod
    def request_stop(self, reason: str) -> None:
        """End in good order soon; asking twice does nothing."""

    @abstractmethod
    def command(self, name: str, actor: str, arguments: dict[str, Any]) -> None:
        """Take an operator's command at the session's next turn."""

    @abstractmethod
    def report(self, news: News) -> None:
        """Journal something and tell people, at the session's next turn."""

    @abstractmethod
    def pulse(self, done: Callable[[], None]) -> None:
        """Call back at the session's next turn, which proves that it makes turns."""

    @abstractmethod
    def when_written(self, done: Callable[[], None]) -> None:
        """Call back at a turn at which all that was told to the session is in its journal."""

    @abstractmethod
    def open_symbols(self) -> Collection[str]:
        """Return the symbols in which there is a position now."""

    @abstractmethod
    def has_looked(self) -> bool:
        """Tell whether scanners have looked, all that they found was taken, and the orders that it led to have left."""

    @abstractmethod
    def left_open(self, ts: int) -> Collection[str]:
        """Return the symbols in which there is a position whose signal was there by `ts`, and that nothing closes."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it has recovered: a real account has been read whole since the start."""

    @abstractmethod
    def vitals(self) -> Vitals:
        """Return how it stands."""


@frozen(kw_only=True)
class News:
    """Something that happened to the process and that people must learn: to what, what, and what is done about it."""

    subject: str
    text: str
    policy: str
    severity: Severity = Severity.CRITICAL


Catcher = Callable[[Callable[[str], None]], AbstractContextManager[None]]
"""Makes what catches signals while it is entered, and tells their names."""


@define(eq=False)
class Host:
    """Runs one session among the host's tasks; `wall` is the machine's clock, `clock` the session's own.

    `news` are told by the session when it begins, such as the last words of the process before it; `told` is called
    when they are in its journal. `closings` is when a session of a real market closes its positions, `hours` is when
    that market is open, where it is not always.
    """

    heart: Heart
    control: ControlFile
    permit: EntryPermit
    clock: Clock
    wall: Clock
    ending: Ending
    catch_signals: Catcher
    news: Collection[News] = ()
    told: Callable[[], None] = lambda: None
    closings: Job | None = None
    hours: MarketHours | None = None
    _session: HostedSession | None = None
    _operator: Operator | None = None
    _body: asyncio.Task[object] | None = None
    _is_signalled: bool = False
    _stopping: str = ""
    _aborted: str = ""

    async def run(self, session: Coroutine[Any, Any, RunSummary]) -> RunSummary:
        """Run a session, which calls `attach` when it is made, to its end.

        Raises KeyboardInterrupt when it was aborted by a second signal or stopped before it had begun, SessionFailed
        when it did not stop in time, and what the session raises.
        """
        self._body = asyncio.current_task()
        with self.catch_signals(self.signal):
            try:
                return await session
            except asyncio.CancelledError:
                if self._aborted and self._body is not None and self._body.uncancel() == 0:
                    raise self._abortion() from None
                raise

    def attach(self, session: HostedSession) -> None:
        """Stand beside a session that is about to run: start the host's own tasks among its tasks."""
        self._session = session
        self._operator = Operator(self.permit, self.wall, session.open_symbols, send=session.command, end=self.stop)
        board = self.heart.board
        board.expect("heart", HEART_DEADLINE_SECONDS)
        board.expect("inbox", INBOX_DEADLINE_SECONDS)
        board.expect("session", SESSION_DEADLINE_SECONDS)
        self.heart.vitals = session.vitals
        self._hold_entries(session)
        self._deliver_news(session)
        session.tasks.own("heart", self._beat, restart=Restart.ALWAYS)
        session.tasks.own("inbox", self._listen, restart=Restart.ALWAYS)
        session.tasks.own("ending", self._end_in_time)
        if self.closings is not None:
            schedule = Scheduler({self.closings: self._close}, self.wall, ScheduleLedger(self.control), session.tasks)
            session.tasks.own("schedule", schedule.run, restart=Restart.ALWAYS)
            session.tasks.own("missed closes", self._missed_closes(self.closings, session).run, restart=Restart.ALWAYS)

    def stop(self, reason: str) -> None:
        """Stop in good order: no entries from now on, then the session's own steps, within thirty seconds."""
        if self._stopping:
            return
        self._stopping = reason
        self.heart.state = "stopping"
        self.heart.notifier.stopping(reason)
        self.permit.freeze("stopping", reason)
        if self._session is None:
            self.abort(reason)
            return
        self._session.request_stop(reason)
        self._session.tasks.own("stop limit", self._limit_the_stop)

    def signal(self, name: str) -> None:
        """Take a signal: the first stops in good order, also where a stop is on its way already; the second at once."""
        if self._is_signalled:
            self.abort(f"a second {name}")
        self._is_signalled = True
        self.stop(name)

    def abort(self, reason: str) -> None:
        """End the session where it is; what it journalled until now is what the next start recovers from."""
        if not self._aborted and self._body is not None:
            self._aborted = reason
            self._body.cancel()

    def _abortion(self) -> BaseException:
        if self._session is None or self._aborted.startswith("a second"):
            return KeyboardInterrupt(self._aborted)
        return SessionFailed(f"{self._aborted}; the next start recovers from the journal")

    async def _limit_the_stop(self) -> None:
        await asyncio.sleep(STOP_SECONDS)
        self.abort(f"the session did not stop within {STOP_SECONDS:g} s ({self._stopping})")

    def _hold_entries(self, session: HostedSession) -> None:
        """Take into the journal, before anything else, what keeps this session from entering."""
        if self._operator is not None:
            self._operator.notice_kill()
        if self.permit.safe_mode:
            session.command(HALT, "safe mode", {"reason": self.permit.safe_mode})

    async def _close(self, slot: Slot) -> None:
        """Close by the schedule; whether a position is open and what becomes of it is the session's business."""
        if self._session is not None:
            self._session.command(WIND_DOWN, ACTOR, closing_arguments(slot))

    def _missed_closes(self, job: Job, session: HostedSession) -> MissedCloses:
        """Return what makes up for a close that nobody made, once the session knows its positions."""

        def left_open(ts: int) -> Collection[str]:
            return session.left_open(ts) if session.is_ready() else ()

        def close(symbol: str, reason: str) -> None:
            session.command(CLOSE, ACTOR, {"symbol": symbol, "reason": reason})

        def tell(text: str, policy: str) -> None:
            session.report(News(subject=ACTOR, text=text, policy=policy))

        return MissedCloses(job, self.hours, self.wall, left_open, close, tell)

    def _deliver_news(self, session: HostedSession) -> None:
        for each in self.news:
            session.report(each)
        if self.news:
            session.when_written(self.told)

    async def _beat(self) -> None:
        board, session = self.heart.board, self._session
        assert session is not None
        waits_for_turn = False

        def turned() -> None:
            nonlocal waits_for_turn
            waits_for_turn = False
            board.beat("session")

        while True:
            if self.heart.state == STARTING and session.is_ready():
                self.heart.state = "running"
            if not waits_for_turn:
                waits_for_turn = True
                session.pulse(turned)
            step = self.heart.beat()
            if step:
                policy = "durations run on the monotonic clock, records have the new times"
                clock = News(subject="the machine's clock", text=f"was set by {step:+.1f} s", policy=policy)
                session.report(evolve(clock, severity=Severity.WARNING))
            board.beat("heart")
            await self.heart.rest(BEAT_SECONDS)

    async def _listen(self) -> None:
        """Look for a file KILL and for commands; entries are refused from the moment the file is there."""
        assert self._operator is not None
        assert self._session is not None
        reception = Reception(self.control, self._operator, self.wall, self._session.when_written)
        while True:
            reception.look()
            self.heart.board.beat("inbox")
            await asyncio.sleep(INBOX_SECONDS)

    async def _end_in_time(self) -> None:
        """Ask for the stop that the command line asked for."""
        if self.ending.seconds is not None:
            await asyncio.sleep(self.ending.seconds)
            self.stop("the time of the session is over")
        elif self.ending.at is not None:
            while self.clock.now() < self.ending.at:
                left = (self.ending.at - self.clock.now()) / NANOSECONDS_PER_SECOND
                await asyncio.sleep(min(max(left / self.heart.pace, 0.0), 1.0))
            self.stop(TIME_TO_END)
        elif self.ending.once:
            while self._session is None or not self._session.has_looked():
                await asyncio.sleep(min(INBOX_SECONDS, 0.05))
            self.stop("once")
