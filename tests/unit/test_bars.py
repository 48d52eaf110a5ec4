from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import DataError
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import DAY, MINUTE, parse_timeframe

M1, MONTH = parse_timeframe("1m"), parse_timeframe("1M")
COLUMNS = ("opened_at", "available_at", "open", "high", "low", "close", "volume")


def bars(minutes: list[int], closes: list[float] | None = None, **changes: Any) -> Bars:
    closes = [1.0 + minute for minute in minutes] if closes is None else closes
    rows = [(m * MINUTE, c, c, c, c, 5.0) for m, c in zip(minutes, closes, strict=True)]
    return bars_of_rows("X", M1, rows, **changes)


@pytest.mark.parametrize("short", COLUMNS)
def test_columns_of_different_lengths_are_refused(short: str) -> None:
    columns: dict[str, Any] = {name: [1.0, 2.0, 3.0] for name in COLUMNS}
    columns |= {"opened_at": [0, 1, 2], "available_at": [1, 2, 3]}
    columns[short] = columns[short][:2]
    with pytest.raises(DataError, match=r"^X 1m bars: expected columns of one length, were \[2, 3\]"):
        Bars("X", M1, **columns)


@pytest.mark.parametrize("minutes", [[1, 0], [0, 1, 1], [0, 2, 1]])
def test_opening_times_that_do_not_increase_are_refused(minutes: list[int]) -> None:
    with pytest.raises(DataError, match=r"^X 1m bars: expected strictly increasing opening times"):
        bars(minutes)


def test_bars_that_become_known_in_another_order_than_they_opened_are_refused() -> None:
    with pytest.raises(DataError, match="X 1m bars"):
        Bars("X", M1, [0, 1, 2], [3, 2, 4], *[[1.0, 1.0, 1.0]] * 5)


def test_a_bar_that_was_known_before_it_opened_is_refused() -> None:
    with pytest.raises(DataError, match="X 1m bars"):
        Bars("X", M1, [10, 20], [5, 15], *[[1.0, 1.0]] * 5)


@pytest.mark.parametrize("name", COLUMNS)
def test_nobody_can_write_to_a_column(name: str) -> None:
    whole = bars([0, 1, 2])
    for column in (getattr(whole, name), getattr(whole.between(0, 2), name)):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 7
    with pytest.raises(FrozenInstanceError):
        setattr(whole, name, getattr(whole, name))


def test_the_givers_own_array_stays_writable() -> None:
    closes = np.array([1.0, 2.0])
    Bars("X", M1, [0, 1], [1, 2], *[closes] * 5)
    closes[0] = 3.0
    assert closes.tolist() == [3.0, 2.0]


def test_ticks_are_computed_once_for_each_column() -> None:
    whole = bars([0, 1], [1.0, 1.01])
    assert whole.ticks("close") is whole.ticks("close")
    assert whole.ticks("close") is not whole.ticks("open")
    with pytest.raises(ValueError, match="read-only"):
        whole.ticks("close")[0] = 7


def test_the_sums_before_each_row_tell_the_sum_of_any_window() -> None:
    whole = bars([0, 1, 2, 3], [1.0, 1.01, 1.02, 1.03])
    before = whole.ticks_before("close")
    assert before is whole.ticks_before("close")
    assert before.tolist() == [0, 100, 201, 303, 406]
    assert before[3] - before[1] == sum(whole.ticks("close")[1:3])


def test_ticks_of_a_part_are_those_of_its_own_rows() -> None:
    whole = bars([0, 1, 2], [1.0, 1.01, 1.02])
    assert whole.ticks("close").tolist() == [100, 101, 102]
    assert whole.between(1, 3).ticks("close").tolist() == [101, 102]


@given(
    st.sampled_from([Decimal(tick) for tick in ("0.00000001", "0.0001", "0.01", "0.05", "0.25", "1", "2.5")]),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
)
def test_ticks_are_exact_and_those_of_the_instrument(tick: Decimal, ticks: list[int]) -> None:
    instrument = Instrument("X", tick_size=tick)
    closes = [float(instrument.from_ticks(count)) for count in ticks]
    whole = bars(list(range(len(ticks))), closes, tick_size=tick)
    assert whole.ticks("close").tolist() == ticks
    assert whole.ticks("close").tolist() == [instrument.to_ticks(close) for close in closes]


def test_a_part_shares_the_memory_and_the_facts_of_the_whole() -> None:
    whole = bars([0, 1, 2, 3], tick_size=Decimal("0.5"))
    part = whole.between(1, 3)
    assert all(np.shares_memory(getattr(part, name), getattr(whole, name)) for name in COLUMNS)
    assert part.opened_at.tolist() == [MINUTE, 2 * MINUTE]
    assert (part.symbol, part.timeframe, part.tick_size) == ("X", M1, Decimal("0.5"))


