"""Leverage by the hour: tiers in New York time, sizes that fit after costs, and a deadline that no restart moves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_basics.leverage import LeverageDeadlineRule, LeverageTiersSizer
from atlas_basics.options import LeverageDeadlineOptions, LeverageTiersOptions, Tier, TierWindow
from atlas_basics.tiers import TierCalendar
from atlas_core import (
    Action,
    Instrument,
    InstrumentKind,
    OrderPlan,
    Position,
    Side,
    Signal,
    TradingCosts,
    parse_timeframe,
    read_moment,
)
from atlas_core.engine.ports import Rules
from tests.engine_bench import Bench
from tests.plugins.basics.samples import MINUTE, Moment, account_of, position_of, signal_of

D = Decimal
SYMBOL = "BTC/USD"
# A hundredth of a coin is a contract, and only whole ones are traded: what the venue lists.
NANO = Instrument(
    SYMBOL,
    InstrumentKind.PERP,
    tick_size=D(5),
    lot_size=D(1),
    multiplier=D("0.01"),
    max_leverage=D(10),
    maintenance_margin_pct=D(5),
)
COSTS = TradingCosts(taker_fee_bps=D(7), fee_per_contract=D("0.15"), slippage_bps=D(5))
WORKDAYS = TierWindow(weekdays=("sun", "mon", "tue", "wed", "thu"), start="18:00", end="16:00")
TIERS = (
    Tier(name="intraday", leverage={SYMBOL: D(10)}, windows=(WORKDAYS,)),
    Tier(name="overnight", leverage={SYMBOL: D("4.1")}),
)
WEDNESDAY_NOON = "2026-07-08T16:00Z"  # 12:00 in New York


def tiers_options(**changes: Any) -> LeverageTiersOptions:
    return LeverageTiersOptions(**{"zone": "America/New_York", "tiers": TIERS, **changes})


def sized(
    signal: Signal, at: str = WEDNESDAY_NOON, cash: str = "1000", costs: TradingCosts = COSTS, **changes: Any
) -> OrderPlan:
    instrument = changes.pop("instrument", NANO)
    sizer = LeverageTiersSizer(tiers_options(**changes), costs)
    return sizer.size(signal, account_of(cash), Moment(read_moment(at), instrument_of_all=instrument))


def a_long(trigger: int = 60_000, stop: int = 59_400) -> Signal:
    return signal_of(trigger=trigger, stop=stop, target=62_000)


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-07-08T16:00Z", "intraday"),  # Wednesday noon
        ("2026-07-08T19:59Z", "intraday"),  # 15:59 in summer
        ("2026-07-08T20:00Z", "overnight"),  # 16:00 in summer
        ("2026-07-08T21:59Z", "overnight"),  # 17:59
        ("2026-07-08T22:00Z", "intraday"),  # 18:00
        ("2026-01-07T20:59Z", "intraday"),  # 15:59 in winter, an hour later in UTC
        ("2026-01-07T21:00Z", "overnight"),  # 16:00 in winter
        ("2026-07-10T19:59Z", "intraday"),  # Friday 15:59
        ("2026-07-10T22:00Z", "overnight"),  # Friday 18:00: the week-end has begun
        ("2026-07-12T21:59Z", "overnight"),  # Sunday 17:59
        ("2026-07-12T22:00Z", "intraday"),  # Sunday 18:00
        ("2026-03-08T21:59Z", "overnight"),  # Sunday 17:59 on the day the clocks went forward
        ("2026-03-08T22:00Z", "intraday"),  # 18:00: 22:00 UTC now, the evening before it was 23:00
        ("2026-11-01T22:59Z", "overnight"),  # Sunday 17:59 on the day the clocks went back
        ("2026-11-01T23:00Z", "intraday"),
    ],
)
def test_the_tier_of_the_hour_follows_the_clocks_of_new_york(at: str, name: str) -> None:
    assert TierCalendar(tiers_options()).tier_at(read_moment(at)).name == name


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-07-08T16:00Z", "2026-07-08T20:00Z"),
        ("2026-07-08T22:00Z", "2026-07-09T20:00Z"),
        ("2026-07-12T23:00Z", "2026-07-13T20:00Z"),
        ("2026-03-06T22:30Z", "2026-03-06T23:00Z"),  # opened in the overnight tier with too much: its next edge
    ],
)
def test_a_leverage_ends_when_a_tier_begins_that_allows_less(at: str, ends: str) -> None:
    assert TierCalendar(tiers_options()).ends_at(read_moment(at), SYMBOL, D(10)) in (
        read_moment(ends),
        read_moment("2026-03-09T20:00Z"),
    )


def test_a_leverage_that_every_tier_allows_never_ends() -> None:
    assert TierCalendar(tiers_options()).ends_at(read_moment(WEDNESDAY_NOON), SYMBOL, D("4.1")) is None


def test_the_size_is_whole_contracts_that_fit_the_balance_after_costs() -> None:
    plan = sized(a_long())
    # 600.3 for a contract at the worst price, margin 60.03, fees both ways 1.14042: 16.34 contracts of 1,000.
    assert (plan.quantity, plan.leverage) == (16, 10)
    assert plan.reason == "tier intraday, leverage 10"
    assert plan.inputs["value_per_contract"] == D("600.30")
    assert plan.inputs["close_by"] == "2026-07-08T20:00:00Z"


def test_margin_sized_to_the_whole_balance_leaves_room_for_the_fees() -> None:
    free = sized(a_long(), costs=TradingCosts(), cash="600")
    assert free.quantity == 10
    assert sized(a_long(), cash="600").quantity == 9


def test_less_than_one_contract_is_skipped_and_says_how_much_there_was() -> None:
    plan = sized(a_long(), cash="50")
    assert plan.quantity == 0
    assert plan.reason.startswith("0.81")
    assert "is less than one lot of 1; tier intraday, leverage 10" in plan.reason


def test_leverage_is_lowered_where_the_stop_would_lie_behind_the_liquidation_and_says_so() -> None:
    plan = sized(a_long(stop=57_000))
    assert plan.leverage == D("9.4")
    assert "leverage 10 lowered to 9.4: the stop 57000 would lie too near to the price of liquidation" in plan.reason


def test_a_size_that_is_lowered_by_the_risk_says_so() -> None:
    plan = sized(a_long(), risk_pct=D(2))
    assert plan.quantity == 2
    assert "size lowered from 16.3478 to 2.5838" in plan.reason
    assert "risk of 2 %" in plan.reason


def test_a_risk_without_a_stop_is_skipped() -> None:
    plan = sized(signal_of(trigger=60_000), risk_pct=D(1))
    assert (plan.quantity, plan.reason) == (0, "the signal has no stop to measure the risk by")


def test_what_the_instrument_allows_bounds_the_tier_and_is_told() -> None:
    plan = sized(a_long(), instrument=evolve(NANO, max_leverage=D(3)))
    assert plan.leverage == 3
    assert "leverage 10 lowered to 3: the instrument allows no more" in plan.reason


def test_shortly_before_a_tier_ends_the_leverage_of_the_next_one_counts() -> None:
    plan = sized(a_long(), at="2026-07-08T19:30Z", lead_minutes=45)
    assert plan.leverage == D("4.1")
    assert "tier overnight begins soon" in plan.reason
    assert plan.inputs["close_by"] is None


def test_a_trade_of_a_long_timeframe_takes_a_leverage_that_no_tier_ends() -> None:
    weekly = evolve(a_long(), timeframe="1w")
    plan = sized(weekly, hold_timeframes=(parse_timeframe("1d"), parse_timeframe("1w")))
    assert (plan.leverage, plan.inputs["close_by"]) == (D("4.1"), None)
    assert "leverage 10 lowered to 4.1: a trade of 1w is held through every tier" in plan.reason


def test_a_tier_without_a_symbol_of_the_universe_cannot_say_its_leverage() -> None:
    sizer = LeverageTiersSizer(tiers_options(), COSTS)
    with pytest.raises(ValueError, match="expected a leverage for SOL in every tier, none in intraday, overnight"):
        sizer.highest_leverage(Instrument("SOL"))
    assert sizer.highest_leverage(NANO) == 10


def test_a_star_stands_for_every_other_symbol() -> None:
    tiers = (Tier(name="all", leverage={"*": D(2), SYMBOL: D(3)}),)
    sizer = LeverageTiersSizer(LeverageTiersOptions(tiers=tiers), COSTS)
    assert (sizer.highest_leverage(NANO), sizer.highest_leverage(Instrument("SOL"))) == (3, 2)


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ((TIERS[0],), "without windows is none"),
        ((TIERS[1], TIERS[0]), "without windows are overnight"),
        ((TIERS[1], TIERS[1]), "a name of its own"),
    ],
)
def test_exactly_the_last_tier_counts_at_any_time(tiers: tuple[Tier, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeverageTiersOptions(tiers=tiers)


@given(
    cash=st.integers(1, 1_000_000),
    price=st.integers(1_000, 20_000),
    gap=st.integers(1, 900),
    side=st.sampled_from(Side),
    hour=st.integers(0, 167),
    impact=st.booleans(),
)
def test_what_is_asked_for_always_fits_the_balance_whole_and_is_closed_by_the_stop_before_the_venue_does(
    cash: int, price: int, gap: int, side: Side, hour: int, impact: bool
) -> None:
    price, gap = price * 5, gap * 5
    costs = evolve(COSTS, depth_notional=D(1_000_000), impact_bps_at_depth=D(10)) if impact else COSTS
    signal = signal_of(side, trigger=price, stop=price - side.sign * min(gap, price - 5))
    at = read_moment("2026-07-05") + hour * 60 * MINUTE
    sizer = LeverageTiersSizer(tiers_options(), costs)
    plan = sizer.size(signal, account_of(cash), Moment(at, instrument_of_all=NANO))
    assert plan.quantity % 1 == 0
    if not plan.quantity:
        assert "less than one lot" in plan.reason
        return
    action = Action.BUY if side.sign > 0 else Action.SELL
    fill = costs.taker_price(NANO, action, D(price), plan.quantity)
    for paid in (D(price), fill):
        needed = NANO.notional(plan.quantity, paid) / plan.leverage + 2 * costs.taker_fee(NANO, plan.quantity, paid)
        assert needed <= cash
    if plan.leverage > 1:
        liquidation = fill * (1 - side.sign * (1 / plan.leverage - D("0.05")))
        assert (D(str(signal.stop)) - liquidation) * side.sign > 0


def deadline(**options: Any) -> LeverageDeadlineRule:
    return LeverageDeadlineRule(LeverageDeadlineOptions(**options))


def leveraged(sizing: dict[str, Any]) -> Position:
    return position_of(a_long(), leverage=D(10), sizing=sizing)


FACTS = {"tier": "intraday", "close_by": "2026-07-08T20:00:00Z", "leverage_after": "4.1"}


@pytest.mark.parametrize(
    ("at", "closes"),
    [
        ("2026-07-08T19:59Z", False),
        ("2026-07-08T20:00Z", True),
        ("2026-07-08T20:04Z", True),
        ("2026-07-08T22:30Z", True),  # long after any slot of minutes, and the next intraday tier has begun
        ("2026-07-11T12:00Z", True),
    ],
)
def test_the_deadline_holds_at_any_moment_after_it(at: str, closes: bool) -> None:
    answer = deadline().on_market(leveraged(FACTS), Moment(read_moment(at)))
    assert (answer is not None) is closes
    if answer is not None:
        assert (answer.value, answer.threshold) == (10, 4.1)
        assert answer.reason == "leverage 10 of tier intraday ends 2026-07-08T20:00:00Z"


def test_the_deadline_may_lie_some_minutes_before_the_end_of_the_tier() -> None:
    rule = deadline(minutes_before=5)
    assert rule.on_market(leveraged(FACTS), Moment(read_moment("2026-07-08T19:54Z"))) is None
    assert rule.on_market(leveraged(FACTS), Moment(read_moment("2026-07-08T19:55Z"))) is not None


@pytest.mark.parametrize("sizing", [{}, {"tier": "overnight", "close_by": None}])
def test_a_trade_without_a_deadline_is_left_alone(sizing: dict[str, Any]) -> None:
    assert deadline().on_market(leveraged(sizing), Moment(read_moment("2030-01-01"))) is None


def test_an_engine_that_was_restarted_still_closes_at_the_deadline() -> None:
    tiers = (
        Tier(name="day", leverage={"X": D(4)}, windows=(TierWindow(start="20:00", end="23:00"),)),
        Tier(name="night", leverage={"X": D(2)}),
    )
    sizer = LeverageTiersSizer(LeverageTiersOptions(tiers=tiers), TradingCosts())
    bench = Bench(sizer=sizer, rules=Rules(max_positions=1, max_leverage=D(4), max_exposure_pct=D(400)))
    bench.flat(100.0)  # 2023-11-14 22:14Z
    bench.signal(trigger=100.0, stop=95.0)
    bench.flat(100.0)
    again = Bench(sizer=sizer)
    again.engine.restore(bench.records)
    (position,) = again.engine.state.positions.values()
    view = position.view()
    assert (view.leverage, view.sizing["close_by"]) == (4, "2023-11-14T23:00:00Z")
    assert deadline().on_market(view, Moment(read_moment("2023-11-14T22:59Z"))) is None
    assert deadline().on_market(view, Moment(read_moment("2023-11-15T20:30Z"))) is not None
