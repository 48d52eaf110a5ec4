"""A position may be closed in parts: the stop always works for what is still open, and it stays one trade."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.engine.carrying import carried_account
from atlas_core.engine.native import NativeOrders
from atlas_core.model.decisions import Exit, Levels, PartialTarget
from atlas_core.model.events import OperatorCommand, OrderRejected, Submit
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole
from atlas_core.model.portfolio import Position
from atlas_core.model.records import (
    ComponentFailed,
    ExitDecided,
    FillBooked,
    OrderIntended,
    PositionChanged,
    PositionClosed,
    VerdictReached,
)
from atlas_core.report.trades import TradeRow, closed_trades
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.venue import SimulatedVenue
from tests.engine_bench import PERP, AfterBars, Bench, FixedSize, SignalLevels


class Ladder:
    """Half at 2 ahead, the rest at 4 ahead, the stop at the entry after the first half."""

    def on_market(self, position: Position, market: object) -> None:
        return None

    def levels(self, position: Position) -> Levels:
        half = position.entered_quantity / 2
        near, far = (position.entry_price + position.side.sign * distance for distance in (2, 4))
        if position.closed_quantity >= half:
            return Levels(position.entry_price, far)
        return Levels(position.signal.stop, far, (PartialTarget(near, half - position.closed_quantity),))


class HalfOnce:
    """Closes a half at the market after some bars, once."""

    def __init__(self, bars: int = 1) -> None:
        self.bars = bars

    def on_market(self, position: Position, market: object) -> Exit | None:
        if position.bars_held < self.bars or position.closed_quantity:
            return None
        return Exit("half", fraction=Decimal("0.5"))


class Always:
    """Answers the same at every bar."""

    def __init__(self, answer: Exit) -> None:
        self.answer = answer

    def on_market(self, position: Position, market: object) -> Exit | None:
        return self.answer


LADDER = (("ladder", Ladder()),)
HALF = (("levels", SignalLevels()), ("half", HalfOnce()))
THIN = CostOptions(
    maker_fee_bps=Decimal(2),
    taker_fee_bps=Decimal(5),
    slippage_bps=Decimal(1),
    spread_bps=Decimal(3),
    depth_notional=Decimal(1000),
    impact_bps_at_depth=Decimal(2),
    max_volume_participation_pct=Decimal(50),
)


def entered(*, side: int = 1, quantity: str = "2", **options: object) -> Bench:
    options.setdefault("exits", LADDER)
    bench = Bench(sizer=FixedSize(quantity), **options)
    bench.flat(100.0)
    bench.signal(side, trigger=100.0, stop=100.0 - 2 * side, target=100.0 + 8 * side)
    bench.flat(100.0)
    return bench


def working(bench: Bench, role: OrderRole, symbol: str = "X") -> list[tuple[Decimal | None, Decimal]]:
    """Return price and open quantity of the orders of a role that nobody has withdrawn."""
    return [
        (t.intent.stop_price or t.intent.limit_price, t.intent.quantity - t.cumulative_quantity)
        for t in bench.engine.state.working_orders(symbol)
        if t.intent.role is role and not t.is_withdrawn
    ]


def test_each_part_has_its_own_target_and_the_stop_is_for_everything() -> None:
    bench = entered()
    assert working(bench, OrderRole.STOP) == [(Decimal(98), Decimal(2))]
    assert working(bench, OrderRole.TARGET) == [(Decimal(102), Decimal(1)), (Decimal(104), Decimal(1))]


@pytest.mark.parametrize("side", [1, -1])
def test_after_the_first_target_the_stop_is_for_the_rest_and_stands_at_the_entry(side: int) -> None:
    bench = entered(side=side)
    high, low = sorted((100.0, 100.0 + 2.5 * side), reverse=True)
    bench.bar(100.0, high, low, 100.0 + 2 * side)
    assert bench.engine.state.positions["X"].quantity == 1
    assert working(bench, OrderRole.STOP) == [(Decimal(100), Decimal(1))]
    assert working(bench, OrderRole.TARGET) == [(Decimal(100 + 4 * side), Decimal(1))]
    assert bench.one(PositionChanged).realised == 2


def test_a_bar_that_goes_through_both_targets_fills_both_and_ends_one_trade_with_one_verdict() -> None:
    bench = entered()
    bench.bar(100.0, 105.0, 100.0, 105.0)
    closed, verdict = bench.one(PositionClosed), bench.one(VerdictReached)
    assert (closed.quantity, closed.gross, closed.exit_price) == (2, 6, 103)
    assert (verdict.by, verdict.reason) == ("ladder", "target 104 reached")
    assert not bench.engine.state.orders


def test_the_rest_is_stopped_at_the_entry_after_the_first_part() -> None:
    bench = entered()
    bench.bar(100.0, 102.5, 100.0, 102.0)
    bench.bar(102.0, 102.0, 99.0, 99.0)
    closed = bench.one(PositionClosed)
    assert (closed.gross, closed.reason) == (2, "stop 100 reached")


def test_a_bar_that_reaches_stop_and_first_target_is_decided_against_the_whole_position() -> None:
    bench = entered()
    bench.bar(100.0, 103.0, 97.0, 102.0)
    assert (bench.one(PositionClosed).gross, bench.one(PositionClosed).ambiguous) == (-4, True)


def test_a_rule_may_close_a_part_at_the_market_and_the_stop_shrinks_with_its_fill() -> None:
    bench = entered(exits=HALF)
    assert working(bench, OrderRole.STOP) == [(Decimal(98), Decimal(2))]
    bench.flat(101.0)
    assert bench.engine.state.positions["X"].quantity == 1
    assert working(bench, OrderRole.STOP) == [(Decimal(98), Decimal(1))]
    assert working(bench, OrderRole.TARGET) == [(Decimal(108), Decimal(1))]
    assert bench.one(ExitDecided).quantity == 1
    bench.bar(101.0, 109.0, 101.0, 109.0)
    assert (bench.one(PositionClosed).quantity, bench.one(PositionClosed).gross) == (2, 9)


def test_a_part_that_rounds_to_no_lot_closes_nothing_and_says_so() -> None:
    bench = entered(exits=(("levels", SignalLevels()), ("dust", Always(Exit("dust", quantity=Decimal("0.001"))))))
    assert [decided.acted for decided in bench.of(ExitDecided)] == [False]
    assert bench.engine.state.positions["X"].quantity == 2


@pytest.mark.parametrize("answer", [Exit("more", quantity=Decimal(5)), Exit("one", fraction=Decimal(1))])
def test_a_part_that_is_all_there_is_closes_the_position(answer: Exit) -> None:
    bench = entered(exits=(("levels", SignalLevels()), ("all", Always(answer))))
    bench.flat(101.0)
    assert bench.one(PositionClosed).quantity == 2
    assert bench.one(ExitDecided).quantity is None


@pytest.mark.parametrize(
    "part",
    [
        {"fraction": Decimal("1.5")},
        {"fraction": ZERO},
        {"fraction": 0.5},
        {"quantity": Decimal(-1)},
        {"quantity": 1.0},
    ],
)
def test_a_part_that_is_none_is_a_failure_of_the_rule(part: dict[str, Decimal]) -> None:
    bench = entered(exits=(("levels", SignalLevels()), ("odd", Always(Exit("odd", **part)))))
    assert "odd" in bench.of(ComponentFailed)[0].component
    assert not bench.of(ExitDecided)


def test_an_exit_is_a_quantity_or_a_fraction_and_never_both() -> None:
    with pytest.raises(ValueError, match=r"expected a quantity or a fraction, were 1 and 0\.5"):
        Exit("both", quantity=Decimal(1), fraction=Decimal("0.5"))


def test_while_a_part_is_on_its_way_the_rest_may_be_closed_and_nothing_twice() -> None:
    bench = entered(exits=HALF)
    exits = [order for order in bench.of(OrderIntended) if order.role is OrderRole.EXIT]
    bench.feed(OperatorCommand(bench.now, "close", "anna", {"symbol": "X"}))
    bench.feed(OperatorCommand(bench.now, "close", "anna", {"symbol": "X"}))
    exits = [order for order in bench.of(OrderIntended) if order.role is OrderRole.EXIT]
    assert [order.quantity for order in exits] == [1, 1]
    bench.flat(101.0)
    assert (bench.one(PositionClosed).quantity, bench.one(PositionClosed).rule) == (2, "anna")


def test_a_rule_that_closes_everything_is_not_kept_back_by_one_that_closed_a_part() -> None:
    bench = entered(exits=(("levels", SignalLevels()), ("half", HalfOnce()), ("time", AfterBars(1))))
    assert [decided.acted for decided in bench.of(ExitDecided)] == [True, True]
    bench.flat(101.0)
    assert bench.one(PositionClosed).quantity == 2


def test_a_part_that_is_refused_is_asked_for_again() -> None:
    bench = Bench(sizer=FixedSize("2"), exits=HALF)
    bench.lost = lambda command: isinstance(command, Submit) and command.order.role is OrderRole.EXIT
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=98.0, target=108.0)
    bench.flat(100.0)
    sent = [order for order in bench.of(OrderIntended) if order.role is OrderRole.EXIT][-1]
    bench.feed(OrderRejected(ts=bench.now, client_order_id=sent.client_order_id, reason="no"))
    bench.lost = lambda command: False
    bench.flat(100.0)
    bench.flat(100.0)
    assert bench.engine.state.positions["X"].quantity == 1


@pytest.mark.parametrize("native", [NativeOrders(stop=False, limit=False), NativeOrders(limit=False)])
def test_a_broker_without_limit_orders_gets_its_parts_closed_at_the_market(native: NativeOrders) -> None:
    bench = entered(native=native)
    bench.bar(100.0, 102.5, 100.0, 102.0)
    bench.flat(102.0)
    assert (bench.engine.state.positions["X"].quantity, bench.engine.state.positions["X"].stop) == (1, 100)
    bench.bar(102.0, 104.0, 102.0, 104.0)
    bench.flat(104.0)
    assert (bench.one(PositionClosed).gross, bench.one(PositionClosed).quantity) == (6, 2)


def test_a_venue_that_holds_the_quantity_gives_the_stop_back_for_the_rest() -> None:
    bench = entered(native=NativeOrders(limit=False, holds_quantity=True))
    bench.bar(100.0, 102.5, 100.0, 102.0)
    assert not working(bench, OrderRole.STOP)
    bench.flat(102.0)
    assert bench.engine.state.positions["X"].quantity == 1
    assert working(bench, OrderRole.STOP) == [(Decimal(100), Decimal(1))]


def test_a_partial_exit_survives_a_restart() -> None:
    bench = entered()
    bench.bar(100.0, 102.5, 100.0, 102.0)
    other = Bench(sizer=FixedSize("2"), exits=LADDER)
    other.engine.restore(bench.records)
    other.now, other.records = bench.now, list(bench.records)
    other.venue = SimulatedVenue(other.instruments, Decimal(10_000), CostOptions())
    other.venue.take_over(carried_account(other.engine.state, other.now), other.now)
    assert asdict(other.engine.state.positions["X"])["closed_quantity"] == 1
    assert other.engine.state.positions["X"].parts == ()
    other.bar(102.0, 102.5, 102.0, 102.0)
    assert working(other, OrderRole.STOP) == [(Decimal(100), Decimal(1))]
    other.bar(102.0, 105.0, 102.0, 105.0)
    assert (other.one(PositionClosed).gross, other.one(PositionClosed).quantity) == (6, 2)


def walk(seed: int, bars: int = 40) -> Bench:
    """Trade random signals in two symbols over a thin random walk, with a ladder and a half at the market."""
    generator = np.random.Generator(np.random.PCG64(seed))
    bench = Bench(
        exits=(*LADDER, ("half", HalfOnce(int(generator.integers(1, 6)))), ("bars", AfterBars(12))),
        sizer=FixedSize(str(int(generator.integers(1, 9)))),
        instruments=(PERP, evolve(PERP, symbol="Y")),
        native=NativeOrders(limit=bool(generator.random() < 0.7)),
        costs=THIN,
    )
    prices = {"X": 1000, "Y": 500}
    for _ in range(bars):
        start = bench.now
        for symbol, price in list(prices.items()):
            bench.now = start
            path = price + np.concatenate([[0], np.cumsum(generator.integers(-12, 13, 3))])
            prices[symbol] = max(50, int(path[-1]))
            first, high, low, close = (float(v) / 10 for v in (path[0], path.max(), path.min(), path[-1]))
            bench.bar(first, high, low, close, symbol, volume=float(generator.integers(2, 12)))
            assert_covered(bench)
            side = int(generator.choice([1, -1]))
            if generator.random() < 0.6:
                bench.signal(side, symbol=symbol, stop=(prices[symbol] - 15 * side) / 10)
    bench.feed(OperatorCommand(bench.now, "wind-down", "test", {"reason": "end", "close_positions": True}))
    for symbol, price in prices.items():
        for _ in range(8):
            bench.bar(*[price / 10] * 4, symbol, volume=1e9)
    return bench


def assert_covered(bench: Bench) -> None:
    """The stop is for exactly what is open, and the targets never close more than that."""
    for symbol in bench.instruments:
        position = bench.engine.state.positions.get(symbol)
        stops = [quantity for _, quantity in working(bench, OrderRole.STOP, symbol)]
        assert stops == ([] if position is None else [position.quantity])
        targets = sum((quantity for _, quantity in working(bench, OrderRole.TARGET, symbol)), ZERO)
        assert targets <= (ZERO if position is None else position.quantity)


def middle_result(bench: Bench, trade: TradeRow) -> Decimal:
    """Return what a trade would have made at the middle of the market, from what the venue said of each fill."""
    action = {intent.client_order_id: intent.action for intent in bench.of(OrderIntended)}
    ids = {fill.client_order_id for fill in bench.of(FillBooked) if fill.trade_id == trade.trade_id}
    total, before = ZERO, dict.fromkeys(ids, ZERO)
    for event in bench.filled:
        name = event.client_order_id
        if name in ids and event.reference_price is not None:
            grown, before[name] = event.cumulative_quantity - before[name], event.cumulative_quantity
            total -= action[name].sign * grown * event.reference_price
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_quantities_and_money_of_all_legs_add_up_and_the_stop_is_always_for_what_is_open(seed: int) -> None:
    bench = walk(seed)
    assert not bench.engine.state.positions
    role_of = {intent.client_order_id: intent.role for intent in bench.of(OrderIntended)}
    cash = Decimal(10_000)
    for closed in bench.of(PositionClosed):
        fills = [fill for fill in bench.of(FillBooked) if fill.trade_id == closed.trade_id]
        inward = sum((f.quantity for f in fills if role_of[f.client_order_id] is OrderRole.ENTRY), ZERO)
        outward = sum((f.quantity for f in fills if role_of[f.client_order_id] is not OrderRole.ENTRY), ZERO)
        assert inward == outward == closed.quantity
        assert closed.fees == sum((fill.fee for fill in fills), ZERO)
        assert closed.net == closed.gross - closed.fees - closed.funding
        cash += closed.net
    for trade in closed_trades(bench.records):
        assert sum((leg.quantity for leg in trade.legs), ZERO) == trade.quantity
        assert sum((leg.gross for leg in trade.legs), ZERO) == trade.gross
        assert trade.total_costs == trade.fees + trade.spread + trade.slippage + trade.impact + trade.funding
        at_the_middle = trade.net + trade.total_costs
        assert abs(at_the_middle - middle_result(bench, trade)) <= Decimal("0.01") * 2 * len(bench.of(FillBooked))
    assert bench.engine.state.cash == cash
    assert abs(cash - bench.venue.account().cash) <= Decimal("0.01") * len(bench.of(FillBooked))
    verdicts = [record.key for record in bench.of(VerdictReached)]
    assert len(verdicts) == len(set(verdicts))
