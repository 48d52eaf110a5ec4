from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, WEEK, Timeframe, parse_timeframe

TEXTS = ("1m", "5m", "15m", "60m", "1h", "4h", "5h", "1d", "2d", "3d", "7d", "14d", "1w", "2w", "1M", "3M", "12M")
TIMEFRAMES = st.sampled_from([parse_timeframe(text) for text in TEXTS])
TIMES = st.integers(0, 4 * 10**18)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return from_datetime(datetime(year, month, day, hour, minute, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m", Timeframe("1m", 1, "m", MINUTE)),
        ("15m", Timeframe("15m", 15, "m", 15 * MINUTE)),
        ("4H", Timeframe("4h", 4, "h", 4 * HOUR)),
        ("1D", Timeframe("1d", 1, "d", DAY)),
        ("2W", Timeframe("2w", 2, "w", 2 * WEEK)),
        ("3M", Timeframe("3M", 3, "M", 90 * DAY)),
    ],
)
def test_a_timeframe_is_read_from_its_text(text: str, expected: Timeframe) -> None:
    assert parse_timeframe(text) == expected


@pytest.mark.parametrize(("lower", "upper"), [("2h", "2H"), ("1d", "1D"), ("1w", "1W")])
def test_both_cases_of_a_unit_are_the_same_timeframe(lower: str, upper: str) -> None:
    assert parse_timeframe(lower) == parse_timeframe(upper)
    assert str(parse_timeframe(upper)) == lower


def test_m_is_a_minute_and_capital_m_a_month() -> None:
    minute, month = parse_timeframe("1m"), parse_timeframe("1M")
    assert minute != month
    assert (minute.is_calendar_month, month.is_calendar_month) == (False, True)


@pytest.mark.parametrize(
    "text",
    ["", "m", "15", "0m", "01m", "-1m", "1.5h", "1 m", " 1m", "1m ", "1m\n", "1x", "1mm", "1min", "10000m", "1\u0663m"],
)
def test_any_other_text_is_refused_with_the_form_that_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a timeframe such as 1m, .* was '"):
        parse_timeframe(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("15m", at(2024, 3, 6, 13, 30), at(2024, 3, 6, 13, 45)),
        ("4h", at(2024, 3, 6, 12), at(2024, 3, 6, 16)),
        ("1d", at(2024, 3, 6), at(2024, 3, 7)),
        ("1w", at(2024, 3, 4), at(2024, 3, 11)),
        ("1M", at(2024, 3, 1), at(2024, 4, 1)),
        ("3M", at(2024, 1, 1), at(2024, 4, 1)),
        ("12M", at(2024, 1, 1), at(2025, 1, 1)),
    ],
)
def test_a_bar_lies_between_two_marks_of_its_grid(text: str, start: int, end: int) -> None:
    timeframe, wednesday = parse_timeframe(text), at(2024, 3, 6, 13, 37)
    assert (timeframe.bucket_start(wednesday), timeframe.bucket_end(wednesday)) == (start, end)


def test_a_week_begins_on_monday_at_midnight() -> None:
    week, monday = parse_timeframe("1w"), at(2024, 3, 4)
    assert week.bucket_start(monday) == monday
    assert week.bucket_start(monday - 1) == monday - WEEK
    assert week.bucket_end(monday - 1) == monday


@pytest.mark.parametrize(("year", "days"), [(2023, 28), (2024, 29), (2000, 29), (2100, 28)])
def test_february_is_as_long_as_the_calendar_says(year: int, days: int) -> None:
    month, noon = parse_timeframe("1M"), at(year, 2, 11, 12)
    assert month.bucket_end(noon) - month.bucket_start(noon) == days * DAY


def test_the_last_nanosecond_of_a_month_still_belongs_to_it() -> None:
    month, march = parse_timeframe("1M"), at(2024, 3, 1)
    assert month.bucket_start(march - 1) == at(2024, 2, 1)
    assert month.bucket_start(march) == march


def test_a_bar_before_1970_has_its_place_too() -> None:
    assert parse_timeframe("1h").bucket_start(-1) == -HOUR
    assert parse_timeframe("1M").bucket_start(-1) == at(1969, 12, 1)


@given(TIMEFRAMES, TIMES)
def test_every_moment_lies_in_exactly_one_bar(timeframe: Timeframe, ts: int) -> None:
    start, end = timeframe.bucket_start(ts), timeframe.bucket_end(ts)
    assert start <= ts < end
    assert timeframe.bucket_start(start) == timeframe.bucket_start(end - 1) == start
    assert timeframe.bucket_start(end) == end


@given(TIMEFRAMES, TIMEFRAMES, TIMES)
def test_bars_of_a_multiple_begin_and_end_with_bars_of_the_other(higher: Timeframe, base: Timeframe, ts: int) -> None:
    if higher.is_multiple_of(base):
        start, end = higher.bucket_start(ts), higher.bucket_end(ts)
        assert (base.bucket_start(start), base.bucket_start(end)) == (start, end)


@pytest.mark.parametrize(
    ("higher", "base"),
    [
        ("1m", "1m"), ("15m", "5m"), ("60m", "1h"), ("1h", "60m"), ("1d", "4h"), ("1w", "1d"), ("2w", "1w"),
        ("14d", "7d"), ("2w", "2d"), ("1M", "1d"), ("1M", "4h"), ("3M", "1M"), ("12M", "3M"),
    ],
)  # fmt: skip
def test_bars_that_fit_into_each_other_are_multiples(higher: str, base: str) -> None:
    assert parse_timeframe(higher).is_multiple_of(parse_timeframe(base))


@pytest.mark.parametrize(
    ("higher", "base"),
    [
        ("5m", "15m"), ("15m", "10m"), ("1d", "5h"), ("1d", "7h"), ("3M", "2M"), ("1M", "3M"),
        ("1M", "1w"), ("1M", "2d"), ("1M", "30d"), ("30d", "1M"), ("1M", "5h"),
    ],
)  # fmt: skip
def test_bars_that_do_not_fit_are_no_multiples(higher: str, base: str) -> None:
    assert not parse_timeframe(higher).is_multiple_of(parse_timeframe(base))


def test_seven_days_are_no_week_because_they_do_not_begin_on_monday() -> None:
    week, seven_days = parse_timeframe("1w"), parse_timeframe("7d")
    assert week.duration == seven_days.duration
    assert not week.is_multiple_of(seven_days)
    assert not seven_days.is_multiple_of(week)


def test_timeframes_are_ordered_by_their_length() -> None:
    texts = ["1M", "1d", "90m", "1m", "1w", "1h"]
    assert [str(each) for each in sorted(map(parse_timeframe, texts))] == ["1m", "1h", "90m", "1d", "1w", "1M"]
    assert parse_timeframe("1d") > parse_timeframe("4h")
