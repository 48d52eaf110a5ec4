"""The same orders on the same market under optimistic, base and pessimistic fills."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.model.events import OrderFilled
from atlas_core.model.orders import Action, Order, OrderKind
from atlas_core.simulation.scenarios import FillScenario
from tests.unit.simulation_scene import MINUTE, Stage, buy, fills, order, protective_stop, target

KIND_TO_UNKIND = (FillScenario.OPTIMISTIC, FillScenario.BASE, FillScenario.PESSIMISTIC)
FEW = settings(max_examples=60, deadline=None)
Bar = tuple[float, float, float, float]


@st.composite
def bars(draw: st.DrawFn) -> list[Bar]:
    """Return a few bars around 100, with gaps between them."""
    made, price = [], 10_000
    for _ in range(draw(st.integers(1, 6))):
        first = price + draw(st.integers(-120, 120))
        high, low = first + draw(st.integers(0, 250)), first - draw(st.integers(0, 250))
        price = draw(st.integers(low, high))
        made.append((first / 100, high / 100, low / 100, price / 100))
    return made


def stages(**costs: Any) -> list[Stage]:
    return [Stage(slippage_bps=7, spread_bps=4, fills=scenario, **costs) for scenario in KIND_TO_UNKIND]


def first_fills(placed: Sequence[Order], market: Sequence[Bar], held: int = 0, **costs: Any) -> list[dict[str, Any]]:
    """Return for each scenario the fills of the first event in which any of the three fills something."""
    made = stages(**costs)
    for stage in made:
        if held:
            stage.enter(abs(held), action=Action.BUY if held > 0 else Action.SELL)
            stage.closes(100.0, 100.0, 100.0)
        else:
            stage.flat_bar()
        stage.place(*placed)
    for first, high, low, close in market:
        for show in (lambda s, p=first: s.opens(p), lambda s, r=(high, low, close): s.closes(*r)):
            found = [{fill.client_order_id: fill for fill in fills(show(stage))} for stage in made]
            if any(found):
                return found
    return [{}, {}, {}]


def assert_never_better(found: Sequence[dict[str, OrderFilled]], placed: Sequence[Order]) -> None:
    action = {each.client_order_id: each.action for each in placed}
    for kind, unkind in pairwise(found):
        for name in kind.keys() & unkind.keys():
            assert (unkind[name].price - kind[name].price) * action[name].sign >= 0


actions = st.sampled_from(list(Action))
levels = st.integers(9_800, 10_200).map(lambda cents: Decimal(cents) / 100)


@FEW
@given(bars(), actions, st.sampled_from([None, 1]), st.sampled_from([0, 250]))
def test_a_market_order_fills_in_the_same_event_and_never_better(
    market: list[Bar], action: Action, share: int | None, latency: int
) -> None:
    placed = [order("one", action, OrderKind.MARKET, 2)]
    found = first_fills(placed, market, max_volume_participation_pct=share, latency_ms=latency)
    assert [set(each) for each in found] == [{"one"}] * 3
    assert_never_better(found, placed)


@FEW
@given(bars(), actions, levels)
def test_a_stop_fills_in_the_same_event_and_never_better(market: list[Bar], action: Action, level: Decimal) -> None:
    placed = [order("one", action, OrderKind.STOP, 2, stop_price=level)]
    found = first_fills(placed, market)
    assert found[0].keys() == found[1].keys() == found[2].keys()
    assert_never_better(found, placed)


@FEW
@given(bars(), actions, levels, st.sampled_from(["touch", "through"]))
def test_a_limit_fills_no_sooner_and_then_never_better(
    market: list[Bar], action: Action, level: Decimal, limit_fill: str
) -> None:
    placed = [order("one", action, OrderKind.LIMIT, 2, limit_price=level)]
    found = first_fills(placed, market, limit_fill=limit_fill)
    assert found[0].keys() >= found[1].keys() >= found[2].keys()
    assert_never_better(found, placed)


@FEW
@given(bars(), st.sampled_from([1, -1]), st.integers(1, 200), st.integers(1, 200))
def test_of_stop_and_target_in_one_bar_the_unkind_one_is_never_the_better_one(
    market: list[Bar], side: int, risk: int, reward: int
) -> None:
    action = Action.SELL if side > 0 else Action.BUY
    stop = protective_stop(100 - side * Decimal(risk) / 100, 5, action=action)
    goal = target(100 + side * Decimal(reward) / 100, 5, action=action)
    found = first_fills([stop, goal], market, held=5 * side)
    prices = [next(iter(each.values())).price for each in found if each]
    assert [price * side for price in prices] == sorted((price * side for price in prices), reverse=True)


@FEW
@given(bars(), levels, levels)
def test_a_stop_limit_fills_no_sooner_and_never_beyond_its_limit(
    market: list[Bar], level: Decimal, limit: Decimal
) -> None:
    placed = [order("one", Action.BUY, OrderKind.STOP_LIMIT, 2, stop_price=level, limit_price=limit)]
    found = first_fills(placed, market)
    assert found[0].keys() >= found[1].keys() >= found[2].keys()
    assert_never_better(found, placed)
    assert all(fill.price <= limit for each in found for fill in each.values())


@FEW
@given(st.lists(st.tuples(bars(), actions, st.integers(1, 5)), min_size=1, max_size=6))
def test_a_fixed_list_of_trades_at_the_market_never_earns_more_under_unkinder_fills(
    trades: list[tuple[list[Bar], Action, int]],
) -> None:
    made = stages(taker_fee_bps=5)
    for number, (market, action, quantity) in enumerate(trades):
        back = Action.SELL if action is Action.BUY else Action.BUY
        for stage in made:
            stage.place(order(f"in{number}", action, OrderKind.MARKET, quantity))
            for bar in market:
                stage.bar(*bar)
            stage.place(order(f"out{number}", back, OrderKind.MARKET, quantity))
            stage.bar(*market[-1])
    fee_noise = Decimal("0.05")  # a worse price changes the notional, and with it the fee, in either direction
    cash = [stage.venue.account().cash for stage in made]
    assert cash[0] + fee_noise >= cash[1]
    assert cash[1] + fee_noise >= cash[2]


def test_optimistic_fills_cost_nothing_and_take_the_target_first() -> None:
    kind, base, _ = first_fills([protective_stop(99), target(101)], [(100.0, 102.0, 98.0, 100.0)], held=1)
    assert (kind["target"].price, kind["target"].ambiguous) == (Decimal(101), True)
    assert (base["stop"].price, base["stop"].ambiguous) == (Decimal("98.91"), True)


def test_pessimistic_fills_pay_twice_and_one_tick_more() -> None:
    kind, base, unkind = first_fills([buy("one")], [(100.0, 100.0, 100.0, 100.0)])
    assert [each["one"].price for each in (kind, base, unkind)] == [100, Decimal("100.09"), Decimal("100.19")]


def test_a_limit_must_be_traded_through_by_one_more_tick_under_pessimistic_fills() -> None:
    resting = [order("one", Action.BUY, OrderKind.LIMIT, 1, limit_price=99)]
    for low, filled in ((99.0, [True, False, False]), (98.99, [True, True, False]), (98.98, [True, True, True])):
        assert [bool(each) for each in first_fills(resting, [(100.0, 100.0, low, 100.0)])] == filled


def test_a_gap_improves_no_limit_under_pessimistic_fills() -> None:
    resting = [order("one", Action.BUY, OrderKind.LIMIT, 1, limit_price=99)]
    found = first_fills(resting, [(95.0, 95.0, 95.0, 95.0)])
    assert [each["one"].price for each in found] == [95, Decimal("95.09"), 99]


def test_a_stop_of_an_entry_inside_a_bar_is_believed_only_where_it_is_certain_under_optimistic_fills() -> None:
    outcomes = []
    for stage in stages():
        stage.flat_bar()
        stage.bar(100.0, 103.0, 98.0, 101.0)
        stage.place(buy(touch=(102, True)))
        outcomes.append(bool(fills(stage.place(protective_stop(99)))))
    assert outcomes == [False, True, True]


def test_a_late_market_order_takes_the_worst_price_of_its_bar_under_pessimistic_fills() -> None:
    found = first_fills([buy("one")], [(100.0, 103.0, 99.0, 101.0)], latency_ms=MINUTE // 120 // 1_000_000)
    assert [each["one"].reference_price for each in found] == [101, 101, 103]
