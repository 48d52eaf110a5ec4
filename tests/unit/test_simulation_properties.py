"""What must hold for every market and every flow of orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.model.events import (
    BarClosed,
    BarOpened,
    BrokerEvent,
    FundingCharged,
    FundingDue,
    OrderFilled,
    PositionLiquidated,
)
from atlas_core.model.orders import Action, Liquidity, Order, OrderKind, OrderRole, Touch
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.scenarios import FillScenario
from atlas_core.simulation.venue import SimulatedVenue
from tests.unit.simulation_scene import MINUTE, costs, instrument

START = Decimal(1_000_000)
TICKS = st.integers(8_000, 12_000)
FEW = settings(max_examples=30, deadline=None)
MANY = settings(max_examples=120, deadline=None)


@frozen
class Bar:
    """A bar in ticks of a cent."""

    open: int
    high: int
    low: int
    close: int
    volume: int


@frozen
class Step:
    """What happens in one minute: orders placed at its beginning, after its opening and after its close."""

    bar: Bar
    at_start: Sequence[Order]
    at_open: Sequence[Order]
    at_close: Sequence[Order]
    rate: Decimal | None


@st.composite
def bars(draw: st.DrawFn) -> Bar:
    prices = sorted(draw(TICKS) for _ in range(4))
    inner = draw(st.permutations(prices[1:3]))
    opening = draw(st.sampled_from([inner[0], prices[0], prices[3]]))
    return Bar(opening, prices[3], prices[0], inner[1], draw(st.integers(0, 400)))


@st.composite
def orders(draw: st.DrawFn, *, leverages: Sequence[int] = (1, 3, 10)) -> Order:
    kind = draw(st.sampled_from(list(OrderKind)))
    reduce_only = draw(st.booleans())

    def price() -> Decimal:
        return Decimal(draw(TICKS)) / 100

    return Order(
        client_order_id="",
        symbol="X",
        action=draw(st.sampled_from(list(Action))),
        kind=kind,
        quantity=Decimal(draw(st.integers(1, 2_000))) / 100,
        role=OrderRole.STOP if reduce_only else OrderRole.ENTRY,
        signal_key=draw(st.sampled_from(["a", "b"])),
        limit_price=price() if kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT) else None,
        stop_price=price() if kind in (OrderKind.STOP, OrderKind.STOP_LIMIT) else None,
        trail_offset=Decimal(draw(st.integers(1, 500))) / 100 if kind is OrderKind.TRAILING_STOP else None,
        reduce_only=reduce_only,
        leverage=Decimal(1 if reduce_only else draw(st.sampled_from(leverages))),
        oco_group=draw(st.sampled_from(["", "g"])),
    )


@st.composite
def flows(draw: st.DrawFn, *, leverages: Sequence[int] = (1, 3, 10)) -> list[Step]:
    some = st.lists(orders(leverages=leverages), max_size=2)
    rates = st.none() | st.integers(-50, 50).map(lambda bps: Decimal(bps) / 10_000)
    steps = [
        Step(draw(bars()), draw(some), draw(some), draw(some), draw(rates)) for _ in range(draw(st.integers(2, 8)))
    ]
    names = iter(range(10_000))

    def named(placed: Sequence[Order]) -> list[Order]:
        return [evolve(order, client_order_id=f"o{next(names)}") for order in placed]

    def touching(placed: Sequence[Order], bar: Bar) -> list[Order]:
        prices = [draw(st.none() | st.integers(bar.low, bar.high)) for _ in placed]
        return [
            order if price is None else evolve(order, touch=Touch(Decimal(price) / 100, price > bar.open))
            for order, price in zip(placed, prices, strict=True)
        ]

    return [Step(s.bar, named(s.at_start), named(s.at_open), named(touching(s.at_close, s.bar)), s.rate) for s in steps]


any_costs = st.builds(
    costs,
    maker_fee_bps=st.integers(-2, 20),
    taker_fee_bps=st.integers(0, 20),
    fee_per_contract=st.sampled_from([0, 0.15]),
    slippage_bps=st.integers(0, 50),
    spread_bps=st.sampled_from([0, 0, 8]),
    fills=st.sampled_from(FillScenario),
    latency_ms=st.sampled_from([0, 0, 250]),
    max_volume_participation_pct=st.sampled_from([None, 5]),
    limit_fill=st.sampled_from(["touch", "through"]),
    liquidation_fee_bps=st.integers(0, 50),
)


class Log:
    """A venue that runs a flow, with everything that it said and what was held after each call."""

    def __init__(self, options: CostOptions, symbols: Sequence[str] = ("X",)) -> None:
        self.venue = SimulatedVenue({symbol: instrument(symbol) for symbol in symbols}, START, options)
        self.placed: dict[str, Order] = {}
        self.bar_of: list[tuple[Bar, BrokerEvent]] = []
        self.events: dict[str, list[BrokerEvent]] = defaultdict(list)
        self.closed: dict[str, Bar] = {}

    def step(self, number: int, step: Step, symbol: str = "X", *, twice: bool = False) -> None:
        begin, bar = number * MINUTE, step.bar
        closed = BarClosed(
            begin + MINUTE, symbol, begin, bar.open / 100, bar.high / 100, bar.low / 100, bar.close / 100, bar.volume
        )
        self._place(step.at_start, symbol, begin, self.closed.get(symbol, bar), twice)
        self.closed[symbol] = bar
        self._keep(symbol, bar, self.venue.observe(BarOpened(begin, symbol, bar.open / 100)))
        self._place(step.at_open, symbol, begin, bar, twice)
        self._keep(symbol, bar, self.venue.observe(closed))
        self._place(step.at_close, symbol, begin + MINUTE, bar, twice)
        if step.rate is not None:
            self._keep(symbol, bar, self.venue.observe(FundingDue(begin + MINUTE, symbol, step.rate)))

    def _place(self, placed: Sequence[Order], symbol: str, now: int, bar: Bar, twice: bool) -> None:
        for order in placed:
            own = evolve(order, symbol=symbol, client_order_id=f"{symbol}-{order.client_order_id}")
            self.placed[own.client_order_id] = own
            self._keep(symbol, bar, self.venue.place(own, now))
            if twice:
                self.venue.place(own, now)

    def _keep(self, symbol: str, bar: Bar, events: Sequence[BrokerEvent]) -> None:
        self.events[symbol].extend(events)
        self.bar_of.extend((bar, event) for event in events)

    def last_fills(self) -> dict[str, OrderFilled]:
        return {e.client_order_id: e for _, e in self.bar_of if isinstance(e, OrderFilled)}

    def growth(self) -> list[tuple[Bar, Order, Decimal, Decimal, OrderFilled]]:
        """Return each fill with the quantity and the money that it added (signless)."""
        totals: dict[str, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(0), Decimal(0)))
        parts = []
        for bar, event in self.bar_of:
            if isinstance(event, OrderFilled):
                quantity, paid = totals[event.client_order_id]
                now = event.cumulative_quantity, (event.price * event.cumulative_quantity).quantize(Decimal("1e-6"))
                totals[event.client_order_id] = now
                order = self.placed[event.client_order_id]
                parts.append((bar, order, now[0] - quantity, now[1] - paid, event))
        return parts


def run(flow: Sequence[Step], options: CostOptions, **how: Any) -> Log:
    log = Log(options)
    for number, step in enumerate(flow):
        log.step(number, step, **how)
    return log


def signed(order: Order) -> int:
    return order.action.sign


def money_is_conserved_to_the_last_digit(log: Log, flow: list[Step]) -> None:
    gross, held = Decimal(0), Decimal(0)
    fees = sum((fill.cumulative_fee for fill in log.last_fills().values()), Decimal(0))
    funding = Decimal(0)
    parts = iter(log.growth())
    for _, event in log.bar_of:
        if isinstance(event, OrderFilled):
            _, order, quantity, paid, _ = next(parts)
            held += signed(order) * quantity
            gross -= signed(order) * paid
        elif isinstance(event, PositionLiquidated):
            side = 1 if held > 0 else -1
            assert event.quantity == abs(held)
            gross += side * event.quantity * event.price
            held, fees = Decimal(0), fees + event.fee
        elif isinstance(event, FundingCharged):
            funding += event.amount
    gross += held * Decimal(flow[-1].bar.close) / 100
    position = log.venue.position("X")
    assert (Decimal(0) if position is None else position.quantity) == held
    account = log.venue.account()
    assert account.equity + fees + funding == START + gross


def no_fill_is_better_than_the_bar_nor_better_than_its_reference(log: Log) -> None:
    for bar, order, quantity, paid, fill in log.growth():
        assert fill.reference_price is not None
        price = paid / quantity
        assert Decimal(bar.low) <= fill.reference_price * 100 <= Decimal(bar.high)
        assert signed(order) * (price - fill.reference_price) >= 0
        if fill.liquidity is Liquidity.MAKER:
            assert price == fill.reference_price == order.limit_price


def a_stop_never_fills_better_than_its_price_and_a_limit_never_worse(log: Log, *, volume_is_bounded: bool) -> None:
    for _, order, quantity, paid, _ in log.growth():
        price = paid / quantity
        if order.kind is OrderKind.STOP and not volume_is_bounded:
            assert order.stop_price is not None
            assert signed(order) * (price - order.stop_price) >= 0
        if order.limit_price is not None:
            assert signed(order) * (order.limit_price - price) >= 0


@FEW
@given(flows(leverages=[1]), any_costs, st.integers(0, 30), st.integers(0, 30))
def test_higher_costs_never_give_more_money_on_the_same_flow(
    flow: list[Step], cheap: CostOptions, more_slippage: int, more_fees: int
) -> None:
    dear = evolve(
        cheap,
        slippage_bps=cheap.slippage_bps + more_slippage,
        maker_fee_bps=cheap.maker_fee_bps + more_fees,
        taker_fee_bps=cheap.taker_fee_bps + more_fees,
    )
    without_funding = [evolve(step, rate=None) for step in flow]
    assert run(without_funding, dear).venue.account().equity <= run(without_funding, cheap).venue.account().equity


def reduce_only_orders_never_open_or_flip_a_position(log: Log) -> None:
    parts, held = iter(log.growth()), Decimal(0)
    for _, event in log.bar_of:
        if isinstance(event, PositionLiquidated):
            held = Decimal(0)
        if isinstance(event, OrderFilled):
            _, order, quantity, _, _ = next(parts)
            after = held + signed(order) * quantity
            if order.reduce_only:
                assert held * signed(order) < 0
                assert held * after >= 0
            held = after


def cumulative_figures_only_grow_and_nothing_happens_after_the_end(log: Log) -> None:
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    ended: set[str] = set()
    for _, event in log.bar_of:
        name = getattr(event, "client_order_id", None)
        if name is None:
            continue
        assert name not in ended, event
        if isinstance(event, OrderFilled):
            assert quantities[name] < event.cumulative_quantity <= log.placed[name].quantity
            quantities[name] = event.cumulative_quantity
        if type(event).__name__ in ("OrderCancelled", "OrderExpired", "OrderRejected"):
            ended.add(name)
        if quantities[name] == log.placed[name].quantity:
            ended.add(name)


def placing_every_order_twice_changes_nothing(once: Log, twice: Log) -> None:
    assert once.events == twice.events
    assert once.venue.account() == twice.venue.account()


def the_same_calls_give_the_same_events(log: Log, again: Log) -> None:
    assert log.bar_of == again.bar_of


@MANY
@given(flows(), any_costs)
def test_money_prices_reductions_ends_and_repeats_are_right_in_every_flow(
    flow: list[Step], options: CostOptions
) -> None:
    """Drawing a flow takes longer than running it, so each is looked at in every way."""
    log = run(flow, options)
    money_is_conserved_to_the_last_digit(log, flow)
    no_fill_is_better_than_the_bar_nor_better_than_its_reference(log)
    a_stop_never_fills_better_than_its_price_and_a_limit_never_worse(
        log, volume_is_bounded=options.max_volume_participation_pct is not None
    )
    reduce_only_orders_never_open_or_flip_a_position(log)
    cumulative_figures_only_grow_and_nothing_happens_after_the_end(log)
    the_same_calls_give_the_same_events(log, run(flow, options))
    placing_every_order_twice_changes_nothing(log, run(flow, options, twice=True))


@FEW
@given(st.lists(flows(), min_size=3, max_size=3), any_costs, st.permutations(["X", "Y", "Z"]))
def test_the_order_of_symbols_does_not_matter(
    of_symbols: list[list[Step]], options: CostOptions, shuffled: list[str]
) -> None:
    def run_in(order: Sequence[str]) -> Log:
        log = Log(options, symbols=("X", "Y", "Z"))
        for number in range(min(len(flow) for flow in of_symbols)):
            for symbol in order:
                log.step(number, of_symbols["XYZ".index(symbol)][number], symbol)
        return log

    straight, mixed = run_in(["X", "Y", "Z"]), run_in(shuffled)
    assert straight.events == mixed.events
    assert straight.venue.account() == mixed.venue.account()


@FEW
@given(st.lists(bars(), min_size=2, max_size=12), st.integers(1, 1_500), st.integers(1, 1_500))
def test_stop_and_target_agree_with_an_independent_plain_loop(
    market: list[Bar], stop_distance: int, target_distance: int
) -> None:
    log = Log(costs(limit_fill="touch"))
    entry, stop, goal = market[0].open, market[0].open - stop_distance, market[0].open + target_distance
    common = {"symbol": "X", "quantity": Decimal(1), "signal_key": "a", "action": Action.SELL, "reduce_only": True}
    protect: list[Order] = [
        Order(
            client_order_id="stop",
            kind=OrderKind.STOP,
            role=OrderRole.STOP,
            stop_price=Decimal(stop) / 100,
            oco_group="g",
            **common,
        ),
        Order(
            client_order_id="target",
            kind=OrderKind.LIMIT,
            role=OrderRole.TARGET,
            limit_price=Decimal(goal) / 100,
            oco_group="g",
            **common,
        ),
    ]
    buy = Order(
        client_order_id="entry",
        symbol="X",
        action=Action.BUY,
        kind=OrderKind.MARKET,
        quantity=Decimal(1),
        role=OrderRole.ENTRY,
        signal_key="a",
    )
    for number, bar in enumerate(market):
        log.step(number, Step(bar, [], [buy, *protect] if number == 0 else [], [], None))
    exits = [fill.price * 100 for name, fill in log.last_fills().items() if name != "X-entry"]
    expected = _plain_exit(market, stop, goal)
    assert exits == ([] if expected is None else [expected])
    assert log.last_fills()["X-entry"].price * 100 == entry


def _plain_exit(market: Sequence[Bar], stop: int, goal: int) -> int | None:
    for bar in market:
        if bar.open <= stop or bar.open >= goal:
            return bar.open
        if bar.low <= stop:
            return stop
        if bar.high >= goal:
            return goal
    return None
