"""One process of a session: it holds the locks, knows how the process before it ended, and says how it ends itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, evolve, field, frozen
from loguru import logger

from atlas_core.clock import Clock, LiveClock, monotonic_seconds
from atlas_core.compose import System
from atlas_core.control.file import SESSION_WAITS_SECONDS, ControlFile
from atlas_core.control.kill_switch import EntryPermit, KillSwitch
from atlas_core.control.starts import CRASHED, LOOP_SECONDS, Start, StartLog
from atlas_core.errors import AtlasError, cause_of
from atlas_core.journal import Journal
from atlas_core.model.events import BarClosed
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.backing_up import BackupTask
from atlas_core.runtime.closings import close_job
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.face import BoardWatch, SessionFace
from atlas_core.runtime.hardening import hardened
from atlas_core.runtime.heart import Heart
from atlas_core.runtime.host import TIME_TO_END, Host, News
from atlas_core.runtime.instance_lock import hold_account, hold_instance
from atlas_core.runtime.instrument_memory import InstrumentFile
from atlas_core.runtime.last_words import LastWords
from atlas_core.runtime.notify import Notifier
from atlas_core.runtime.pacing import PacedClock, Speed, paced, until
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.scan_times import market_hours, scan_job
from atlas_core.runtime.session import END_OF_DATA, Session, SessionPlan, run_session
from atlas_core.runtime.supervisor import Restart
from atlas_core.runtime.watchdog import Watchdog
from atlas_core.statedir import StateDirectory

STOPPED = "stopped"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@frozen(kw_only=True)
class ProcessOptions:
    """What the command line says about one process of a session."""

    speed: Speed = field(factory=Speed)
    ending: Ending = field(factory=Ending)
    take_account: bool = False
    runtime_directory: Path | None = None


def clock_of(profile_is_real_time: bool, speed: Speed) -> Clock | None:
    """Return the clock that a session is composed with; None: the market's own, which jumps from bar to bar."""
    if profile_is_real_time:
        return LiveClock()
    return None if speed.factor is None else PacedClock(speed.factor, monotonic_seconds)


