from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.errors import DataError
from atlas_core.marketdata.feed import FIRST_CAPACITY, BarFeed
from atlas_core.marketdata.resample import resample
from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import DAY, MINUTE, parse_timeframe

M1, M5, M15, H1, D1, W1 = (parse_timeframe(text) for text in ("1m", "5m", "15m", "1h", "1d", "1w"))
START = 40 * DAY


def random_bars(minutes: list[int], seed: int, invalid: frozenset[int] = frozenset()) -> Bars:
    random = np.random.default_rng(seed)
    close = 100 + random.normal(size=len(minutes)).cumsum()
    open_ = close + random.normal(size=len(minutes))
    high = np.maximum(open_, close) + random.random(len(minutes))
    low = np.minimum(open_, close) - random.random(len(minutes))
    close[[row for row in invalid if row < len(minutes)]] = np.nan
    opened = START + np.array(minutes, dtype=np.int64) * MINUTE
    return Bars("X", M1, opened, opened + MINUTE, open_, high, low, close, random.random(len(minutes)))


def rows(bars: Bars) -> list[tuple[Any, ...]]:
    columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def same(left: Bars, right: Bars) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=name not in ("opened_at", "available_at"))
        for name in ("opened_at", "available_at", "open", "high", "low", "close", "volume")
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=120, unique=True).map(sorted),
    st.integers(0, 2**32),
    st.frozensets(st.integers(0, 119), max_size=5),
)
def test_at_every_step_the_feed_equals_the_batch(minutes: list[int], seed: int, invalid: frozenset[int]) -> None:
    bars, feed = random_bars(minutes, seed, invalid), BarFeed("X", M1)
    for count, row in enumerate(rows(bars), start=1):
        feed.append(*row)
        so_far = bars.between(0, count)
        for timeframe in (M1, M5, M15, H1, D1):
            assert same(feed.bars(timeframe), resample(so_far, timeframe))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1500), st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_when_the_feed_is_asked_makes_no_difference(begins: int, asked_after: list[int]) -> None:
    bars, feed = random_bars(list(range(begins, begins + 600)), 3), BarFeed("X", M1)
    for count, row in enumerate(rows(bars), start=1):
        feed.append(*row)
        if count in asked_after:
            assert same(feed.bars(M15), resample(bars.between(0, count), M15))
    assert same(feed.bars(M15), resample(bars, M15))
    assert same(feed.bars(H1), resample(bars, H1))


def test_a_view_stays_true_while_the_feed_grows_beyond_its_capacity() -> None:
    bars, feed = random_bars(list(range(3 * FIRST_CAPACITY)), 5), BarFeed("X", M1)
    for row in rows(bars)[:200]:
        feed.append(*row)
    early, early_hours = feed.bars(M1), feed.bars(H1)
    for row in rows(bars)[200:]:
        feed.append(*row)
    assert len(feed) == 3 * FIRST_CAPACITY
    assert same(early, bars.between(0, 200))
    assert same(early_hours, resample(bars.between(0, 200), H1))
    assert same(feed.bars(M1), bars)


def test_the_last_bars_are_the_end_of_all_of_them() -> None:
    bars, feed = random_bars(list(range(100)), 6), BarFeed("X", M1)
    for row in rows(bars):
        feed.append(*row)
    assert same(feed.bars(M1, last=7), bars.between(93, 100))
    assert len(feed.bars(M5, last=500)) == 20
    assert len(feed.bars(M5, last=3)) == 3
    assert len(feed.bars(M5)) == 20


def test_an_unchanged_timeframe_is_the_same_object() -> None:
    feed = BarFeed("X", M1)
    for row in rows(random_bars(list(range(31)), 7)):
        feed.append(*row)
    before = feed.bars(M15)
    feed.append(START + 31 * MINUTE, START + 32 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert feed.bars(M15) is before


def test_time_alone_can_close_a_bucket_whose_last_bars_never_came() -> None:
    feed = BarFeed("X", M1)
    for row in rows(random_bars(list(range(13)), 8)):
        feed.append(*row)
    assert len(feed.bars(M15)) == 0
    feed.close_until(START + 15 * MINUTE)
    assert feed.bars(M15).available_at.tolist() == [START + 15 * MINUTE]
    assert feed.now == START + 15 * MINUTE


def test_a_bar_that_comes_after_its_time_was_closed_is_refused() -> None:
    feed = BarFeed("X", M1)
    feed.append(START, START + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    feed.close_until(START + 15 * MINUTE)
    with pytest.raises(DataError, match="X 1m feed: expected a bar that opens at"):
        feed.append(START + MINUTE, START + 2 * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(("opened", "ended"), [(0, 1), (-1, 0), (1, 1), (5, 4)])
def test_a_bar_out_of_order_is_refused(opened: int, ended: int) -> None:
    feed = BarFeed("X", M1)
    feed.append(START, START + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(DataError):
        feed.append(START + opened * MINUTE, START + ended * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_a_timeframe_that_is_not_a_multiple_is_refused() -> None:
    with pytest.raises(DataError, match="multiple of 15m"):
        BarFeed("X", M15).bars(M5)


def test_an_empty_feed_has_no_bars() -> None:
    feed = BarFeed("X", M1)
    assert len(feed.bars(M1)) == len(feed.bars(W1)) == 0


def test_a_feed_that_forgets_shows_the_same_newest_bars_and_stays_small() -> None:
    bars, feed = random_bars(list(range(6_000)), 7), BarFeed("X", M1)
    feed.keep_last(300)
    for count, row in enumerate(rows(bars), start=1):
        feed.append(*row)
        if count % 97 and count < 5_990:
            continue
        so_far = bars.between(0, count)
        for timeframe in (M1, M5, H1):
            whole = resample(so_far, timeframe)
            assert same(feed.bars(timeframe, 4), whole.between(max(0, len(whole) - 4), len(whole)))
    assert 300 <= len(feed) <= 4 * 300
    assert feed._base.times.shape[1] <= 4 * 300


def test_bars_that_were_read_before_a_feed_forgot_them_stay_true() -> None:
    bars, feed = random_bars(list(range(3_000)), 7), BarFeed("X", M1)
    feed.keep_last(200)
    for row in rows(bars)[:500]:
        feed.append(*row)
    early = feed.bars(M1)
    for row in rows(bars)[500:]:
        feed.append(*row)
        feed.bars(M1)
    assert same(early, bars.between(500 - len(early), 500))
    assert same(feed.bars(M1), bars.between(3_000 - len(feed), 3_000))
