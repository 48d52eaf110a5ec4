"""The engine lets signals live and end as the plugin's state machine of a setup says, bar for bar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.model.decisions import Outcome
from atlas_core.model.records import SignalTriggered, VerdictReached
from atlas_core.model.timeframe import MINUTE
from atlas_strat.lifecycle import LifeState, Ohlc, SetupLife, SetupTerms, TwoLegs
from tests.engine_bench import Bench

TICK = 0.1
BARS_OF_LIFE = 6
ENDED = {
    Outcome.VOID_GAP: LifeState.VOID_GAP,
    Outcome.INVALIDATED: LifeState.CANCELLED,
    Outcome.EXPIRED: LifeState.EXPIRED,
}


def arm(bench: Bench, terms: SetupTerms) -> None:
    """Let the scanner find a setup whose entry bar is the next minutes."""
    levels = {"trigger": terms.trigger, "stop": terms.far_side, "target": terms.magnitude}
    levels |= {"cancel_beyond": terms.far_side, "void_beyond": void_level(terms)}
    prices = {name: ticks * TICK for name, ticks in levels.items() if ticks is not None}
    bench.signal(terms.side, entry="stop", valid_until=bench.now + BARS_OF_LIFE * MINUTE, **prices)


def void_level(terms: SetupTerms) -> int | None:
    """The level that the scanner writes for the two reasons to void."""
    levels = [] if terms.magnitude is None else [terms.side * terms.magnitude]
    if terms.max_gap is not None:
        levels.append(terms.side * terms.trigger + terms.max_gap + 1)
    return terms.side * min(levels) if levels else None


def feed(bench: Bench, bars: list[Ohlc]) -> None:
    for bar in bars:
        bench.bar(*(ticks * TICK for ticks in (bar.open, bar.high, bar.low, bar.close)))


def told_by_engine(bench: Bench) -> dict[str, tuple[LifeState | None, int | None]]:
    """Say of each signal how it ended before a trigger, or at which price it was triggered (in ticks)."""
    told: dict[str, tuple[LifeState | None, int | None]] = {}
    for record in bench.of(SignalTriggered, VerdictReached):
        if isinstance(record, SignalTriggered):
            told[record.key] = (None, round(float(record.price) / TICK))
        elif isinstance(record, VerdictReached):
            told.setdefault(record.key, (ENDED.get(record.outcome), None))
    return told


def told_by(life: SetupLife) -> tuple[LifeState | None, int | None]:
    return (life.state, None) if life.fill is None else (None, life.fill)


bars = st.builds(
    lambda opened, closed, above, below: Ohlc(opened, max(opened, closed) + above, min(opened, closed) - below, closed),
    *[st.integers(985, 1015)] * 2, *[st.integers(0, 8)] * 2,
)  # fmt: skip
terms = st.builds(
    lambda side, trigger, width, reward, gap: SetupTerms(
        side, trigger, trigger - side * width, None if reward is None else trigger + side * reward, gap
    ),
    st.sampled_from([1, -1]), st.integers(995, 1005), st.integers(2, 12),
    st.none() | st.integers(1, 10), st.none() | st.integers(0, 6),
)  # fmt: skip


@given(terms, st.lists(bars, min_size=BARS_OF_LIFE, max_size=BARS_OF_LIFE))
def test_a_signal_ends_or_triggers_where_the_state_machine_says(setup: SetupTerms, minutes: list[Ohlc]) -> None:
    bench, life = Bench(), SetupLife(setup)
    bench.flat(100.0)
    arm(bench, setup)
    feed(bench, minutes)
    for bar in minutes:
        life.see_bar(bar)
    life.close()
    assert list(told_by_engine(bench).values()) == [told_by(life)]


@given(
    st.integers(996, 1004), st.integers(1, 8), st.none() | st.integers(1, 10), st.none() | st.integers(1, 10),
    st.lists(bars, min_size=BARS_OF_LIFE, max_size=BARS_OF_LIFE),
)  # fmt: skip
def test_both_sides_of_a_setup_bar_are_the_legs_of_one_setup(
    low: int, width: int, reward_up: int | None, reward_down: int | None, minutes: list[Ohlc]
) -> None:
    high = low + width
    up = SetupTerms(1, high, low, None if reward_up is None else high + reward_up)
    down = SetupTerms(-1, low, high, None if reward_down is None else low - reward_down)
    bench, legs = Bench(), TwoLegs(SetupLife(up), SetupLife(down))
    bench.flat(100.0)
    arm(bench, up)
    arm(bench, down)
    feed(bench, minutes)
    for bar in minutes:
        legs.see_bar(bar)
    legs.close()
    assert sorted(told_by_engine(bench).values(), key=str) == sorted(map(told_by, (legs.long, legs.short)), key=str)
    assert len(bench.of(SignalTriggered)) <= 1


@pytest.mark.parametrize(("opened", "side"), [(1003, 1), (997, -1)])
def test_a_minute_that_takes_both_legs_is_one_entry_on_the_side_nearer_to_its_open(opened: int, side: int) -> None:
    bench = Bench()
    bench.flat(100.0)
    arm(bench, SetupTerms(1, 1005, 995))
    arm(bench, SetupTerms(-1, 995, 1005))
    feed(bench, [Ohlc(opened, 1006, 994, 1000)])
    (triggered,) = bench.of(SignalTriggered)
    assert isinstance(triggered, SignalTriggered)
    assert float(triggered.price) == pytest.approx((1006 if side > 0 else 994) * TICK)
    ended = [record for record in bench.of(VerdictReached) if isinstance(record, VerdictReached)]
    assert "the other leg was taken first" in {record.reason for record in ended}


def test_a_jump_beyond_the_target_inside_the_bar_triggers_and_is_refused_because_nothing_is_left() -> None:
    bench = Bench()
    bench.flat(100.0)
    arm(bench, SetupTerms(1, 1005, 990, 1010))
    feed(bench, [Ohlc(1000, 1001, 999, 1000), Ohlc(1012, 1013, 1011, 1012)])
    verdict = bench.one(VerdictReached)
    assert isinstance(verdict, VerdictReached)
    assert (verdict.outcome, verdict.by) == (Outcome.REFUSED, "limit geometry")
