from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_core.marketdata.align import align
from atlas_core.marketdata.resample import resample
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.timeframe import MINUTE, Timeframe, parse_timeframe

M1, M5, H1 = (parse_timeframe(text) for text in ("1m", "5m", "1h"))


def bars_at(minutes: list[int], timeframe: Timeframe = M1) -> Bars:
    return bars_of_rows("X", timeframe, [(n * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for n in minutes])


def test_a_higher_bar_is_known_at_the_base_bar_that_closes_with_it_and_not_before() -> None:
    assert align(bars_at(list(range(11))), bars_at([0, 5], M5)).tolist() == [-1] * 4 + [0] * 5 + [1, 1]


def test_a_missing_last_minute_makes_the_higher_bar_known_at_the_next_base_bar() -> None:
    assert align(bars_at([3, 5, 6]), bars_at([0], M5)).tolist() == [-1, 0, 0]


def test_no_base_bars_give_no_indices() -> None:
    assert align(bars_at([]), bars_at([0, 5], M5)).tolist() == []


def test_no_higher_bars_give_minus_one() -> None:
    assert align(bars_at([0, 1]), bars_at([], M5)).tolist() == [-1, -1]


def test_bars_of_one_timeframe_know_themselves() -> None:
    bars = bars_at([0, 1, 2])
    assert align(bars, bars).tolist() == [0, 1, 2]


@given(st.lists(st.integers(0, 300), min_size=1, unique=True).map(sorted), st.sampled_from([M5, H1]))
def test_every_index_is_the_last_bar_that_was_available(minutes: list[int], timeframe: Timeframe) -> None:
    base = bars_at(minutes)
    higher = resample(base, timeframe)
    found = align(base, higher).tolist()
    assert found == [higher.count_available(int(now)) - 1 for now in base.available_at]