@define
class SessionProcess:
    """Holds a state directory for one process; a context manager around `run`.

    Entering raises AlreadyRunning when another process holds the state directory or the account, and AtlasError when
    the directory cannot be used.
    """

    state: StateDirectory
    system: System
    options: ProcessOptions
    wall: Clock = field(factory=LiveClock)
    permit: EntryPermit = field(init=False)
    start: Start = field(init=False)
    _control: ControlFile = field(init=False)
    _stack: ExitStack = field(factory=ExitStack)
    _how: str = CRASHED
    _is_cut: bool = False

    def __enter__(self) -> Self:
        self.state.make()
        with ExitStack() as stack:
            stack.enter_context(hold_instance(self.state, self.wall.now()))
            if self.system.mode is Mode.LIVE:
                stack.enter_context(self._account())
            self._control = stack.enter_context(
                ControlFile.mended(self.state.control, self.wall.now(), waits=SESSION_WAITS_SECONDS)
            )
            self.start = self._begun()
            stack.callback(self._note_the_end)
            self.permit = EntryPermit(KillSwitch(self.state.kill_file), self._safe_mode())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            self._how = STOPPED
        elif self.system.is_real_time:
            LastWords(self.state.last_words).say(cause_of(error), self.wall.now())
        self._stack.close()

    def run(self, journal: Journal, run_id: str, plan: SessionPlan) -> RunSummary:
        """Run the session to its end.

        Raises KeyboardInterrupt when it was aborted, SessionFailed when it did not stop in time, and what it raises.
        """
        system, words = self.system, LastWords(self.state.last_words)
        profile = system.profile
        closings = close_job(profile)
        board = ProgressBoard(monotonic_seconds)
        heart = Heart(
            self.state, board, self.permit, Notifier.of_environment(), system.clock, self.wall, run_id=run_id,
            journal=str(journal.path), synthetic=system.synthetic, speed=self._speed(),
            pace=self.options.speed.factor or 1.0, jobs=[job for job in (scan_job(profile), closings) if job],
        )  # fmt: skip
        host = Host(
            heart, self._control, self.permit, system.clock, self.wall, self._ending_by_time(), caught_signals,
            news=self._news(words), told=words.delivered, closings=closings if system.is_real_time else None,
            hours=market_hours(profile.universe.session),
        )  # fmt: skip

        def begun(session: Session) -> None:
            host.attach(SessionFace(session, journal, board))
            if system.is_real_time:
                session.tasks.own("backups", BackupTask(journal.path).run, restart=Restart.ALWAYS)

        plan = evolve(
            plan, watch=BoardWatch(plan.watch, board), pace=self._pace, permit=lambda _order: self.permit.refusal(),
            account_id=profile.live.account if system.mode is Mode.LIVE else "", begun=begun,
            random=system.context(system.broker).random("supervisor").random,
            memory=InstrumentFile(self.state.instruments) if system.is_real_time else plan.memory,
            ended_by=self._ended_by, once=self.options.ending.once and not system.is_real_time,
        )  # fmt: skip
        with self._watchdog(board, words), self._kept_apart(plan) as apart:
            try:
                summary = asyncio.run(host.run(run_session(system, journal, apart)))
            except BaseException as error:
                heart.last(cause_of(error))
                raise
        heart.last(summary.reason)
        return summary

    def _kept_apart(self, plan: SessionPlan) -> AbstractContextManager[SessionPlan]:
        """Keep the plugins of a session in real time apart; in a market of the past none can delay another."""
        return hardened(plan) if isinstance(self.system.clock, LiveClock) else nullcontext(plan)

    def held_back(self) -> str:
        """Return what keeps this session from entering, for the person who starts it."""
        return self.permit.refusal()

    def _account(self) -> ExitStack:
        lock = hold_account(
            self.state, self.system.broker.use, self.system.profile.live.account, self.wall.now(),
            directory=self.options.runtime_directory, take_over=self.options.take_account,
        )  # fmt: skip
        with ExitStack() as stack:
            stack.enter_context(lock)
            return stack.pop_all()

    def _begun(self) -> Start:
        """Note the start; what cannot be noted keeps no session from starting."""
        try:
            return StartLog(self._control).begin(os.getpid(), self.wall.now())
        except AtlasError as fault:
            logger.warning("the start of this process could not be noted: {}", fault)
            return Start(id=0, previous_crashed=False, crashes=0)

    def _safe_mode(self) -> str:
        if not (self.start.is_safe_mode and self.system.is_real_time):
            return ""
        return f"{self.start.crashes} crashes within {LOOP_SECONDS // 60} minutes; allow entries: atlas resume"

    def _news(self, words: LastWords) -> tuple[News, ...]:
        """Return what people must learn of the processes before this one."""
        if not self.system.is_real_time:
            return ()
        policy = "started again and recovered from the journal"
        news = [News(subject="the process before", text=text, policy=policy) for text in words.words()]
        if self.start.previous_crashed and not news:
            text = "went down without a word: killed, out of memory, or without power"
            news.append(News(subject="the process before", text=text, policy=policy))
        return tuple(news)

    def _pace(self, stream: AsyncIterator[BarClosed]) -> AsyncIterator[BarClosed]:
        """Hold the market of the past to its speed and its end."""
        if self.system.is_real_time:
            return stream
        if self.options.ending.at is not None:
            stream = until(stream, self.options.ending.at, self._cut)
        clock = self.system.clock
        return paced(stream, clock, self.system.profile.universe.start) if isinstance(clock, PacedClock) else stream

    def _cut(self) -> None:
        self._is_cut = True

    def _ended_by(self) -> str:
        return TIME_TO_END if self._is_cut else END_OF_DATA

    def _ending_by_time(self) -> Ending:
        """Return what the host ends; a market of the past ends itself at a bar, which is the same at every speed."""
        ending = self.options.ending
        return ending if self.system.is_real_time else Ending(seconds=ending.seconds)

    def _speed(self) -> str:
        return "" if self.system.is_real_time else str(self.options.speed)

    def _watchdog(self, board: ProgressBoard, words: LastWords) -> Watchdog | nullcontext[None]:
        """Watch what lasts; a market of the past as fast as it goes is over before anything could hang."""
        if not self.system.is_real_time and self.options.speed.factor is None:
            return nullcontext()
        return Watchdog(board, self.state.stacks, lambda text: words.say(text, self.wall.now()))

    def _note_the_end(self) -> None:
        try:
            StartLog(self._control).end(self.start, self._how, self.wall.now())
        except AtlasError as fault:
            logger.warning("the end of this process could not be noted, the next start takes it for a crash: {}", fault)


@contextmanager
def caught_signals(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell the names of SIGTERM and SIGINT instead of being ended by them; outside the main thread do nothing."""
    loop = asyncio.get_running_loop()
    caught = []
    try:
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, tell, number.name)
            except (ValueError, RuntimeError, NotImplementedError):
                break
            caught.append(number)
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
