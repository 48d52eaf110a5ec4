"""An engine on the simulated venue with deciders of a few lines, for tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from attrs import evolve

from atlas_core.engine.dialogue import converse
from atlas_core.engine.engine import Engine, make_engine
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import EngineParts, Rules
from atlas_core.marketdata.history import MarketData, PastMarket
from atlas_core.model.bars import bars_of_rows
from atlas_core.model.decisions import Approve, Exit, GateAnswer, Levels, OrderPlan
from atlas_core.model.events import (
    BarClosed,
    BarOpened,
    BrokerEvent,
    CallAt,
    Cancel,
    Command,
    Event,
    FundingDue,
    OrderFilled,
    Quote,
    Raise,
    SignalsFound,
    Submit,
    TimerFired,
)
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.portfolio import Account, Portfolio, Position
from atlas_core.model.records import Record, RunStarted
from atlas_core.model.signals import Signal, signal_table
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.venue import SimulatedVenue

START = 1_700_000_040 * 1_000_000_000  # a whole minute
PERP = Instrument(
    symbol="X",
    kind=InstrumentKind.PERP,
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.01"),
    max_leverage=Decimal(10),
    maintenance_margin_pct=Decimal(5),
)
FREE = CostOptions(maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(0), slippage_bps=Decimal(0))


class FixedSize:
    """A sizer that always asks for the same quantity."""

    def __init__(self, quantity: str = "1", leverage: str = "1") -> None:
        self.plan = OrderPlan(
            symbol="X", quantity=Decimal(quantity), leverage=Decimal(leverage), reason="fixed", inputs={"n": 1}
        )

    def size(self, signal: Signal, account: Account, market: object) -> OrderPlan:
        return evolve(self.plan, symbol=signal.symbol)


class SignalLevels:
    """An exit rule with the signal's own stop and target."""

    def on_market(self, position: Position, market: object) -> Exit | None:
        return None

    def levels(self, position: Position) -> Levels:
        return Levels(position.signal.stop, position.signal.target)


class AfterBars:
    """An exit rule that closes after some bars."""

    def __init__(self, bars: int) -> None:
        self.bars = bars

    def on_market(self, position: Position, market: object) -> Exit | None:
        if position.bars_held < self.bars:
            return None
        return Exit("held long enough", float(position.bars_held), float(self.bars))


class AnswerGate:
    """A gate that gives one answer to every signal at the moment of entry."""

    def __init__(self, answer: GateAnswer | Callable[[], GateAnswer] = Approve()) -> None:  # noqa: B008
        self.answer = answer

    def review(self, signal: Signal, portfolio: Portfolio, market: object) -> GateAnswer:
        return self.answer() if callable(self.answer) else self.answer


class Bench:
    """Feeds bars of one minute to venue and engine, and remembers every record and command."""

    def __init__(
        self,
        *,
        gates: Iterable[tuple[str, object]] = (),
        sizer: object | None = None,
        exits: Iterable[tuple[str, object]] = (("levels", SignalLevels()),),
        rules: Rules | None = None,
        costs: CostOptions = FREE,
        instruments: tuple[Instrument, ...] = (PERP,),
        native: NativeOrders | None = None,
        stops_at_failure: bool = False,
        cash: str = "10000",
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        base = {s: bars_of_rows(s, parse_timeframe("1m"), []) for s in self.instruments}
        self.venue = SimulatedVenue(self.instruments, Decimal(cash), costs)
        self.engine: Engine = make_engine(
            profile="bench",
            namespace="bench/paper",
            parts=EngineParts(gates=tuple(gates), sizer=("fixed", sizer or FixedSize()), exits=tuple(exits)),
            rules=rules or Rules(max_positions=5),
            instruments=dict(self.instruments),
            market=PastMarket(MarketData(base, self.instruments)),
            quote="USD",
            native=native or NativeOrders(),
            stops_at_failure=stops_at_failure,
        )
        self.now = START
        self.records: list[Record] = []
        self.commands: list[Command] = []
        self.filled: list[OrderFilled] = []
        self.lost: Callable[[Command], bool] = lambda command: False
        self.timers: list[tuple[int, str]] = []
        self.engine.start(
            RunStarted(
                ts=START,
                profile="bench",
                mode="paper",
                synthetic=True,
                seed=0,
                starting_cash=Decimal(cash),
                quote="USD",
                base_timeframe="1m",
                symbols=tuple(self.instruments),
                profile_digest="",
                components=(),
            )
        )
        self.records += self.engine.take_records()

    def feed(self, event: Event) -> None:
        """Let one event happen."""
        if isinstance(event, (BarOpened, BarClosed, FundingDue, Quote)):
            self._drive(self._told(self.venue.observe(event)))
        self._drive([event])
        self.records += self.engine.take_records()

    def bar(self, first: float, high: float, low: float, close: float, symbol: str = "X", volume: float = 1e6) -> None:
        """Let one minute pass."""
        opened_at, self.now = self.now, self.now + MINUTE
        self._fire_timers(opened_at)
        self.feed(BarOpened(opened_at, symbol, first))
        self.feed(BarClosed(self.now, symbol, opened_at, first, high, low, close, volume))
        self._fire_timers(self.now)

    def flat(self, price: float, symbol: str = "X") -> None:
        """Let one minute pass at one price."""
        self.bar(price, price, price, price, symbol)

    def signal(self, side: int = 1, **columns: object) -> None:
        """Let the scanner find one signal now."""
        table = signal_table(
            **{
                "available_at": [self.now],
                "setup_at": self.now - MINUTE,
                "symbol": "X",
                "timeframe": "1m",
                "pattern": "test",
                "side": side,
                **columns,
            }
        )
        self.feed(SignalsFound(self.now, "scan", table))

    def of(self, *types: type[Record]) -> list[Record]:
        """Return the records of some types."""
        return [record for record in self.records if isinstance(record, types)]

    def one(self, of_type: type) -> object:
        """Return the only record of a type."""
        found = self.of(of_type)
        assert len(found) == 1, found
        return found[0]

    def _told(self, events: Iterable[BrokerEvent]) -> list[BrokerEvent]:
        """Return what the venue said, and remember its fills."""
        told = list(events)
        self.filled += [event for event in told if isinstance(event, OrderFilled)]
        return told

    def _fire_timers(self, until: int) -> None:
        due = sorted(timer for timer in self.timers if timer[0] <= until)
        self.timers = [timer for timer in self.timers if timer[0] > until]
        for ts, key in due:
            self.feed(TimerFired(ts, key))

    def _drive(self, events: list[Event]) -> None:
        dialogue = converse(self.engine, events)
        command = next(dialogue, None)
        while command is not None:
            self.commands.append(command)
            try:
                command = dialogue.send(() if self.lost(command) else self._execute(command))
            except StopIteration:
                return

    def _execute(self, command: Command) -> list[BrokerEvent]:
        match command:
            case Submit(order):
                return self._told(self.venue.place(order, self.engine.recorder.now))
            case Cancel(client_id):
                return list(self.venue.withdraw(client_id, self.engine.recorder.now))
            case CallAt(ts, key):
                self.timers.append((ts, key))
            case Raise():
                pass
        return []
