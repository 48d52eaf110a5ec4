from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.clock import from_datetime
from atlas_core.errors import DataError
from atlas_core.marketdata.gaps import Gap, find_gaps
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.marketdata.resample import all_valid, resample
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars, bars_of_rows
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import HOUR, MINUTE, Timeframe, parse_timeframe
from tests.shared import shared_file

M1, M5, M15, H1, H4, D1, W1, MONTH = (
    parse_timeframe(text) for text in ["1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M"]
)
Row = tuple[int, int, float, float, float, float, float]
MIDNIGHT = from_datetime(datetime(2024, 1, 31, tzinfo=UTC))


def moment(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def minute_bars(minutes: list[int], start: int = MIDNIGHT, timeframe: Timeframe = M1) -> Bars:
    """Bars at the given places of the grid, every price and volume different."""
    step = timeframe.duration
    rows = [(start + n * step, 100.0 + n, 101.5 + n * 1.1, 99.0 - n * 0.7, 100.5 + n, 1 + n / 7) for n in minutes]
    return bars_of_rows("BTC/USD", timeframe, rows)


def same(left: Bars, right: Bars) -> bool:
    mine = (left.opened_at, left.available_at, *left.prices(), left.volume)
    theirs = (right.opened_at, right.available_at, *right.prices(), right.volume)
    return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def naive(bars: Bars, timeframe: Timeframe) -> list[Row]:
    """The definition, bucket by bucket in plain Python."""
    buckets: dict[int, list[int]] = defaultdict(list)
    valid = bars.valid()
    for row, opened in enumerate(bars.opened_at.tolist()):
        if valid[row]:
            buckets[timeframe.bucket_start(opened)].append(row)
    begins, until = int(bars.opened_at[0]), int(bars.available_at[-1])
    found = []
    for start, rows in sorted(buckets.items()):
        end = timeframe.bucket_end(start)
        if end <= until and start >= begins:
            high, low = max(bars.high[rows]), min(bars.low[rows])
            volume = sum(bars.volume[rows])
            found.append((start, end, bars.open[rows[0]], high, low, bars.close[rows[-1]], volume))
    return found


def rows_of(bars: Bars) -> list[Row]:
    columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def assert_equal_rows(mine: list[Row], theirs: list[Row]) -> None:
    """Times exactly, figures up to the order in which a volume is summed."""
    assert [row[:2] for row in mine] == [row[:2] for row in theirs]
    assert [row[2:] for row in mine] == [pytest.approx(row[2:], rel=1e-9, abs=1e-6) for row in theirs]


def test_a_bucket_takes_first_open_highest_high_lowest_low_last_close_and_the_sum_of_volume() -> None:
    made = resample(minute_bars(list(range(5))), M5)
    assert rows_of(made) == [
        (MIDNIGHT, MIDNIGHT + 5 * MINUTE, 100.0, 101.5 + 4 * 1.1, 99.0 - 4 * 0.7, 104.5, pytest.approx(5 + 10 / 7))
    ]


def test_the_same_timeframe_is_the_same_object() -> None:
    bars = minute_bars([0, 1, 2])
    assert resample(bars, M1) is bars


def test_no_bars_give_no_bars() -> None:
    assert len(resample(minute_bars([]), H1)) == 0


def test_a_timeframe_that_is_not_a_multiple_is_refused() -> None:
    with pytest.raises(DataError, match="BTC/USD: expected a timeframe that is a multiple of 15m, was 1m"):
        resample(minute_bars([0], timeframe=M15), M1)


def test_a_base_bar_across_two_buckets_is_refused_because_it_would_leak_the_future() -> None:
    shifted = minute_bars(list(range(60)), start=MIDNIGHT + MINUTE // 2)
    crossing = Bars("X", M1, shifted.opened_at, shifted.opened_at + MINUTE, *shifted.prices(), shifted.volume)
    with pytest.raises(DataError, match="inside one bucket"):
        resample(crossing, M15)


def test_weeks_begin_on_monday_and_not_on_the_thursday_of_1970() -> None:
    days = minute_bars(list(range(30)), start=moment("2023-12-31"), timeframe=D1)
    assert resample(days, W1).opened_at.tolist() == [moment(f"2024-01-{day:02}") for day in (1, 8, 15, 22)]


def test_seven_day_bars_do_not_make_weeks() -> None:
    seven_days = minute_bars([0, 1, 2], start=0, timeframe=parse_timeframe("7d"))
    with pytest.raises(DataError):
        resample(seven_days, W1)


def test_months_follow_the_calendar_over_leap_years_and_year_ends() -> None:
    hours = minute_bars(list(range(400 * 6)), start=moment("2023-11-01"), timeframe=H4)
    made = resample(hours, MONTH)
    starts = [MONTH.bucket_start(ts) for ts in made.opened_at.tolist()]
    assert made.opened_at.tolist() == starts
    assert starts[:4] == [moment(text) for text in ("2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01")]
    assert made.available_at.tolist()[3] == moment("2024-03-01")
    assert_equal_rows(rows_of(made), naive(hours, MONTH))


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_several_months_sit_where_the_timeframe_says(count: int) -> None:
    timeframe = parse_timeframe(f"{count}M")
    starts, ends = UTC_GRID.buckets(timeframe, moment("1969-02-03"), moment("2031-05-06"))
    assert starts.tolist() == [timeframe.bucket_start(ts) for ts in starts.tolist()]
    assert ends.tolist() == [timeframe.bucket_end(ts) for ts in starts.tolist()]


def test_the_first_period_is_dropped_when_the_data_begin_inside_it() -> None:
    assert resample(minute_bars(list(range(7, 60))), M15).opened_at.tolist() == [
        MIDNIGHT + k * 15 * MINUTE for k in (1, 2, 3)
    ]


def test_the_last_bucket_waits_for_its_end() -> None:
    assert len(resample(minute_bars(list(range(29))), M15)) == 1
    assert len(resample(minute_bars(list(range(30))), M15)) == 2


def test_a_missing_last_minute_is_settled_by_the_next_bar() -> None:
    known = resample(minute_bars([*range(14), 16]), M15)
    assert rows_of(known)[0][1] == MIDNIGHT + 15 * MINUTE
    assert len(resample(minute_bars(list(range(14))), M15)) == 0


def test_a_bucket_without_bars_does_not_exist() -> None:
    made = resample(minute_bars([*range(15), *range(45, 60)]), M15)
    assert made.opened_at.tolist() == [MIDNIGHT, MIDNIGHT + 45 * MINUTE]
    assert made.gap_before.tolist() == [False, True]


def with_prices(bars: Bars, row: int, **changed: float) -> Bars:
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for name, value in changed.items():
        columns[name][row] = value
    return Bars(bars.symbol, bars.timeframe, bars.opened_at, bars.available_at, **columns)


@pytest.mark.parametrize("changed", [{"high": np.nan}, {"open": np.nan}, {"high": np.inf}, {"low": 1e6}])
def test_an_invalid_row_is_left_out_and_poisons_nothing(changed: dict[str, float]) -> None:
    bars = minute_bars(list(range(30)))
    dirty, without = with_prices(bars, 14, **changed), minute_bars([n for n in range(30) if n != 14])
    assert not all_valid(dirty)
    assert same(resample(dirty, M15), resample(without, M15))


def test_a_bucket_of_invalid_rows_does_not_exist() -> None:
    bars = minute_bars(list(range(45)))
    for row in range(15, 30):
        bars = with_prices(bars, row, close=np.nan)
    assert resample(bars, M15).opened_at.tolist() == [MIDNIGHT, MIDNIGHT + 30 * MINUTE]


def test_a_range_too_long_for_float_arithmetic_loses_no_bucket() -> None:
    starts, ends = UTC_GRID.buckets(M15, 0, 999_989 * MINUTE)
    assert starts[-1] == 999_975 * MINUTE
    assert len(starts) == len(ends) == 66_666


def test_a_session_calendar_takes_the_place_of_utc() -> None:
    opening = moment("2024-01-02") + 14 * HOUR + 30 * MINUTE  # 09:30 in New York
    two_days = [day * 1440 + minute for day in range(2) for minute in range(390)]
    made = resample(minute_bars(two_days, start=opening), H1, grid_of(TradingSession.US_EQUITIES))
    lengths = ((made.available_at - made.opened_at) // MINUTE).tolist()
    assert lengths == [60, 60, 60, 60, 60, 60, 30] * 2
    assert made.open.tolist() == [100.0 + n for day in (0, 1440) for n in range(day, day + 390, 60)]


BASES = st.lists(st.integers(0, 400), min_size=1, max_size=150, unique=True).map(sorted)


@st.composite
def gappy_bars(draw: st.DrawFn) -> Bars:
    bars = minute_bars(draw(BASES), start=MIDNIGHT + 23 * HOUR)
    for row in draw(st.lists(st.integers(0, len(bars) - 1), max_size=4)):
        bars = with_prices(bars, row, **{draw(st.sampled_from(["open", "high", "low", "close"])): np.nan})
    return bars


@settings(max_examples=60, deadline=None)
@given(gappy_bars(), st.sampled_from([M5, M15, H1, D1]))
def test_every_bucket_is_what_the_definition_says(bars: Bars, timeframe: Timeframe) -> None:
    assert_equal_rows(rows_of(resample(bars, timeframe)), naive(bars, timeframe))


@settings(max_examples=40, deadline=None)
@given(gappy_bars(), st.sampled_from([M5, M15, H1]))
def test_a_longer_history_changes_no_bar_that_was_there(bars: Bars, timeframe: Timeframe) -> None:
    whole = resample(bars, timeframe)
    for count in range(len(bars) + 1):
        part = resample(bars.between(0, count), timeframe)
        assert same(part, whole.between(0, len(part)))


def test_gaps_name_their_span_and_how_many_bars_are_missing() -> None:
    assert find_gaps(minute_bars([0, 1, 4, 5, 7])) == (
        Gap(MIDNIGHT + 2 * MINUTE, MIDNIGHT + 4 * MINUTE, 2),
        Gap(MIDNIGHT + 6 * MINUTE, MIDNIGHT + 7 * MINUTE, 1),
    )


def test_bars_without_a_gap_have_none() -> None:
    assert find_gaps(minute_bars([0, 1, 2])) == ()
    assert find_gaps(minute_bars([])) == ()


def test_a_gap_of_months_is_counted_by_the_calendar() -> None:
    starts = [moment(text) for text in ("2024-01-01", "2024-02-01", "2024-07-01")]
    months = bars_of_rows("BTC/USD", MONTH, [(ts, 1.0, 1.0, 1.0, 1.0, 1.0) for ts in starts])
    assert find_gaps(months) == (Gap(moment("2024-03-01"), moment("2024-07-01"), 4),)


def shared_bars(name: str, timeframe: Timeframe) -> Bars:
    opener = gzip.open if name.endswith(".gz") else open
    with opener(shared_file(name), "rt", newline="") as file:
        table = [row for row in csv.DictReader(file) if row.get("timeframe", str(timeframe)) == str(timeframe)]
    rows = [(int(row["ts"]) * 1_000_000, *(float(row[name]) for name in FIELDS)) for row in table]
    # The last row of each timeframe was still forming when the file was saved.
    return bars_of_rows("BTC/USDT", timeframe, rows[:-1])  # type: ignore[arg-type]


FIELDS = ("open", "high", "low", "close", "volume")


@pytest.mark.parametrize(
    ("base", "higher"), [(M1, M5), (M1, M15), (M5, M15), (M5, H1), (M15, H1), (M15, H4), (H1, H4), (H1, D1), (D1, W1)]
)
@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_resampled_bars_equal_the_exchanges_own_bars(coin: str, base: Timeframe, higher: Timeframe) -> None:
    name = f"data/crypto/{coin}-USDT_binance_multi-tf_2017-2018.csv.gz"
    bars, own = shared_bars(name, base), shared_bars(name, higher)
    made = resample(bars, higher)
    incomplete = {higher.bucket_start(gap.begins) for gap in find_gaps(bars)}
    common = sorted((set(made.opened_at.tolist()) & set(own.opened_at.tolist())) - incomplete)
    assert len(common) >= 5
    assert_equal_rows(
        [row for row in rows_of(made) if row[0] in common], [row for row in rows_of(own) if row[0] in common]
    )
