"""Bars of higher timeframes while they form: the definition, the feed and the columns tell the same, and no future."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.errors import DataError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.forming import forming_columns
from atlas_core.marketdata.grid import BucketGrid
from atlas_core.marketdata.history import MarketData, PastMarket
from atlas_core.marketdata.live import LiveMarket
from atlas_core.marketdata.resample import resample
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars, FormingBar, FormingColumns, bars_of_rows
from atlas_core.model.instrument import Instrument
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import DAY, MINUTE, Timeframe, parse_timeframe

M1, M5, M15, H1, D1, W1 = (parse_timeframe(text) for text in ("1m", "5m", "15m", "1h", "1d", "1w"))
UTC, US = grid_of(TradingSession.ALWAYS), grid_of(TradingSession.US_EQUITIES)
MIDNIGHT = 19_800 * DAY  # a Monday in March 2024
OPENING = MIDNIGHT + (13 * 60 + 30) * MINUTE
ONE = {"X": Instrument("X")}


def walk(minutes: list[int], seed: int, start: int, invalid: frozenset[int] = frozenset()) -> Bars:
    random = np.random.default_rng(seed)
    close = 100 + random.normal(size=len(minutes)).cumsum()
    open_ = close + random.normal(size=len(minutes))
    high, low = (
        np.maximum(open_, close) + random.random(len(minutes)),
        np.minimum(open_, close) - random.random(len(minutes)),
    )
    for row in invalid:
        if row < len(minutes):
            close[row] = nan
    opened = start + np.array(minutes, dtype=np.int64) * MINUTE
    return Bars("X", M1, opened, opened + MINUTE, open_, high, low, close, random.random(len(minutes)))


@st.composite
def tapes(draw: st.DrawFn) -> tuple[Bars, BucketGrid]:
    """Minutes of some days on one of the grids, with holes and with rows that are no bars."""
    grid = draw(st.sampled_from([UTC, US]))
    days = draw(st.integers(1, 9))
    span = st.tuples(st.integers(0, days), st.integers(0, 389)).map(lambda place: place[0] * 1440 + place[1])
    minutes = draw(st.lists(span, min_size=1, max_size=120, unique=True).map(sorted))
    bars = walk(minutes, draw(st.integers(0, 2**32)), OPENING, draw(st.frozensets(st.integers(0, 119), max_size=6)))
    return grid.fitted(bars), grid


def by_definition(bars: Bars, timeframe: Timeframe, grid: BucketGrid) -> FormingBar | None:
    """The bar of the last valid row, in plain Python."""
    valid = np.flatnonzero(bars.valid()).tolist()
    if not valid:
        return None
    buckets: dict[int, list[int]] = {}
    for row in valid:
        buckets.setdefault(grid.start(timeframe, int(bars.opened_at[row])), []).append(row)
    begins = int(bars.opened_at[0])
    *before, (start, rows) = buckets.items()
    if start < begins:
        return None
    volume = 0.0
    for row in rows:
        volume += float(bars.volume[row])
    previous = [place for at, place in before[-1:] if at >= begins]
    return FormingBar(
        "X", timeframe, start, grid.end(timeframe, start),
        float(bars.open[rows[0]]), max(bars.high[rows]), min(bars.low[rows]), float(bars.close[rows[-1]]), volume,
        max(bars.high[previous[0]]) if previous else None, min(bars.low[previous[0]]) if previous else None,
    )  # fmt: skip


def row_of(columns: FormingColumns, row: int) -> tuple[float, ...] | None:
    values = tuple(column[row].item() for column in columns)
    return None if isnan(values[2]) else values


def rows(bars: Bars) -> Iterator[tuple[int, int, float, float, float, float, float]]:
    columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
    yield from zip(*(column.tolist() for column in columns), strict=True)


FRAMES = st.sampled_from([M5, M15, H1, D1, W1])


@settings(max_examples=60)
@given(tapes(), FRAMES)
def test_feed_history_and_columns_tell_what_the_definition_says(
    tape: tuple[Bars, BucketGrid], frame: Timeframe
) -> None:
    bars, grid = tape
    feed, market = BarFeed("X", M1, grid=grid), MarketData({"X": bars}, ONE, {"X": grid})
    past, columns = PastMarket(market), forming_columns(bars, frame, grid)
    for count, row in enumerate(rows(bars), start=1):
        feed.append(*row)
        expected = by_definition(bars.between(0, count), frame, grid)
        assert feed.forming(frame) == expected
        past.advance(row[1])
        assert past.forming("X", frame.text) == expected
        has_own_bucket = expected is not None and expected.opened_at == int(columns.opened_at[count - 1])
        assert row_of(columns, count - 1) == (expected[2:9] if expected is not None and has_own_bucket else None)


@settings(max_examples=40)
@given(tapes(), FRAMES, st.data())
def test_cutting_the_future_changes_no_row(
    tape: tuple[Bars, BucketGrid], frame: Timeframe, data: st.DataObject
) -> None:
    bars, grid = tape
    count = data.draw(st.integers(0, len(bars)))
    whole, part = forming_columns(bars, frame, grid), forming_columns(bars.between(0, count), frame, grid)
    for mine, theirs in zip(whole, part, strict=True):
        assert np.array_equal(mine[:count], theirs, equal_nan=mine.dtype == np.float64)


@settings(max_examples=30)
@given(tapes(), st.sampled_from([H1, D1]), st.integers(1, 30))
def test_a_window_knows_what_formed_before_it(tape: tuple[Bars, BucketGrid], frame: Timeframe, length: int) -> None:
    bars, grid = tape
    feed = BarFeed("X", M1, grid=grid)
    for row in rows(bars):
        feed.append(*row)
    window = LiveMarket({"X": feed}, ONE, {"1m": length})
    shown, whole = window.forming("X", "1m", frame.text), forming_columns(bars, frame, grid)
    for mine, theirs in zip(shown, whole, strict=True):
        assert np.array_equal(mine, theirs[-length:], equal_nan=mine.dtype == np.float64)


@settings(max_examples=30)
@given(tapes(), st.sampled_from([M15, H1, D1]))
def test_the_last_row_of_a_bucket_is_the_bar_that_it_becomes(tape: tuple[Bars, BucketGrid], frame: Timeframe) -> None:
    bars, grid = tape
    valid = bars.take(bars.valid())
    made, columns = resample(valid, frame, grid), forming_columns(valid, frame, grid)
    lasts = np.searchsorted(columns.opened_at, made.opened_at, side="right") - 1
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(made, name), getattr(columns, name)[lasts])
    assert made.volume == pytest.approx(columns.volume[lasts], rel=1e-12)  # added in pairs there, in order here


def test_a_bar_that_the_data_begin_inside_is_not_known() -> None:
    bars = walk(list(range(7, 40)), 1, MIDNIGHT)
    columns = forming_columns(bars, M15, UTC)
    assert np.isnan(columns.open).tolist() == [True] * 8 + [False] * 25
    feed = BarFeed("X", M1)
    for row in rows(bars.between(0, 8)):
        feed.append(*row)
    assert feed.forming(M15) is None


def test_nothing_forms_without_bars() -> None:
    empty = bars_of_rows("X", M1, [])
    assert [len(column) for column in forming_columns(empty, H1, UTC)] == [0] * 7
    assert BarFeed("X", M1).forming(H1) is None
    assert PastMarket(MarketData({"X": empty}, ONE)).forming("X", "1h") is None


def test_what_the_base_cannot_make_is_refused() -> None:
    bars = bars_of_rows("X", M5, [(MIDNIGHT, 1.0, 1.0, 1.0, 1.0, 1.0)])
    with pytest.raises(DataError, match="expected a timeframe that is a multiple of 5m, was 1m"):
        forming_columns(bars, M1, UTC)
    with pytest.raises(DataError, match="expected a timeframe that is a multiple of 5m, was 1m"):
        BarFeed("X", M5).forming(M1)


def quarter_hours() -> PastMarket:
    """Two quarters of an hour, 10 to 19 and 20 to 25 by the minute from 12:00, at 12:15."""
    flat = [(MIDNIGHT + n * MINUTE, 10.0 + n, 10.0 + n, 10.0 + n, 10.0 + n, 1.0) for n in range(15)]
    market = PastMarket(MarketData({"X": bars_of_rows("X", M1, flat)}, ONE))
    market.advance(MIDNIGHT + 14 * MINUTE)
    market.see("X", Decimal(24))
    market.advance(MIDNIGHT + 15 * MINUTE)
    market.see("X", Decimal(24), is_close=True)
    return market


def test_a_complete_bar_stays_the_current_one_until_the_next_trade() -> None:
    market = quarter_hours()
    done = market.forming("X", "15m")
    assert done is not None
    assert (done.opened_at, done.ends_at, done.open, done.close) == (MIDNIGHT, market.now, 10.0, 24.0)
    market.see("X", Decimal(30))
    begun = market.forming("X", "15m")
    assert begun is not None
    assert begun[2:] == (market.now, market.now + 15 * MINUTE, 30.0, 30.0, 30.0, 30.0, 0.0, 24.0, 10.0)


def test_prices_inside_a_base_bar_move_the_forming_bar_at_once() -> None:
    market = quarter_hours()
    for price in (30, 33, 28):
        market.see("X", Decimal(price))
    hour = market.forming("X", "1h")
    assert hour is not None
    assert (hour.open, hour.high, hour.low, hour.close) == (10.0, 33.0, 10.0, 28.0)


def test_inside_a_bar_nothing_is_known_but_its_first_price_and_the_touch() -> None:
    flat = [(MIDNIGHT + n * MINUTE, 10.0, 10.0, 10.0, 10.0, 1.0) for n in range(15)]
    wild = (MIDNIGHT + 15 * MINUTE, 12.0, 99.0, 1.0, 50.0, 1.0)
    market = PastMarket(MarketData({"X": bars_of_rows("X", M1, [*flat, wild])}, ONE))
    market.advance(MIDNIGHT + 15 * MINUTE)
    market.see("X", Decimal(12))
    market.advance(MIDNIGHT + 16 * MINUTE)
    inside = market.glimpse(MIDNIGHT + 15 * MINUTE, "X", Decimal(14))
    quarter, hour = inside.forming("X", "15m"), inside.forming("X", "1h")
    assert quarter is not None
    assert hour is not None
    assert quarter[2:] == (MIDNIGHT + 15 * MINUTE, MIDNIGHT + 30 * MINUTE, 12.0, 14.0, 12.0, 14.0, 0.0, 10.0, 10.0)
    assert (hour.high, hour.low, hour.close) == (14.0, 10.0, 14.0)


def test_what_was_told_is_not_grown_further() -> None:
    bars = walk(list(range(40)), 3, MIDNIGHT)
    market = MarketData({"X": bars}, ONE)
    first = market.formed_until("X", "1h", int(bars.available_at[20]))
    first.note(int(bars.opened_at[21]), 1e9)
    again = market.formed_until("X", "1h", int(bars.available_at[20]))
    assert again.high == bars.high[:21].max()


@pytest.mark.parametrize("step", [7, 17, 60, 500])
@pytest.mark.parametrize("timeframe", ["15m", "1h", "1d"])
def test_a_current_bar_that_is_read_in_leaps_is_the_one_that_is_read_bar_by_bar(step: int, timeframe: str) -> None:
    minutes = np.flatnonzero(np.random.default_rng(step).random(3_000) < 0.6).tolist()
    bars = walk(minutes, step, MIDNIGHT)
    leaping, walking = MarketData({"X": bars}, ONE), MarketData({"X": bars}, ONE)
    for row, at in enumerate(bars.available_at.tolist()):
        walked = walking.formed_until("X", timeframe, at)
        if row % step == 0:
            assert leaping.formed_until("X", timeframe, at).bar("X") == walked.bar("X")
