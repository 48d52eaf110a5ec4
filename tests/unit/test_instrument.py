from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.model.instrument import ZERO, Instrument

STEPS = st.sampled_from([Decimal(step) for step in ("0.00000001", "0.0001", "0.01", "0.05", "0.25", "1", "2.5", "100")])
AMOUNTS = st.decimals(min_value=0, max_value=10**7, places=9)


def test_a_price_becomes_the_nearest_whole_tick() -> None:
    stock = Instrument("X", tick_size=Decimal("0.05"))
    assert [stock.to_ticks(price) for price in (10.0, 10.02, 10.03, Decimal("10.05"))] == [200, 200, 201, 201]


def test_a_float_that_is_no_tick_by_a_hair_is_still_that_tick() -> None:
    assert Instrument("X").to_ticks(0.1 + 0.2) == 30
    assert Instrument("X").exact(1.1 * 3) == Decimal("3.30")


@given(STEPS, st.integers(-(10**9), 10**9))
def test_ticks_survive_the_way_to_a_price_and_back(tick: Decimal, ticks: int) -> None:
    instrument = Instrument("X", tick_size=tick)
    price = instrument.from_ticks(ticks)
    assert price == tick * ticks
    assert instrument.to_ticks(price) == instrument.to_ticks(float(price)) == ticks
    assert instrument.exact(float(price)) == price


@given(STEPS, AMOUNTS)
def test_a_price_is_rounded_to_the_ticks_around_it(tick: Decimal, price: Decimal) -> None:
    instrument = Instrument("X", tick_size=tick)
    up, down = instrument.round_up(price), instrument.round_down(price)
    assert down <= price <= up
    assert up % tick == down % tick == 0
    assert up - down == (ZERO if price % tick == 0 else tick)


def test_up_and_down_mean_the_same_below_zero() -> None:
    instrument = Instrument("X", tick_size=Decimal("0.5"))
    assert instrument.round_up(Decimal("-1.2")) == Decimal("-1.0")
    assert instrument.round_down(Decimal("-1.2")) == Decimal("-1.5")


@given(STEPS, AMOUNTS, st.sampled_from([1, -1]))
def test_a_quantity_is_never_rounded_up(lot: Decimal, size: Decimal, sign: int) -> None:
    quantity = sign * size
    rounded = Instrument("X", lot_size=lot).round_quantity(quantity)
    assert rounded % lot == 0
    assert abs(rounded) <= abs(quantity) < abs(rounded) + lot
    assert rounded * sign >= 0


def test_less_than_a_lot_is_nothing() -> None:
    assert Instrument("X", lot_size=Decimal("0.001")).round_quantity(Decimal("0.000999")) == 0


def test_the_notional_counts_the_units_in_a_contract() -> None:
    option = Instrument("X", multiplier=Decimal(100))
    assert option.notional(Decimal(3), Decimal("1.25")) == Decimal(375)
    assert Instrument("X").notional(Decimal(3), Decimal("1.25")) == Decimal("3.75")


@pytest.mark.parametrize("wrong", ["0", "-0.01"])
@pytest.mark.parametrize("step", ["tick_size", "lot_size"])
def test_a_step_that_is_not_above_zero_is_refused(step: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^ABC: expected tick and lot above 0, were .*{wrong}"):
        Instrument("ABC", **{step: Decimal(wrong)})  # type: ignore[arg-type]


def test_equal_rules_make_equal_instruments() -> None:
    assert Instrument("X", tick_size=Decimal("0.5")) == Instrument("X", tick_size=Decimal("0.50"))
    assert Instrument("X") != Instrument("Y")
