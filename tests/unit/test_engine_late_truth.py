"""What an engine makes of a venue that tells the truth late, and of a process that died between two requests."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TypeVar

import pytest

from atlas_core.engine.engine import Engine, make_engine
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.ports import EngineParts, Rules
from atlas_core.marketdata.history import MarketData, PastMarket
from atlas_core.model.bars import bars_of_rows
from atlas_core.model.events import (
    AccountRead,
    BarClosed,
    Cancel,
    Command,
    Event,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderUnknown,
    Query,
    SignalsFound,
    Submit,
    Tick,
)
from atlas_core.model.orders import Action, OrderKind, OrderRole, OrderStatus
from atlas_core.model.portfolio import Account
from atlas_core.model.records import (
    AccountReconciled,
    AlertRaised,
    FillBooked,
    PositionAdjusted,
    ProtectionChanged,
    Record,
    RunStarted,
    SessionResumed,
    VerdictReached,
)
from atlas_core.model.signals import Side, signal_table
from atlas_core.model.timeframe import MINUTE, SECOND, parse_timeframe
from atlas_core.model.venue import OrderReport, VenuePosition, VenueSnapshot
from tests.engine_bench import PERP, START, FixedSize, SignalLevels

R = TypeVar("R", bound=Record)
ACCOUNT = Account(cash=Decimal(10_000), equity=Decimal(10_000), margin_used=Decimal(0), exposure=Decimal(0))


class Scene:
    """An engine whose venue is the test; `now` is in seconds after the start."""

    def __init__(
        self,
        *,
        holds_quantity: bool = False,
        limit: bool = False,
        reconcile_within: int | None = None,
        size: str = "1",
    ) -> None:
        market = MarketData({"X": bars_of_rows("X", parse_timeframe("1m"), [])}, {"X": PERP})
        self.now = 0.0
        self.records: list[Record] = []
        self.sent: list[Submit] = []
        self.commands: list[Command] = []
        self.engine: Engine = make_engine(
            profile="p", namespace="p/live", instruments={"X": PERP}, market=PastMarket(market), quote="USD",
            parts=EngineParts(sizer=("fixed", FixedSize(size)), exits=(("levels", SignalLevels()),)),
            rules=Rules(max_positions=5, reconcile_within=reconcile_within), stops_at_failure=False,
            native=NativeOrders(limit=limit, holds_quantity=holds_quantity),
        )  # fmt: skip
        self.engine.start(
            RunStarted(
                ts=START, profile="p", mode="live", synthetic=True, seed=1, starting_cash=Decimal(10_000),
                quote="USD", base_timeframe="1m", symbols=("X",), profile_digest="", components=(),
            )
        )  # fmt: skip
        self.bar()

    @property
    def ts(self) -> int:
        return START + round(self.now * SECOND)

    def feed(self, event: Event) -> list[Command]:
        commands = self.engine.process(event)
        self.commands += commands
        self.sent += [command for command in commands if isinstance(command, Submit)]
        self.records += self.engine.take_records()
        return commands

    def bar(self, price: float = 100.0) -> None:
        self.now += 60
        self.feed(BarClosed(self.ts, "X", self.ts - MINUTE, price, price, price, price, 1.0))

    def signal(self, setup: int = 0, side: int = 1) -> None:
        table = signal_table(
            available_at=[self.ts], setup_at=[START + setup], symbol="X", timeframe="1m", pattern="p",
            side=[side], stop=100.0 - 5.0 * side, target=100.0 + 20.0 * side,
        )  # fmt: skip
        self.feed(SignalsFound(self.ts, "s", table))

    def order(self, role: OrderRole) -> str:
        """Return the identity of the order of a role that was sent last."""
        return next(s.order.client_order_id for s in reversed(self.sent) if s.order.role is role)

    def fill(self, name: str, quantity: str = "1", price: str = "100") -> None:
        total, fee = Decimal(quantity), Decimal(0)
        self.feed(
            OrderFilled(
                ts=self.ts, client_order_id=name, cumulative_quantity=total, price=Decimal(price), cumulative_fee=fee
            )
        )

    def entered(self, setup: int = 0) -> str:
        """Take a signal to a position with a working stop; return the stop."""
        self.signal(setup)
        self.fill(self.order(OrderRole.ENTRY))
        stop = self.order(OrderRole.STOP)
        self.feed(OrderAccepted(ts=self.ts, client_order_id=stop))
        return stop

    def read(self, held: str = "0", orders: tuple[OrderReport, ...] = (), took: float = 0) -> list[Command]:
        quantity = Decimal(held)
        position = VenuePosition(symbol="X", side=Side.LONG, quantity=quantity, entry_price=Decimal(100))
        positions = (position,) if quantity else ()
        snapshot = VenueSnapshot(account=ACCOUNT, orders=orders, positions=positions)
        return self.feed(AccountRead(ts=self.ts, asked_at=self.ts - round(took * SECOND), snapshot=snapshot))

    def report(self, name: str, status: OrderStatus, filled: str = "0") -> None:
        report = OrderReport(
            symbol="X", action=Action.SELL, kind=OrderKind.STOP, quantity=Decimal(1), status=status,
            client_order_id=name, cumulative_quantity=Decimal(filled), average_price=Decimal(95),
        )  # fmt: skip
        self.feed(OrderReported(ts=self.ts, report=report))

    def believe_flat(self, stop: str) -> None:
        """Let reads agree that the position is gone, while the venue does not yet know that the stop filled."""
        for _ in range(3):
            self.read(held="0")
            self.report(stop, OrderStatus.ACKNOWLEDGED)
            self.report(self.order(OrderRole.ENTRY), OrderStatus.FILLED, filled="1")
            self.now += 60
        assert self.engine.state.positions == {}

    def wait(self, seconds: float) -> None:
        """Let time pass in ticks."""
        for _ in range(round(seconds / 5)):
            self.now += 5
            self.feed(Tick(self.ts))

    def found(self, kind: type[R]) -> list[R]:
        return [record for record in self.records if isinstance(record, kind)]

    def alarms(self) -> list[str]:
        return [alarm.title for alarm in self.found(AlertRaised)]


def test_a_late_fill_of_an_ended_trade_is_not_booked_on_the_next_one() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.wait(30)
    scene.believe_flat(stop)
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    scene.bar()
    scene.entered(setup=1)
    scene.fill(stop, price="95")
    assert scene.engine.state.positions["X"].quantity == 1
    assert scene.found(FillBooked)[-1].trade_id == 0


def test_a_fill_after_its_trade_is_booked_once() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.wait(30)
    scene.believe_flat(stop)
    for _ in range(3):
        scene.report(stop, OrderStatus.FILLED, filled="1")
    assert scene.alarms().count("More was closed than was open") == 1
    assert scene.engine.state.find_order(stop).status is OrderStatus.FILLED  # type: ignore[union-attr]
    assert len(scene.found(FillBooked)) == 2


def test_a_difference_is_not_believed_while_an_order_that_could_explain_it_has_not_been_answered() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.wait(30)
    for _ in range(5):
        asked = scene.read(held="0")
        assert Query(stop) in asked
        scene.now += 30
    assert scene.found(PositionAdjusted) == []
    scene.report(stop, OrderStatus.FILLED, filled="1")
    scene.read(held="0")
    assert scene.found(PositionAdjusted) == []
    assert [v.outcome for v in scene.found(VerdictReached)] == ["closed"]


def test_an_order_that_ended_before_the_process_was_away_may_explain_a_difference() -> None:
    scene = Scene()
    scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.engine.recorder.take_commands()
    leave = next(t.intent for t in scene.engine.state.orders.values() if t.intent.role is OrderRole.EXIT)
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=leave.client_order_id))
    for seconds in (60, 3_600):
        scene.now += seconds
        scene.engine.resume(SessionResumed(ts=scene.ts, crashed=True, profile_digest="", components=()))
    assert Query(leave.client_order_id) in scene.read(held="0.5")


def ended_exit(scene: Scene) -> str:
    """Enter, read the account, and take an exit to its end; return the exit."""
    scene.entered()
    scene.read(held="1")
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.engine.recorder.take_commands()
    leave = next(t.intent for t in scene.engine.state.orders.values() if t.intent.role is OrderRole.EXIT)
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=leave.client_order_id))
    return leave.client_order_id


def test_an_order_that_ended_before_the_account_could_not_be_read_may_explain_a_difference() -> None:
    scene = Scene()
    leave = ended_exit(scene)
    scene.now += 3_600
    assert Query(leave) in scene.read(held="0.5")


def test_an_order_that_ended_long_before_a_difference_was_to_be_seen_explains_nothing() -> None:
    scene = Scene()
    leave = ended_exit(scene)
    for _ in range(40):
        scene.now += 30
        scene.read(held="1")
    assert Query(leave) not in scene.read(held="0.5")


@pytest.mark.parametrize(("read_for", "is_asked"), [(0, True), (20, True), (40, False)])
def test_a_restart_knows_for_how_long_the_account_was_not_read(read_for: int, is_asked: bool) -> None:
    before, after = Scene(), Scene()
    leave = ended_exit(before)
    for _ in range(read_for):
        before.now += 30
        before.read(held="1")
    after.now = before.now + 3_600
    after.engine.restore(before.records)
    after.engine.resume(SessionResumed(ts=after.ts, crashed=True, profile_digest="", components=()))
    assert (Query(leave) in after.read(held="0.5")) is is_asked


def test_a_steady_session_records_a_read_every_five_minutes() -> None:
    scene = Scene()
    for _ in range(61):
        scene.now += 30
        scene.read()
    spans = [record.asked_at for record in scene.found(AccountReconciled)]
    assert [(later - sooner) // SECOND for sooner, later in pairwise(spans)] == [300] * 6


def test_a_read_asks_about_few_orders_at_once_and_about_all_in_the_end() -> None:
    scene = Scene()
    scene.entered()
    for _ in range(50):
        scene.wait(5)
        scene.feed(OrderCancelled(ts=scene.ts, client_order_id=scene.order(OrderRole.STOP)))
    asked = []
    for _ in range(3):
        scene.now += 1
        asked.append({command.client_order_id for command in scene.read() if isinstance(command, Query)})
    assert [len(names) for names in asked] == [20, 20, 20]
    assert len(set.union(*asked)) == 52


def test_an_order_whose_end_the_venue_has_told_is_not_asked_about_again() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.wait(30)
    entry = scene.order(OrderRole.ENTRY)
    assert Query(entry) in scene.read(held="3")
    scene.report(entry, OrderStatus.FILLED, filled="1")
    scene.now += 11
    asked = scene.read(held="3")
    assert Query(stop) in asked
    assert Query(entry) not in asked


def test_a_difference_that_lasts_is_told_once_before_it_can_be_believed() -> None:
    scene = Scene()
    scene.entered()
    scene.wait(30)
    told = []
    for _ in range(5):
        scene.read(held="3")
        told.append(scene.alarms().count("Books and venue differ"))
        scene.now += 30
    assert told == [0, 0, 1, 1, 1]
    for held in ("1", "1", "3", "3", "3"):
        scene.read(held=held)
        scene.now += 30
    assert scene.alarms().count("Books and venue differ") == 2


def test_a_difference_that_has_become_another_one_is_told_again_once_it_stands() -> None:
    scene = Scene()
    scene.entered()
    scene.wait(30)
    told = []
    for held in ("3", "3", "3", "2", "3", "2", "2", "2", "2"):
        scene.read(held=held)
        told.append(scene.alarms().count("Books and venue differ"))
        scene.now += 30
    assert told == [0, 0, 1, 1, 1, 1, 1, 2, 2]


def test_a_difference_is_told_with_what_is_known_to_be_somebody_elses() -> None:
    scene = Scene()
    for _ in range(2):
        scene.read(held="2")
        scene.now += 30
    scene.entered()
    for _ in range(3):
        scene.read(held="7")
        scene.now += 30
    (told,) = [alarm.text for alarm in scene.found(AlertRaised) if alarm.title == "Books and venue differ"]
    assert "the books have 1, 2 beside is not ours, the venue has 7" in told


def test_nothing_is_entered_in_a_symbol_whose_position_differs_at_the_venue() -> None:
    scene = Scene(reconcile_within=75 * SECOND)
    scene.read()
    scene.bar()
    scene.read(held="3")
    scene.signal()
    assert [(v.outcome, v.by) for v in scene.found(VerdictReached)] == [("refused", "limit books_differ")]
    scene.now += 11
    scene.read()
    scene.now += 11
    scene.read()
    scene.signal(setup=1)
    assert [s.order.role for s in scene.sent] == [OrderRole.ENTRY]


def test_a_single_read_that_agrees_settles_no_difference() -> None:
    scene = Scene(reconcile_within=75 * SECOND)
    scene.read()
    scene.bar()
    for held in ("3", "0", "3"):
        scene.read(held=held)
        assert scene.engine.reconciling.is_in_doubt
        scene.now += 25
    assert scene.alarms().count("Books and venue differ") == 1
    scene.read()
    scene.signal()
    assert [(v.outcome, v.by) for v in scene.found(VerdictReached)] == [("refused", "limit books_differ")]


def test_no_entry_is_made_while_an_order_of_an_earlier_trade_may_still_fill() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.feed(Tick(scene.ts))
    scene.fill(scene.order(OrderRole.STOP), price="95")
    assert scene.engine.state.positions == {}
    stop = scene.entered(setup=1)
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.engine.take_records()
    exit_order = next(name for name, t in scene.engine.state.orders.items() if t.intent.role is OrderRole.EXIT)
    scene.fill(exit_order)
    scene.bar()
    scene.signal(setup=2)
    verdict = scene.found(VerdictReached)[-1]
    assert (verdict.by, verdict.outcome) == ("limit unknown_order", "refused")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    scene.signal(setup=3)
    assert scene.sent[-1].order.role is OrderRole.ENTRY


def test_of_two_stops_that_a_crash_left_one_is_withdrawn_at_the_next_tick() -> None:
    scene = Scene()
    stop = scene.entered()
    position = scene.engine.state.positions["X"]
    scene.engine.orders.send(
        signal_key=position.signal.key, role=OrderRole.STOP, symbol="X", action=Action.SELL, kind=OrderKind.STOP,
        quantity=Decimal(1), stop_price=Decimal(96), reduce_only=True,
    )  # fmt: skip
    scene.engine.recorder.take_commands()
    scene.engine.take_records()
    commands = scene.feed(Tick(scene.ts))
    assert [type(command) for command in commands] == [Cancel]
    assert Cancel(stop) not in commands


def test_an_order_of_a_trade_that_is_over_is_withdrawn_at_the_next_tick() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    exit_order = next(name for name, t in scene.engine.state.orders.items() if t.intent.role is OrderRole.EXIT)
    scene.fill(exit_order)
    scene.engine.state.orders[stop].is_withdrawn = False  # what a restart forgets
    assert Cancel(stop) in scene.feed(Tick(scene.ts))


def test_people_are_told_once_of_an_order_that_does_not_go_away() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.engine.orders.cancel(scene.engine.state.orders[stop])
    for _ in range(10):
        scene.wait(5)
        scene.report(stop, OrderStatus.ACKNOWLEDGED)
    assert scene.alarms().count("Order not withdrawn") == 1


def test_an_exit_that_fails_again_and_again_does_not_hide_that_the_stop_is_gone() -> None:
    scene = Scene(holds_quantity=True)
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    for _ in range(3):
        scene.wait(5)
        scene.feed(OrderUnknown(ts=scene.ts, client_order_id=scene.order(OrderRole.EXIT), reason="lost"))
    assert not scene.found(ProtectionChanged)[0].protected
    assert "Position without protection" in scene.alarms()


def test_a_restart_does_not_wait_once_more_for_an_exit_before_the_stop_of_a_bare_position_comes_back() -> None:
    before, after = Scene(holds_quantity=True), Scene(holds_quantity=True)
    stop = before.entered()
    before.engine.orders.close_position(before.engine.state.positions["X"], "test", "leave")
    before.feed(OrderCancelled(ts=before.ts, client_order_id=stop))
    before.wait(20)
    assert [change.protected for change in before.found(ProtectionChanged)] == [False]
    after.now = before.now + 60
    after.engine.restore(before.records)
    after.engine.resume(SessionResumed(ts=after.ts, crashed=True, profile_digest="", components=()))
    after.wait(10)
    assert [(change.protected, change.stop_quantity) for change in after.found(ProtectionChanged)] == [(True, 1)]


@pytest.mark.parametrize(("holds_quantity", "alarms"), [(True, ["Position without protection"]), (False, [])])
def test_a_session_that_ends_tells_of_a_stop_that_made_room_for_an_exit(
    holds_quantity: bool, alarms: list[str]
) -> None:
    scene = Scene(holds_quantity=holds_quantity)
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    if holds_quantity:
        scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    scene.wait(5)
    assert scene.alarms() == []
    scene.engine.pause(scene.ts, "asked by the host")
    scene.records += scene.engine.take_records()
    assert scene.alarms() == alarms


def test_an_exit_is_sent_again_while_the_venue_goes_on_holding_the_quantity() -> None:
    scene = Scene(holds_quantity=True)
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    for _ in range(2):
        scene.feed(OrderRejected(ts=scene.ts, client_order_id=scene.order(OrderRole.EXIT), reason="held"))
        scene.wait(5)
    assert [submit.order.attempt for submit in scene.sent if submit.order.role is OrderRole.EXIT] == [1, 2, 3]


def test_the_stop_comes_back_when_the_venue_never_lets_go_of_the_quantity() -> None:
    scene = Scene(holds_quantity=True)
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    for _ in range(5):
        if scene.engine.state.positions["X"].exit_order:
            scene.feed(OrderRejected(ts=scene.ts, client_order_id=scene.order(OrderRole.EXIT), reason="held"))
        scene.wait(5)
    assert scene.sent[-1].order.role is OrderRole.STOP
    assert scene.ts - scene.sent[-1].order.created_at <= 5 * SECOND


def test_a_stop_that_two_complete_reads_do_not_have_protects_nothing() -> None:
    scene = Scene()
    scene.entered()
    for _ in range(2):
        scene.wait(30)
        scene.read(held="1")
    scene.wait(5)
    assert "Position without protection" in scene.alarms()


def test_a_stop_that_two_complete_reads_do_not_have_protects_nothing_whatever_an_answer_says() -> None:
    scene = Scene()
    stop = scene.entered()
    for _ in range(2):
        scene.wait(30)
        scene.read(held="1")
        scene.report(stop, OrderStatus.ACKNOWLEDGED)
    scene.wait(5)
    assert "Position without protection" in scene.alarms()
    assert [s.order.attempt for s in scene.sent if s.order.role is OrderRole.STOP] == [1]


def test_an_order_that_a_read_does_not_have_is_asked_about_until_they_agree() -> None:
    scene = Scene()
    stop = scene.entered()
    scene.wait(30)
    scene.read(held="1")
    scene.report(stop, OrderStatus.ACKNOWLEDGED)
    scene.wait(10)
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=stop))
    assert scene.commands.count(Query(stop)) == 2
    assert [s.order.attempt for s in scene.sent if s.order.role is OrderRole.STOP] == [1, 2]


def test_a_refused_target_is_tried_again_every_minute_while_its_stop_is_not_known() -> None:
    scene = Scene(limit=True)
    scene.signal()
    scene.fill(scene.order(OrderRole.ENTRY))
    scene.feed(OrderUnknown(ts=scene.ts, client_order_id=scene.order(OrderRole.STOP), reason="lost"))
    for _ in range(25):
        target = scene.order(OrderRole.TARGET)
        scene.feed(OrderRejected(ts=scene.ts, client_order_id=target, reason="nothing to reduce"))
        scene.wait(5)
    assert [s.order.attempt for s in scene.sent if s.order.role is OrderRole.TARGET] == [1, 2, 3]


def test_an_exit_that_waited_when_the_process_died_withdraws_the_stop_again() -> None:
    scene = Scene(holds_quantity=True)
    stop = scene.entered()
    scene.engine.orders.close_position(scene.engine.state.positions["X"], "test", "leave")
    scene.engine.state.orders[stop].is_withdrawn = False  # what a restart forgets
    scene.engine.recorder.take_commands()
    assert Cancel(stop) in scene.feed(Tick(scene.ts))


def test_a_clock_that_is_set_proves_nothing() -> None:
    scene = Scene()
    scene.signal()
    entry = scene.order(OrderRole.ENTRY)
    scene.feed(OrderUnknown(ts=scene.ts, client_order_id=entry, reason="lost"))
    for seconds in (20, 20, 3_600, 10):
        scene.now += seconds
        scene.feed(OrderNotFound(ts=scene.ts, client_order_id=entry))
        scene.read()
    assert scene.engine.state.orders[entry].status is OrderStatus.UNKNOWN
    for _ in range(2):
        scene.now += 30
        scene.read()
        scene.feed(OrderNotFound(ts=scene.ts, client_order_id=entry))
    assert [v.outcome for v in scene.found(VerdictReached)] == ["rejected"]


def test_an_order_that_was_heard_of_is_not_given_up_by_answers_from_before() -> None:
    for heard in ("accepted", "reported"):
        scene = Scene()
        scene.signal()
        entry = scene.order(OrderRole.ENTRY)
        scene.feed(OrderUnknown(ts=scene.ts, client_order_id=entry, reason="lost"))
        for _ in range(4):
            scene.now += 30
            scene.read()
            scene.feed(OrderNotFound(ts=scene.ts, client_order_id=entry))
        scene.now += 30
        if heard == "accepted":
            scene.feed(OrderAccepted(ts=scene.ts, client_order_id=entry))
        else:
            scene.report(entry, OrderStatus.ACKNOWLEDGED)
        scene.read()
        scene.feed(OrderNotFound(ts=scene.ts, client_order_id=entry))
        assert scene.engine.state.orders[entry].status is OrderStatus.ACKNOWLEDGED


def test_a_position_that_is_gone_is_noticed_although_its_stops_are_refused_without_end() -> None:
    scene = Scene()
    scene.feed(OrderCancelled(ts=scene.ts, client_order_id=scene.entered()))
    for _ in range(60):
        scene.wait(5)
        stop = scene.order(OrderRole.STOP)
        if scene.engine.state.find_order(stop).is_working:  # type: ignore[union-attr]
            scene.feed(OrderRejected(ts=scene.ts, client_order_id=stop, reason="nothing to reduce"))
        if scene.now % 30 == 0:
            for query in [command for command in scene.read() if isinstance(command, Query)]:
                track = scene.engine.state.find_order(query.client_order_id)
                if track is not None and track.intent.role is OrderRole.ENTRY:
                    scene.report(query.client_order_id, OrderStatus.FILLED, filled="1")
                else:
                    scene.feed(OrderNotFound(ts=scene.ts, client_order_id=query.client_order_id))
    assert scene.engine.state.positions == {}
    assert len([s for s in scene.sent if s.order.role is OrderRole.STOP]) < 12
