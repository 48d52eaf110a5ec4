"""Bars in trading sessions: the shared cases, and what must hold on every grid."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.errors import DataError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.resample import resample
from atlas_core.marketdata.sessions import grid_of
from atlas_core.model.bars import Bars
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import DAY, MINUTE, parse_timeframe
from tests.session_files import file_bars, local, session_cases, session_of_file, timeframe_text

NEW_YORK = ZoneInfo("America/New_York")
GRID = grid_of(TradingSession.US_EQUITIES)
TEXTS = ("1m", "15m", "30m", "1h", "4h", "7h", "1d", "1w", "1M", "1Q", "1Y")
TIMEFRAMES = {text: parse_timeframe(text) for text in TEXTS}
M1, H1, H4, D1, W1 = (TIMEFRAMES[text] for text in ("1m", "1h", "4h", "1d", "1w"))


def ny(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


def shown(ts: int) -> str:
    return to_datetime(ts).astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def test_every_shared_case_holds() -> None:
    for case in session_cases():
        name = case["source_csv"]
        grid, timeframe = grid_of(session_of_file(name)), parse_timeframe(timeframe_text(case["timeframe"]))
        bars = file_bars(name, case.get("rows_from"))
        # The cases count the last bucket even where the file ends inside it.
        made = resample(bars, timeframe, grid, until=grid.end(timeframe, int(grid.fitted(bars).opened_at[-1])))
        assert len(made) == len(case["rows"]), case["id"]
        columns = (made.open, made.high, made.low, made.close, made.volume)
        for row, expected in enumerate(case["rows"]):
            assert [column[row] for column in columns] == pytest.approx(expected[2:7], rel=1e-9, abs=1e-6), (
                case["id"],
                row,
            )
            if "calendar" in case and timeframe.is_within_day:
                begin, end = int(made.opened_at[row]), int(made.available_at[row])
                assert [local(begin, name), local(end, name)] == expected[:2]
            else:
                assert local(int(made.opened_at[row]), name)[:10] == expected[0][:10]


def test_the_bars_of_a_day_end_where_it_closes() -> None:
    bars = file_bars("goog_1min_2015-12-23_28.csv")
    made = resample(bars, H4, GRID)
    assert [
        (shown(b), shown(e)[11:]) for b, e in zip(made.opened_at.tolist(), made.available_at.tolist(), strict=True)
    ] == [
        ("2015-12-23 09:30", "13:30"),
        ("2015-12-23 13:30", "16:00"),
        ("2015-12-24 09:30", "13:00"),
        ("2015-12-28 09:30", "13:30"),
        ("2015-12-28 13:30", "16:00"),
    ]


def test_minutes_before_and_after_the_session_reach_no_bar() -> None:
    bars = file_bars("spy_1min_2013-10-04_11.csv")
    day = resample(bars, D1, GRID)
    monday = [shown(ts)[:10] for ts in day.opened_at.tolist()].index("2013-10-07")
    assert day.high[monday] == 168.45  # 168.90 with extended hours
    inside = GRID.fitted(bars)
    assert (len(inside), len(bars) - len(inside)) == (6 * 390, 2499)


def test_prices_of_before_a_split_do_not_leak_into_the_session() -> None:
    bars = file_bars("aapl_1min_2014-06-09_split_day.csv")
    assert bars.high.max() > 600
    assert resample(bars, D1, GRID).high.max() < 100


@pytest.mark.parametrize(
    ("timeframe", "moment", "start", "end"),
    [
        ("1h", "2024-07-03 12:45", "2024-07-03 12:30", "2024-07-03 13:00"),
        ("1h", "2024-07-03 13:00", "2024-07-05 09:30", "2024-07-05 10:30"),
        ("1h", "2024-03-08 15:59", "2024-03-08 15:30", "2024-03-08 16:00"),
        ("1h", "2024-03-09 12:00", "2024-03-11 09:30", "2024-03-11 10:30"),
        ("7h", "2024-03-11 15:00", "2024-03-11 09:30", "2024-03-11 16:00"),
        ("1d", "2024-07-03 09:30", "2024-07-03 09:30", "2024-07-03 13:00"),
        ("1d", "2024-07-03 08:00", "2024-07-03 09:30", "2024-07-03 13:00"),
        ("1w", "2024-09-01 12:00", "2024-09-03 09:30", "2024-09-06 16:00"),
        ("1w", "2024-09-05 20:00", "2024-09-03 09:30", "2024-09-06 16:00"),
        ("1w", "2024-11-27 12:00", "2024-11-25 09:30", "2024-11-29 13:00"),
        ("1M", "2024-06-30 12:00", "2024-07-01 09:30", "2024-07-31 16:00"),
        ("1Q", "2024-02-10 12:00", "2024-01-02 09:30", "2024-03-28 16:00"),
        ("1Y", "2025-01-01 12:00", "2025-01-02 09:30", "2025-12-31 16:00"),
    ],
)
def test_a_bucket_begins_with_an_opening_and_ends_with_a_close(
    timeframe: str, moment: str, start: str, end: str
) -> None:
    frame, ts = TIMEFRAMES[timeframe], ny(moment)
    assert (shown(GRID.start(frame, ts)), shown(GRID.end(frame, ts))) == (start, end)


MOMENTS = st.integers(ny("1993-01-05 00:00"), ny("2098-01-01 00:00"))


@settings(max_examples=150)
@given(MOMENTS, st.sampled_from(TEXTS))
def test_start_end_and_the_buckets_agree(ts: int, text: str) -> None:
    frame = TIMEFRAMES[text]
    start, end = GRID.start(frame, ts), GRID.end(frame, ts)
    assert start < end
    assert ts < end
    assert (GRID.start(frame, start), GRID.end(frame, start), GRID.start(frame, end - 1)) == (start, end, start)
    assert GRID.start(frame, end) >= end
    assert GRID.ends(frame, np.array([ts, start, end])).tolist() == [end, end, GRID.end(frame, end)]
    starts, ends = GRID.buckets(frame, ts, GRID.start(frame, end))
    assert starts.tolist() == [start, GRID.start(frame, end)]
    assert ends.tolist() == [end, GRID.end(frame, end)]


@settings(max_examples=100)
@given(MOMENTS, st.sampled_from(TEXTS), st.integers(0, 40))
def test_going_back_counts_buckets(ts: int, text: str, count: int) -> None:
    frame = TIMEFRAMES[text]
    back = GRID.before(frame, ts, count)
    assert back <= GRID.start(frame, ts)
    starts, _ = GRID.buckets(frame, back, ts)
    at_the_beginning = int(starts[0]) == GRID.start(frame, ny("1993-01-04 09:30"))
    assert len(starts) == count + 1 or at_the_beginning


@st.composite
def gappy_sessions(draw: st.DrawFn) -> Bars:
    """Minutes of a few days around a change of clocks and a half day, with holes, and with hours outside."""
    first = draw(st.sampled_from(["2024-03-08 08:00", "2024-11-01 08:00", "2024-11-27 08:00", "2024-07-02 08:00"]))
    places = draw(st.lists(st.integers(0, 5 * 1440), min_size=1, max_size=250, unique=True).map(sorted))
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    close = 100 + random.normal(size=len(places)).cumsum()
    open_ = close + random.normal(size=len(places))
    high, low = (
        np.maximum(open_, close) + random.random(len(places)),
        np.minimum(open_, close) - random.random(len(places)),
    )
    opened = ny(first) + np.array(places, dtype=np.int64) * MINUTE
    return Bars("X", M1, opened, opened + MINUTE, open_, high, low, close, random.random(len(places)))


def same(left: Bars, right: Bars) -> bool:
    mine = (left.opened_at, left.available_at, *left.prices(), left.volume)
    theirs = (right.opened_at, right.available_at, *right.prices(), right.volume)
    return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


@settings(max_examples=40)
@given(gappy_sessions())
def test_bars_that_arrive_one_by_one_make_what_the_whole_history_makes(bars: Bars) -> None:
    feed, inside = BarFeed("X", M1, grid=GRID), 0
    columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
    for count, row in enumerate(zip(*(column.tolist() for column in columns), strict=True), start=1):
        place = GRID.place(M1, row[0], row[1])
        if place is None:
            continue
        feed.append(*place, *row[2:])
        inside += 1
        so_far = bars.between(0, count)
        for frame in (H1, D1, W1):
            assert same(feed.bars(frame), resample(so_far, frame, GRID))
    assert inside == len(GRID.fitted(bars))


@settings(max_examples=40)
@given(gappy_sessions(), st.sampled_from(["15m", "1h", "4h", "1d", "1w"]))
def test_every_bar_holds_the_minutes_of_its_bucket_and_no_others(bars: Bars, text: str) -> None:
    made, frame = resample(bars, TIMEFRAMES[text], GRID), TIMEFRAMES[text]
    inside = GRID.fitted(bars)
    buckets = np.array([GRID.start(frame, ts) for ts in inside.opened_at.tolist()], dtype=np.int64)
    for row, begin in enumerate(made.opened_at.tolist()):
        rows = buckets == begin
        assert made.high[row] == inside.high[rows].max()
        assert made.low[row] == inside.low[rows].min()
        assert made.open[row] == inside.open[rows][0]
        assert made.close[row] == inside.close[rows][-1]


def test_daily_bars_are_given_the_hours_of_their_session_and_strays_are_left_out() -> None:
    days = [datetime(2024, 7, day) for day in (2, 3, 4, 5, 6)]  # noqa: DTZ001  (dates)
    opened = np.array([from_datetime(day.replace(tzinfo=ZoneInfo("UTC"))) for day in days])
    ones = np.ones(5)
    bars = Bars("X", D1, opened, opened + DAY, ones, ones, ones, ones, ones)
    fitted = GRID.fitted(bars)
    assert [shown(ts) for ts in fitted.opened_at.tolist()] == [
        "2024-07-02 09:30",
        "2024-07-03 09:30",
        "2024-07-05 09:30",
    ]
    assert [shown(ts)[11:] for ts in fitted.available_at.tolist()] == ["16:00", "13:00", "16:00"]
    assert GRID.fitted(fitted) is fitted
    for begin, end in zip(opened.tolist(), (opened + DAY).tolist(), strict=True):
        place = GRID.place(D1, begin, end)
        assert (place is None) == (shown(begin + DAY // 2)[:10] in ("2024-07-04", "2024-07-06"))


def test_bars_of_clock_hours_are_refused() -> None:
    opened = ny("2024-07-02 10:00") + np.arange(3) * H1.duration
    ones = np.ones(3)
    bars = Bars("X", H1, opened, opened + H1.duration, ones, ones, ones, ones, ones)
    with pytest.raises(DataError, match=r"expected bars that begin at the opening \(13:30Z that day\)"):
        GRID.fitted(bars)
    with pytest.raises(DataError, match="take minute bars"):
        GRID.place(H1, int(opened[0]), int(opened[0]) + H1.duration)


@pytest.mark.parametrize(
    ("base", "timeframe", "can"),
    [
        ("1m", "15m", True), ("1m", "7h", True), ("15m", "20m", False), ("30m", "1d", True), ("4h", "1w", True),
        ("1d", "1w", True), ("1d", "1M", True), ("1d", "1h", False), ("1w", "1M", False), ("1M", "1Q", True),
        ("1m", "2d", False), ("1m", "24h", False), ("1w", "2w", True), ("2w", "1w", False),
    ],
)  # fmt: skip
def test_what_can_be_made_of_what(base: str, timeframe: str, can: bool) -> None:
    assert GRID.can_make(parse_timeframe(base), parse_timeframe(timeframe)) is can


def test_times_outside_the_calendar_are_refused() -> None:
    with pytest.raises(DataError, match="expected times that the session calendar covers"):
        GRID.start(D1, ny("1985-01-02 12:00"))
    with pytest.raises(DataError, match="a timeframe that sessions can make"):
        GRID.start(parse_timeframe("3d"), ny("2024-01-02 12:00"))
