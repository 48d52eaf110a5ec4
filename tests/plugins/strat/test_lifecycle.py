"""The life of a setup: against vectors made outside the project, and its three forms against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_strat.lifecycle import (
    STATES,
    EntryColumns,
    LifeState,
    Ohlc,
    SetupLife,
    SetupTerms,
    TermColumns,
    TwoLegs,
    live_through,
    lives,
)
from tests.plugins.strat.vectors import SIDE_OF, vectors


def ticks(price: float, tick: float) -> int:
    return round(price / tick)


def terms_of(case: dict[str, Any]) -> SetupTerms:
    setup, tick = case["setup"], case["tick"]
    magnitude = setup["magnitude"]
    return SetupTerms(
        SIDE_OF[setup["direction"]],
        ticks(setup["trigger"], tick),
        ticks(setup["stop"], tick),
        None if magnitude is None else ticks(magnitude, tick),
        None if "max_gap" not in case else ticks(case["max_gap"], tick),
    )


def price_of(fill: int | None, tick: float) -> Any:
    return None if fill is None else pytest.approx(fill * tick, abs=1e-9)


def bar_of(case: dict[str, Any]) -> Ohlc:
    return Ohlc(*(ticks(price, case["tick"]) for price in case["entry_bar"]))


def test_every_shared_price_path_moves_a_setup_through_its_states() -> None:
    cases = vectors("04_lifecycle.json")["by_price_path"]
    assert len(cases) >= 10
    for case in cases:
        life, expected = SetupLife(terms_of(case)), case["expect"]
        states = [life.see(ticks(price, case["tick"])) for price in case["entry_bar_prices"]]
        final = life.close() if case["entry_bar_closed"] else life.state
        assert (states, final) == (expected["states"], expected["final"]), case["id"]
        assert expected["fill"] == price_of(life.fill, case["tick"]), case["id"]


def test_every_shared_entry_bar_ends_a_setup_as_expected() -> None:
    cases = vectors("04_lifecycle.json")["by_entry_bar_ohlc"]
    assert len(cases) >= 8
    for case in cases:
        life, expected = live_through(terms_of(case), bar_of(case)), case["expect"]
        assert (life.state, life.ambiguous) == (expected["outcome"], expected["ambiguous"]), case["id"]
        assert expected["fill"] == price_of(life.fill, case["tick"]), case["id"]


LONG = SetupTerms(side=1, trigger=108, far_side=90, magnitude=115)
SHORT = SetupTerms(side=-1, trigger=90, far_side=108)


def test_target_and_far_side_in_one_bar_count_as_failed_and_ambiguous() -> None:
    life = live_through(LONG, Ohlc(104, 116, 89, 100))
    assert (life.state, life.fill, life.ambiguous) == (LifeState.FAILED, 109, True)


def test_after_a_gap_entry_only_the_order_of_target_and_far_side_can_be_unknown() -> None:
    assert live_through(LONG, Ohlc(110, 116, 89, 100)).ambiguous
    assert not live_through(LONG, Ohlc(110, 114, 89, 100)).ambiguous


def test_a_target_in_the_bar_of_the_trigger_is_hit() -> None:
    life = live_through(LONG, Ohlc(104, 115, 90, 100))
    assert (life.state, life.fill, life.ambiguous) == (LifeState.TARGET_HIT, 109, False)


def test_finer_bars_decide_what_the_bar_alone_leaves_open() -> None:
    entry = Ohlc(104, 112, 89, 91)
    up_first = [Ohlc(104, 112, 104, 110), Ohlc(110, 110, 89, 91)]
    down_first = [Ohlc(104, 105, 89, 104), Ohlc(104, 112, 91, 91)]
    told = [live_through(LONG, entry, finer) for finer in (up_first, down_first)]
    assert [(life.state, life.fill, life.ambiguous) for life in told] == [
        (LifeState.FAILED, 109, False),
        (LifeState.CANCELLED, None, False),
    ]


def test_finer_bars_that_do_not_show_the_whole_bar_are_not_believed() -> None:
    partial = [Ohlc(104, 112, 104, 110), Ohlc(110, 110, 95, 96)]
    assert live_through(LONG, Ohlc(104, 112, 89, 91), partial).ambiguous


def test_an_opening_too_far_beyond_the_trigger_voids() -> None:
    limited = SetupTerms(1, 108, 90, 115, max_gap=2)
    assert live_through(limited, Ohlc(110, 112, 109, 111)).state is LifeState.CLOSED_IN_FORCE
    assert live_through(limited, Ohlc(111, 112, 109, 111)).state is LifeState.VOID_GAP


def test_a_jump_beyond_the_target_inside_the_bar_does_not_void() -> None:
    life = SetupLife(LONG)
    assert [life.see(price) for price in (104, 116)] == [LifeState.ARMED, LifeState.TARGET_HIT]


def test_nothing_follows_the_close_of_the_bar() -> None:
    life = SetupLife(LONG)
    assert life.close() is LifeState.EXPIRED
    assert life.see(120) is LifeState.EXPIRED
    assert life.fill is None


@pytest.mark.parametrize(("opened", "expected"), [(106, ("FAILED", "CANCELLED")), (92, ("CANCELLED", "FAILED"))])
def test_a_bar_that_takes_both_legs_is_one_entry_on_the_side_nearer_to_the_open(
    opened: int, expected: tuple[str, str]
) -> None:
    legs = TwoLegs(SetupLife(LONG), SetupLife(SHORT))
    legs.see_bar(Ohlc(opened, 112, 89, 100))
    assert (legs.long.state, legs.short.state) == expected
    assert (legs.long.fill is None) != (legs.short.fill is None)


terms = st.builds(
    lambda side, trigger, width, reward, gap: SetupTerms(
        side, trigger, trigger - side * width, None if reward is None else trigger + side * reward, gap
    ),
    st.sampled_from([1, -1]), st.integers(95, 105), st.integers(1, 6),
    st.none() | st.integers(1, 5), st.none() | st.integers(0, 4),
)  # fmt: skip
paths = st.lists(st.integers(88, 112), min_size=1, max_size=12)


def as_bar(prices: list[int]) -> Ohlc:
    return Ohlc(prices[0], max(prices), min(prices), prices[-1])


def outcome(life: SetupLife) -> tuple[LifeState, int | None, bool]:
    return life.state, life.fill, life.ambiguous


@given(terms, paths)
def test_a_price_is_a_bar_without_a_range(setup: SetupTerms, prices: list[int]) -> None:
    by_price, by_bar = SetupLife(setup), SetupLife(setup)
    for price in prices:
        assert by_price.see(price) == by_bar.see_bar(as_bar([price]))
    assert outcome(by_price) == outcome(by_bar)


@given(terms, paths, st.integers(1, 4))
def test_prices_in_finer_bars_end_like_the_path_or_are_marked_ambiguous(
    setup: SetupTerms, prices: list[int], size: int
) -> None:
    by_price, by_bar = SetupLife(setup), SetupLife(setup)
    for price in prices:
        by_price.see(price)
    for first in range(0, len(prices), size):
        by_bar.see_bar(as_bar(prices[first : first + size]))
    by_price.close(), by_bar.close()
    assert by_bar.ambiguous or by_bar.state == by_price.state
    assert (by_bar.fill is None) == (by_price.fill is None) or by_bar.ambiguous


@given(terms, paths)
def test_the_whole_bar_never_flatters_its_path(setup: SetupTerms, prices: list[int]) -> None:
    life = SetupLife(setup)
    for price in prices:
        life.see(price)
    life.close()
    whole = live_through(setup, as_bar(prices))
    assert whole.state == life.state or (whole.state is LifeState.FAILED and whole.ambiguous)
    if whole.fill is not None and life.fill is not None and whole.fill != life.fill:
        assert whole.fill == setup.trigger + setup.side  # the bar cannot know the jump


@given(st.lists(st.tuples(terms, paths), min_size=1, max_size=20), st.none() | st.integers(0, 4))
def test_the_columns_say_what_the_state_machine_says(
    setups: list[tuple[SetupTerms, list[int]]], max_gap: int | None
) -> None:
    bars = [as_bar(prices) for _, prices in setups]
    columns = TermColumns(
        *(np.array([getattr(setup, name) for setup, _ in setups]) for name in ("side", "trigger", "far_side")),
        np.array([setup.magnitude or 0 for setup, _ in setups]),
        np.array([setup.magnitude is not None for setup, _ in setups]),
    )
    entries = EntryColumns(
        *(np.array([getattr(bar, name) for bar in bars]) for name in ("open", "high", "low", "close"))
    )
    found = lives(columns, entries, max_gap)
    for index in range(len(setups)):
        life = live_through(columns.at(index, max_gap), entries.at(index))
        assert STATES[found.state[index]] is life.state
        assert (int(found.fill[index]) if found.has_fill[index] else None) == life.fill
        assert bool(found.ambiguous[index]) == life.ambiguous
