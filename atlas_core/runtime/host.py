"""What surrounds a running session: its signs of life, the operator's commands, signals, and the way it ends.

The session decides and trades; the host lets it be watched, told and stopped. Everything here may fail without harm to
positions: the stops stay where they are, and the next start recovers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Protocol

from attrs import define, field

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock
from atlas_core.control.beat import BEAT_SECONDS
from atlas_core.control.file import Busy, ControlFile
from atlas_core.control.inbox import DONE, REFUSED, Inbox
from atlas_core.control.kill_switch import EntryPermit
from atlas_core.errors import AtlasError, SessionFailed
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.events import OperatorCommand
from atlas_core.runs import RunSummary
from atlas_core.runtime.ending import Ending
from atlas_core.runtime.heart import Heart
from atlas_core.runtime.operator import Operator
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.supervisor import Restart, Supervisor

INBOX_SECONDS = 0.5
STOP_SECONDS = 30.0
HEART_DEADLINE_SECONDS = 30.0
INBOX_DEADLINE_SECONDS = 30.0


class HostedSession(Protocol):
    """What the host needs of a session."""

    board: ProgressBoard

    async def run(self) -> RunSummary:
        """Run until the market ends or the session is asked to stop."""

    def request_stop(self, reason: str) -> None:
        """End in good order soon; asking twice does nothing."""

    def command(self, command: OperatorCommand) -> None:
        """Take an operator's command at its turn."""

    def open_symbols(self) -> Collection[str]:
        """Return the symbols in which there is a position now."""

    def alert(self, alert: Alert) -> None:
        """Journal an alert and tell people."""


Catcher = Callable[[Callable[[str], None]], AbstractContextManager[None]]
"""Makes what catches signals while it is entered, and tells their names."""


@define(eq=False)
class Host:
    """Runs one session among the host's tasks; `wall` is the machine's clock, `clock` the session's own."""

    session: HostedSession
    supervisor: Supervisor
    heart: Heart
    control: ControlFile
    permit: EntryPermit
    clock: Clock
    wall: Clock
    ending: Ending
    catch_signals: Catcher
    _stopping: str = ""
    _aborted: str = ""
    _body: asyncio.Task[object] | None = None
    _operator: Operator = field(init=False)

    def __attrs_post_init__(self) -> None:
        session = self.session
        self._operator = Operator(
            self.permit, self.clock, self.wall, session.open_symbols, send=session.command, end=self.stop
        )

    async def run(self) -> RunSummary:
        """Run the session to its end.

        Raises KeyboardInterrupt when a second signal aborted it, SessionFailed when it did not stop in time, and what
        the session raises.
        """
        self._body = asyncio.current_task()
        board = self.session.board
        board.expect("heart", HEART_DEADLINE_SECONDS)
        board.expect("inbox", INBOX_DEADLINE_SECONDS)
        self.supervisor.own("heart", self._beat, restart=Restart.ALWAYS)
        self.supervisor.own("inbox", self._listen, restart=Restart.ALWAYS)
        self.supervisor.own("ending", self._end_in_time)
        with self.catch_signals(self.signal):
            try:
                return await self.session.run()
            except asyncio.CancelledError:
                if self._aborted and self._body is not None and self._body.uncancel() == 0:
                    raise self._abortion() from None
                raise

    def stop(self, reason: str) -> None:
        """Stop in good order: no entries from now on, then the session's own steps, within thirty seconds."""
        if self._stopping:
            return
        self._stopping = reason
        self.heart.state = "stopping"
        self.heart.notifier.stopping(reason)
        self.permit.freeze("stopping", reason)
        self.session.request_stop(reason)
        self.supervisor.own("stop limit", self._limit_the_stop)

    def signal(self, name: str) -> None:
        """Take a signal: the first stops in good order, the second at once."""
        if self._stopping:
            self.abort(f"a second {name}")
        else:
            self.stop(name)

    def abort(self, reason: str) -> None:
        """End the session where it is; what it journalled until now is what the next start recovers from."""
        if not self._aborted and self._body is not None:
            self._aborted = reason
            self._body.cancel()

    def _abortion(self) -> BaseException:
        if self._aborted.startswith("a second"):
            return KeyboardInterrupt(self._aborted)
        return SessionFailed(f"{self._aborted}; the next start recovers from the journal")

    async def _limit_the_stop(self) -> None:
        await asyncio.sleep(STOP_SECONDS)
        self.abort(f"the session did not stop within {STOP_SECONDS:g} s ({self._stopping})")

    async def _beat(self) -> None:
        while True:
            step = self.heart.beat()
            if step:
                text = f"by {step:+.1f} s; durations run on the monotonic clock, times of records are the new ones"
                self._tell(Severity.WARNING, "The machine's clock was set", text, "clock-step")
            self.session.board.beat("heart")
            await self.heart.rest(BEAT_SECONDS)

    async def _listen(self) -> None:
        inbox = Inbox(self.control)
        while True:
            self._watch_kill_file()
            self._answer(inbox)
            self.session.board.beat("inbox")
            await asyncio.sleep(INBOX_SECONDS)

    def _watch_kill_file(self) -> None:
        """Take a file KILL that appeared into the journal; entries are refused from the moment it is there."""
        command = self._operator.noticed_kill(self.clock.now())
        if command is not None:
            self.session.command(command)

    def _answer(self, inbox: Inbox) -> None:
        try:
            requests = inbox.take(self.wall.now())
            for request in requests:
                try:
                    status, answer = DONE, self._operator.obey(request)
                except AtlasError as fault:
                    status, answer = REFUSED, str(fault)
                inbox.answer(request.id, status, answer, self.wall.now())
        except Busy:
            return  # the next look is half a second away

    async def _end_in_time(self) -> None:
        """Ask for the stop that the command line asked for."""
        if self.ending.seconds is not None:
            await asyncio.sleep(self.ending.seconds)
            self.stop("the time of the session is over")
        elif self.ending.at is not None:
            while self.clock.now() < self.ending.at:
                left = (self.ending.at - self.clock.now()) / NANOSECONDS_PER_SECOND
                await asyncio.sleep(min(max(left / self.heart.pace, 0.0), 1.0))
            self.stop("the time to end has come")
        elif self.ending.once:
            while not self.session.board.as_of.get("scan"):
                await asyncio.sleep(min(INBOX_SECONDS, 0.05))
            self.stop("once")

    def _tell(self, severity: Severity, title: str, text: str, key: str) -> None:
        self.session.alert(Alert(ts=self.clock.now(), severity=severity, title=title, text=text, key=key))
