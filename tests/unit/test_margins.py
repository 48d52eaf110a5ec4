"""Leverage without the rules for it is refused before anything trades, with the address of what asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import define, evolve

from atlas_core.compose import check_system, opened
from atlas_core.errors import ProfileError
from atlas_core.model.instrument import Instrument
from atlas_core.runs import Mode
from tests.memory import MemoryProvider, flat, memory, profile_of, registry, script, system_of

LIMITS = "[limits]\nmax_leverage = {}\nmax_exposure_pct = 100"
RISK = 'use = "risk-per-trade"\nleverage = 3'
TIERS = 'use = "leverage-tiers"\ntiers = [{{ name = "all", leverage = {{ {} }} }}]'


@define
class Ruled(MemoryProvider):
    """A provider whose instruments have the margin rules of a test."""

    rules: Mapping[str, Decimal] = {}

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        plain = await super().instruments(symbols)
        return {symbol: evolve(instrument, **self.rules) for symbol, instrument in plain.items()}


def at_check(sizer: str, limit: str) -> list[str]:
    profile = profile_of(registry(memory(Ruled(flat(range(3)))), script()), sizer=sizer, more=LIMITS.format(limit))
    return [str(problem) for problem in check_system(profile, Mode.PAPER)]


def at_opening(sizer: str, **rules: Any) -> str:
    rules = {name: Decimal(value) for name, value in rules.items()}
    system = system_of(memory(Ruled(flat(range(3)), rules=rules)), script(), sizer=sizer, more=LIMITS.format(10))

    async def open_and_close() -> None:
        async with opened(system):
            pass

    try:
        asyncio.run(open_and_close())
    except ProfileError as error:
        (problem,) = error.problems
        return str(problem)
    return ""


@pytest.mark.parametrize("sizer", [RISK, TIERS.format("X = 3")])
def test_a_limit_below_the_leverage_of_the_sizer_is_refused_where_it_stands(sizer: str) -> None:
    (problem,) = at_check(sizer, "2")
    place, _, text = problem.partition(": ")
    name = sizer.split('"')[1]
    assert place.split("/")[-1].startswith("memory.toml:")
    assert place.endswith("[limits] max_leverage")
    assert text == (
        f"expected at least 3, which [sizer] {name} asks for in X, was 2; raise it, or lower the leverage of the sizer"
    )
    assert at_check(sizer, "3") == []


def test_a_limit_that_nobody_set_is_refused_too() -> None:
    (problem,) = [
        str(problem)
        for problem in check_system(
            profile_of(registry(memory(Ruled(flat(range(3)))), script()), sizer=RISK), Mode.PAPER
        )
    ]
    assert "[limits] max_leverage: expected at least 3" in problem
    assert "was 1;" in problem


def test_a_symbol_without_a_tier_is_refused_at_the_start() -> None:
    (problem,) = at_check(TIERS.format("Y = 3"), "5")
    assert "[sizer]" in problem
    assert "leverage-tiers: expected a leverage for X in every tier, none in all" in problem


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "expected at most the leverage 1 that X allows, was 3"),
        ({"max_leverage": 2, "maintenance_margin_pct": 5}, "expected at most the leverage 2 that X allows, was 3"),
        ({"max_leverage": 10}, "expected a maintenance margin of X for leverage 3, was 0 %"),
        (
            {"max_leverage": 10, "maintenance_margin_pct": 34},
            "expected a maintenance margin of X below 33.33 %, the initial margin of leverage 3, was 34 %",
        ),
    ],
)
def test_leverage_without_margin_rules_is_refused_before_anything_trades(rules: dict[str, int], message: str) -> None:
    problem = at_opening(TIERS.format("X = 3"), **rules)
    place, _, text = problem.partition(": ")
    assert place.split("/")[-1].startswith("memory.toml:")
    assert place.endswith("[sizer]")
    assert text.startswith(f"leverage-tiers: {message}")
    assert text.endswith("give the instrument its max_leverage and maintenance_margin_pct, or lower the leverage")


def test_leverage_with_margin_rules_is_opened() -> None:
    assert at_opening(TIERS.format("X = 3"), max_leverage=10, maintenance_margin_pct=5) == ""


def test_a_sizer_that_cuts_its_leverage_to_the_instrument_needs_rules_for_what_is_left() -> None:
    assert at_opening(RISK) == ""
    assert "expected a maintenance margin of X for leverage 2" in at_opening(RISK, max_leverage=2)
