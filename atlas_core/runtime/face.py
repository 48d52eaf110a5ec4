"""The face of a running session that its host sees: commands at the right time, vitals, and news in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from attrs import define

from atlas_core.journal import Journal
from atlas_core.model.events import OperatorCommand
from atlas_core.model.records import AccountReconciled, Record
from atlas_core.runtime.heart import Vitals
from atlas_core.runtime.host import HostedSession, News
from atlas_core.runtime.inbox import Turn
from atlas_core.runtime.live_desk import LiveDesk
from atlas_core.runtime.price_poll import PricePoll
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.session import SCAN_OF, Session
from atlas_core.runtime.supervisor import Supervisor
from atlas_core.watching import Watch

ACTIVE = "active"
RECONCILE = "reconcile"
LOOKS_AGAIN = 1.0


@define(eq=False)
class SessionFace(HostedSession):
    """Speaks to one session; what changes it waits in its inbox for its turn."""

    session: Session
    journal: Journal
    board: ProgressBoard

    @property
    def tasks(self) -> Supervisor:
        """The owner of every task of the session."""
        return self.session.tasks

    def request_stop(self, reason: str) -> None:
        """Ask for the end in good order."""
        self.session.request_stop(reason)

    def command(self, name: str, actor: str, arguments: dict[str, Any]) -> None:
        """Give a command, at the time up to which the session has come: its market may be behind the clock."""
        session = self.session
        ts = session.live.system.clock.now() if session.is_real_time else session.intake.now or 0
        session.command(OperatorCommand(ts, name, actor, arguments))

    def report(self, news: News) -> None:
        """Record what happened to the process, as the failure of a part that is no plugin."""

        def record() -> None:
            self.session.desk.engine.component_failed(news.subject, news.text, news.policy, news.severity)
            self.session.desk.flush()

        self.pulse(record)

    def pulse(self, done: Callable[[], None]) -> None:
        """Call back at the session's next turn."""
        self.session.inbox.tell(Turn(done))

    def when_written(self, done: Callable[[], None]) -> None:
        """Call back at the session's next turn at which nothing waits to be written."""

        def turned() -> None:
            desk = self.session.desk
            if isinstance(desk, LiveDesk) and desk.is_held_back:
                asyncio.get_running_loop().call_later(LOOKS_AGAIN, self.when_written, done)
            else:
                done()

        self.pulse(turned)

    def open_symbols(self) -> Collection[str]:
        """Return the symbols in which there is a position."""
        return tuple(self.session.desk.engine.state.positions)

    def has_looked(self) -> bool:
        """Tell whether scanners have looked, all that they found was taken, and the orders that it led to have left."""
        session, desk = self.session, self.session.desk
        is_at_work = any(name.startswith(SCAN_OF) for name in session.tasks.names()) or session.inbox.has_urgent
        is_sending = isinstance(desk, LiveDesk) and (desk.is_held_back or desk.gateway.in_flight > 0)
        return session.intake.scanned_at > 0 and not is_at_work and not is_sending

    def left_open(self, ts: int) -> Collection[str]:
        """Return the symbols in which there is a position whose signal was there by `ts`, and that nothing closes."""
        positions = self.session.desk.engine.state.positions.values()
        return tuple(each.symbol for each in positions if each.signal.available_at <= ts and not each.is_closing)

    def is_ready(self) -> bool:
        """Tell whether a real account has been read whole since the start; a simulated one needs no reading."""
        return self.session.reconciler is None or self.board.as_of.get(RECONCILE, 0) > 0

    def vitals(self) -> Vitals:
        """Return how the session stands, and note as of when."""
        intake, engine = self.session.intake, self.session.desk.engine
        if intake.now is None:
            return Vitals()
        self.board.note("bar", intake.now)
        self.board.note("scan", intake.scanned_at)
        if self.session.reconciler is not None:
            self.board.note(RECONCILE, engine.reconciling.read_at)  # a read that says nothing new leaves no record
        for prices in self.session.prices:
            if isinstance(prices, PricePoll):
                self.board.note("poll", prices.polled_at)
        state = engine.state
        marks = ((symbol, engine.market.last_price(symbol)) for symbol in state.positions)
        return Vitals(
            open_positions=len(state.positions),
            open_orders=sum(track.is_working for track in state.orders.values()),
            equity=str(state.account().equity),
            marks={symbol: str(price) for symbol, price in marks if price is not None},
            state_hash=self.journal.digest(),
            stopped=self.session.arrival.refusal() or self._stopped(intake.now),
            blocked=engine.limits.blocked(),
            benched=self.session.tasks.benched(),
        )

    def _stopped(self, now: int) -> str:
        """Return what of the session's own state keeps it from entering."""
        engine = self.session.desk.engine
        if engine.state.trading_state != ACTIVE:
            return engine.state.trading_state.replace("_", " ")
        return "a maintenance window" if engine.limits.rules.is_market_closed(now) else engine.reconciling.refusal()


@define
class BoardWatch(Watch):
    """Passes a run on to another watch, and notes as of when it is committed and reconciled."""

    watch: Watch
    board: ProgressBoard

    def progress(self, done: int, total: int, now: int) -> None:
        """Pass the progress on."""
        self.watch.progress(done, total, now)

    def records(self, records: Sequence[Record]) -> None:
        """Note the records and pass them on."""
        self.board.note("commit", records[-1].ts)
        for record in records:
            if isinstance(record, AccountReconciled):
                self.board.note(RECONCILE, record.ts)
        self.watch.records(records)
