"""Where the engine meets a simulated broker: the part that every driver shares."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from atlas_core.clock import SimClock
from atlas_core.compose import OpenSystem
from atlas_core.contracts import SimulatedBroker
from atlas_core.engine.carrying import carried_account
from atlas_core.engine.dialogue import Answers, converse
from atlas_core.engine.engine import Engine
from atlas_core.engine.queue import EventQueue
from atlas_core.model.events import (
    BarClosed,
    BarOpened,
    CallAt,
    Cancel,
    Command,
    Event,
    FundingDue,
    OperatorCommand,
    Phase,
    Quote,
    Submit,
    TimerFired,
)
from atlas_core.model.records import Record
from atlas_core.model.timeframe import SECOND
from atlas_core.runs import Mode, RunSummary
from atlas_core.tape import TapeEvent
from atlas_core.watching import RecordLog, Scribe

LONGEST_SETTLEMENT = 3_600


@define
class TradingDesk:
    """Takes events through broker and engine, and the engine's commands back to the broker."""

    live: OpenSystem
    engine: Engine
    scribe: Scribe[RecordLog]
    queue: EventQueue[TapeEvent] = field(factory=EventQueue)
    broker: SimulatedBroker = field(init=False)

    @broker.default
    def _broker(self) -> SimulatedBroker:
        return self.live.simulated()

    def start(self, ts: int) -> None:
        """Begin the run at `ts`, or go on with the journal that there is: the broker takes over what it held."""
        self.engine.restore(self.scribe.journal.records())
        state = self.engine.state
        if not state.is_begun:
            self.engine.start(self.live.started(ts))
            return
        self.broker.take_over(carried_account(state, self.engine.recorder.now), ts)
        self.engine.resume(self.live.resumed(ts, crashed=not state.is_paused))

    def feed(self, event: Event) -> list[Record]:
        """Let an event happen: the market moves the broker first, then the engine hears of it; return the records."""
        clock = self.live.system.clock
        if isinstance(clock, SimClock):
            clock.advance_to(event.ts)
        if isinstance(event, (BarOpened, BarClosed, FundingDue, Quote)):
            happened = self.broker.observe(event)
            if happened:
                self._drive(happened)
        self._drive((event,))
        records = self.engine.take_records()
        self.scribe.take(records)
        return records

    def finish(self, end: int, reason: str) -> RunSummary:
        """End the run at `end`: a back-test closes what is open at the last price, a session leaves it open.

        One on a market that goes on is only paused, for the next session to continue.
        """
        is_backtest = self.live.system.mode is Mode.BACKTEST
        self.feed(OperatorCommand(end, "wind-down", "driver", {"reason": reason, "close_positions": is_backtest}))
        if is_backtest:
            self._settle(end)
        if self.live.system.is_real_time:
            self.engine.pause(end, reason)
        else:
            self.engine.finish(end, reason)
        self.scribe.take(self.engine.take_records())
        state = self.engine.state
        return self.scribe.summary(len(state.positions), state.account().equity, reason)

    def flush(self) -> None:
        """Write what was decided."""
        self.scribe.flush()

    def note(self) -> None:
        """Write what the engine decided outside of an event."""
        self.scribe.take(self.engine.take_records())
        self.flush()

    def _settle(self, end: int) -> None:
        """Show the last prices second by second until everything is closed: latency and volume may take some."""
        for seconds in range(1, LONGEST_SETTLEMENT + 1):
            open_positions = list(self.engine.state.positions.items())
            if not open_positions:
                return
            for symbol, position in open_positions:
                self.feed(BarOpened(end + seconds * SECOND, symbol, float(position.last_price)))

    def _drive(self, events: Iterable[Event]) -> None:
        dialogue = converse(self.engine, events)
        command = next(dialogue, None)
        while command is not None:
            try:
                command = dialogue.send(self.execute(command))
            except StopIteration:
                return

    def execute(self, command: Command) -> Answers:
        """Carry out a command of the engine; return what the broker answered at once."""
        now = self.engine.recorder.now
        match command:
            case Submit(order):
                return self.broker.place(order, now)
            case Cancel(client_order_id):
                return self.broker.withdraw(client_order_id, now)
            case CallAt(ts, key):
                self.queue.push(ts, Phase.TIMER, TimerFired(ts, key))
        return ()
