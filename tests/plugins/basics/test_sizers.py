"""The standard sizers: round down, respect minima, and say with numbers why they skip."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_basics.options import FixedFractionOptions, FixedNotionalOptions, FixedQuantityOptions, RiskPerTradeOptions
from atlas_basics.sizers import FixedFractionSizer, FixedNotionalSizer, FixedQuantitySizer, RiskPerTradeSizer
from atlas_core import OrderPlan, Side, Signal, Sizer
from tests.plugins.basics.samples import INSTRUMENT, Moment, account_of, signal_of


def notional(value: str | int) -> Sizer:
    return FixedNotionalSizer(FixedNotionalOptions(notional=Decimal(value)))


def fraction(value: str | int) -> Sizer:
    return FixedFractionSizer(FixedFractionOptions(fraction_pct=Decimal(value), cost_reserve_bps=Decimal(0)))


def risk(**options: Any) -> Sizer:
    given = {"cost_reserve_bps": 0, **options}
    return RiskPerTradeSizer(RiskPerTradeOptions(**{name: Decimal(value) for name, value in given.items()}))


def size(sizer: Sizer, signal: Signal | None = None, equity: str | int = 10_000, price: int | None = None) -> OrderPlan:
    market = Moment(price=None if price is None else Decimal(price))
    return sizer.size(signal or signal_of(), account_of(equity), market)


def test_a_fixed_notional_is_divided_by_the_price_and_rounded_down_to_the_lot() -> None:
    plan = size(notional(1000), signal_of(trigger=300))
    assert (plan.quantity, plan.leverage, plan.reason) == (Decimal("3.333"), 1, "")
    assert plan.inputs == {"price": Decimal(300), "notional": Decimal(1000)}


def test_a_fixed_quantity_is_rounded_down_to_the_lot_and_skipped_where_it_is_worth_too_little() -> None:
    quantity = FixedQuantitySizer(FixedQuantityOptions(quantity=Decimal("1.23456")))
    assert size(quantity).quantity == Decimal("1.234")
    assert "below the minimum" in size(quantity, signal_of(trigger=1)).reason


def test_a_signal_without_a_trigger_is_sized_at_the_last_price() -> None:
    assert size(notional(1000), signal_of(trigger=None), price=250).quantity == 4


def test_a_contract_of_several_units_costs_its_multiplier() -> None:
    market = Moment(instrument_of_all=evolve(INSTRUMENT, multiplier=Decimal(10)))
    assert notional(1000).size(signal_of(), account_of(), market).quantity == 1


def test_a_fixed_fraction_follows_the_equity() -> None:
    assert size(fraction(25), equity=8000).quantity == 20


def test_risk_per_trade_loses_the_share_at_the_stop() -> None:
    plan = size(risk(risk_pct=1), signal_of(stop=96))
    assert plan.quantity == 25
    assert plan.inputs["risk_money"] == 100
    assert plan.inputs["distance"] == 4


def test_risk_per_trade_counts_the_costs_into_the_risk() -> None:
    assert size(risk(risk_pct=1, cost_reserve_bps=100), signal_of(stop=96)).quantity == 20


def test_risk_per_trade_is_capped_by_the_largest_notional() -> None:
    plan = size(risk(risk_pct=1, max_notional_pct=50), signal_of(stop="99.9"))
    assert plan.quantity == 50
    assert plan.inputs["capped"] is True


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (3, 3), (50, 5)])
def test_leverage_is_never_above_that_of_the_instrument(asked: int, given: int) -> None:
    assert size(risk(leverage=asked), signal_of(stop=96)).leverage == given


@pytest.mark.parametrize(
    ("sizer", "signal", "equity", "said"),
    [
        (notional("0.05"), signal_of(), 10_000, "0.00050000 is less than one lot of 0.001"),
        (notional("4.2"), signal_of(), 10_000, "0.042 at 100 is worth 4.20, below the minimum of 5"),
        (notional(10), signal_of(trigger=None), 10_000, "no price of BTC/USD was seen yet"),
        (notional(10), signal_of(trigger=-1), 10_000, "expected a price above 0, was -1"),
        (fraction(10), signal_of(), 0, "expected equity above 0, was 0"),
        (risk(), signal_of(stop=96), -5, "expected equity above 0, was -5"),
        (risk(), signal_of(), 10_000, "the signal has no stop to measure the risk by"),
        (risk(), signal_of(stop=101), 10_000, "expected the stop of a long below the entry 100, was 101"),
        (risk(), signal_of(Side.SHORT, stop=100), 10_000, "expected the stop of a short above the entry 100, was 100"),
    ],
)
def test_a_size_that_cannot_be_is_zero_with_its_reason(sizer: Sizer, signal: Signal, equity: int, said: str) -> None:
    plan = size(sizer, signal, equity)
    assert (plan.quantity, plan.reason) == (0, said)


SIZERS = st.sampled_from([notional(1000), fraction(30), risk(risk_pct=2, cost_reserve_bps=10, leverage=3)])
PRICES = st.integers(1, 10**7).map(lambda ticks: Decimal(ticks) / 10)
EQUITIES = st.integers(0, 10**9).map(lambda cents: Decimal(cents) / 100)


@given(SIZERS, PRICES, PRICES, EQUITIES, EQUITIES)
def test_sizes_are_whole_lots_and_grow_with_the_equity(
    sizer: Sizer, trigger: Decimal, stop: Decimal, equity: Decimal, more: Decimal
) -> None:
    signal = evolve(signal_of(Side.LONG if stop < trigger else Side.SHORT), trigger=trigger, stop=stop)
    small, large = (size(sizer, signal, str(each)).quantity for each in (equity, equity + more))
    assert 0 <= small <= large
    assert small == INSTRUMENT.round_quantity(small)


@given(PRICES, PRICES, EQUITIES)
def test_the_loss_at_the_stop_is_never_above_the_risk(trigger: Decimal, stop: Decimal, equity: Decimal) -> None:
    signal = evolve(signal_of(Side.LONG if stop < trigger else Side.SHORT), trigger=trigger, stop=stop)
    quantity = size(risk(risk_pct=2), signal, str(equity)).quantity
    assert quantity * abs(trigger - stop) <= equity * 2 / 100
    assert quantity * trigger <= equity


@pytest.mark.parametrize(
    "sizer",
    [
        FixedFractionSizer(FixedFractionOptions(fraction_pct=Decimal(100))),
        RiskPerTradeSizer(RiskPerTradeOptions(risk_pct=Decimal(50))),
    ],
)
def test_a_size_of_the_whole_equity_leaves_room_for_the_costs(sizer: Sizer) -> None:
    plan = size(sizer, signal_of(trigger=100, stop=99))
    assert 9_970 < plan.quantity * 100 < 9_990