@given(st.lists(st.integers(0, 60), unique=True, max_size=20).map(sorted), st.integers(-MINUTE, 62 * MINUTE))
def test_the_past_holds_every_bar_that_is_known_and_none_of_the_future(minutes: list[int], now: int) -> None:
    whole = bars(minutes)
    past = whole.until(now)
    assert len(past) == whole.count_available(now)
    assert past.available_at.tolist() == [ts for ts in whole.available_at.tolist() if ts <= now]
    assert np.shares_memory(past.close, whole.close) or not len(past)


def test_a_bar_is_known_from_its_end_on() -> None:
    whole = bars([0, 1])
    assert [whole.count_available(ts) for ts in (MINUTE - 1, MINUTE, 2 * MINUTE - 1, 2 * MINUTE)] == [0, 1, 1, 2]


def test_a_span_holds_the_bars_that_open_in_it_and_were_known_at_its_end() -> None:
    whole = bars([0, 1, 2, 5, 6])
    assert (whole.within(MINUTE, 6 * MINUTE).opened_at // MINUTE).tolist() == [1, 2, 5]
    assert (whole.within(None, 2 * MINUTE).opened_at // MINUTE).tolist() == [0, 1]
    assert (whole.within(3 * MINUTE, None).opened_at // MINUTE).tolist() == [5, 6]
    assert len(whole.within(5 * MINUTE, 2 * MINUTE)) == 0
    assert np.shares_memory(whole.within(MINUTE, None).close, whole.close)


def test_a_gap_is_marked_at_the_bar_after_it() -> None:
    assert bars([0, 1, 3, 4, 9]).gap_before.tolist() == [False, False, True, False, True]
    assert bars([5]).gap_before.tolist() == [False]
    assert bars([]).gap_before.tolist() == []


@pytest.mark.parametrize(
    ("row", "is_valid"),
    [
        ((2.0, 3.0, 1.0, 2.5), True),
        ((2.0, 2.0, 2.0, 2.0), True),
        ((2.0, 1.9, 1.0, 1.5), False),  # the open above the high
        ((2.0, 2.4, 1.0, 2.5), False),  # the close above the high
        ((2.0, 3.0, 2.1, 2.5), False),  # the open below the low
        ((2.0, 3.0, 1.0, 0.9), False),  # the close below the low
        ((np.nan, 3.0, 1.0, 2.5), False),
        ((2.0, np.nan, 1.0, 2.5), False),
        ((2.0, 3.0, np.nan, 2.5), False),
        ((2.0, 3.0, 1.0, np.nan), False),
        ((2.0, np.inf, 1.0, 2.5), False),
        ((2.0, 3.0, -np.inf, 2.5), False),
    ],
)
def test_a_row_is_a_bar_when_its_prices_are_finite_and_in_order(row: tuple[float, ...], is_valid: bool) -> None:
    good = (1.0, 1.0, 1.0, 1.0)
    both = bars_of_rows("X", M1, [(0, *row, 1.0), (MINUTE, *good, 1.0)])  # type: ignore[list-item]
    assert both.valid().tolist() == [is_valid, True]


def test_a_bar_without_a_known_volume_is_still_a_bar() -> None:
    assert bars_of_rows("X", M1, [(0, 1.0, 1.0, 1.0, 1.0, np.nan)]).valid().tolist() == [True]


def test_bars_of_rows_end_where_their_bucket_ends() -> None:
    february = bars_of_rows("X", MONTH, [(31 * DAY, 1.0, 4.0, 0.5, 2.0, 9.0)])
    assert february.available_at.tolist() == [59 * DAY]
    assert [column.tolist() for column in (*february.prices(), february.volume)] == [[1.0], [4.0], [0.5], [2.0], [9.0]]


def test_no_rows_make_no_bars() -> None:
    empty = bars([])
    assert len(empty) == len(empty.until(DAY)) == len(empty.valid()) == len(empty.ticks("close")) == 0


@given(st.lists(st.floats(-1e9, 1e9), max_size=20), st.sampled_from(["1", "0.01", "0.25"]))
def test_ticks_are_prices_rounded_half_to_even(prices: list[float], tick: str) -> None:
    bars = bars_of_rows("X", parse_timeframe("1m"), [(row * MINUTE, *[p] * 4, 1.0) for row, p in enumerate(prices)],
                        Decimal(tick))  # fmt: skip
    assert bars.ticks("close").tolist() == [round(price / float(tick)) for price in prices]


def test_prices_of_more_ticks_than_a_float_can_count_are_still_converted() -> None:
    bars = bars_of_rows("X", parse_timeframe("1m"), [(0, *[4e15] * 4, 1.0)], Decimal(1))
    assert bars.ticks("high").tolist() == [4_000_000_000_000_000]
