from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.engine.money import booked, booked_cost, minor_unit

CENT, SATOSHI = Decimal("0.01"), Decimal("0.00000001")
UNITS = st.sampled_from([CENT, SATOSHI])
AMOUNTS = st.decimals(min_value=-(10**6), max_value=10**6, places=12)


@pytest.mark.parametrize(
    ("quote", "unit"),
    [("USD", CENT), ("EUR", CENT), ("USDT", CENT), ("BTC", SATOSHI), ("eth", SATOSHI), ("SOL", SATOSHI)],
)
def test_a_currency_is_booked_in_cents_and_a_coin_in_its_hundred_millionths(quote: str, unit: Decimal) -> None:
    assert minor_unit(quote) == unit


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("1.005", "1.00"), ("1.015", "1.02"), ("1.0151", "1.02"), ("-1.005", "-1.00"), ("-1.015", "-1.02"), ("7", "7.00")],
)
def test_a_profit_is_rounded_half_to_even(amount: str, expected: str) -> None:
    assert str(booked(Decimal(amount), CENT)) == expected


@pytest.mark.parametrize(
    ("amount", "expected"), [("0", "0.00"), ("0.010", "0.01"), ("0.0100001", "0.02"), ("3.999", "4.00")]
)
def test_a_part_of_a_cent_costs_a_cent(amount: str, expected: str) -> None:
    assert str(booked_cost(Decimal(amount), CENT)) == expected


def test_a_rebate_is_never_booked_too_large() -> None:
    # A maker's rebate is a cost below zero: away from zero would be in our favour.
    assert booked_cost(Decimal("-0.019"), CENT) == Decimal("-0.01")


@given(AMOUNTS, UNITS)
def test_a_cost_is_never_booked_too_small_nor_a_unit_too_large(amount: Decimal, unit: Decimal) -> None:
    cost = booked_cost(amount, unit)
    assert cost % unit == 0
    assert amount <= cost < amount + unit


@given(AMOUNTS, UNITS)
def test_a_profit_is_booked_within_half_a_unit(amount: Decimal, unit: Decimal) -> None:
    profit = booked(amount, unit)
    assert profit % unit == 0
    assert abs(profit - amount) <= unit / 2
    assert booked(-amount, unit) == -profit


@given(st.lists(st.decimals(min_value=0, max_value=1000, places=12), max_size=12), UNITS)
def test_costs_booked_as_growth_of_a_total_add_up_to_the_booked_total(parts: list[Decimal], unit: Decimal) -> None:
    total, paid, steps = Decimal(0), Decimal(0), []
    for part in parts:
        total += part
        steps.append(booked_cost(total, unit) - paid)
        paid += steps[-1]
    assert paid == booked_cost(total, unit)
    assert all(step >= 0 for step in steps)
    assert paid <= sum((booked_cost(part, unit) for part in parts), Decimal(0))
