"""What follows from the sessions of a universe: warm-up, days, scans, and bars that have no place."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from atlas_core.clock import from_datetime
from atlas_core.contracts import Need
from atlas_core.errors import DataError
from atlas_core.marketdata.timetable import Intake, Timetable
from atlas_core.model.bars import bars_of_rows
from atlas_core.model.events import BarClosed
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.session import TradingSession, usual_session
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, parse_timeframe

NEW_YORK = ZoneInfo("America/New_York")
SHARES = Timetable({"SPY": TradingSession.US_EQUITIES, "AAPL": TradingSession.US_EQUITIES})
MIXED = Timetable({"SPY": TradingSession.US_EQUITIES, "BTC": TradingSession.ALWAYS})
M1, H1, D1, W1 = (parse_timeframe(text) for text in ("1m", "1h", "1d", "1w"))


def ny(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


@pytest.mark.parametrize(
    ("kind", "quote", "expected"),
    [
        (InstrumentKind.STOCK, "USD", TradingSession.US_EQUITIES),
        (InstrumentKind.OPTION, "USD", TradingSession.US_EQUITIES),
        (InstrumentKind.STOCK, "EUR", TradingSession.ALWAYS),
        (InstrumentKind.INDEX, "USD", TradingSession.ALWAYS),
        (InstrumentKind.PERP, "USD", TradingSession.ALWAYS),
    ],
)
def test_only_shares_and_options_in_dollars_have_us_hours(
    kind: InstrumentKind, quote: str, expected: TradingSession
) -> None:
    assert usual_session(Instrument("X", kind, quote=quote)) is expected


def test_history_reaches_back_over_nights_and_weekends() -> None:
    monday = ny("2024-03-11 09:30")
    assert SHARES.history_start(monday, [Need("1h", 2)]) == ny("2024-03-08 13:30")
    assert SHARES.history_start(monday, [Need("1h", 2), Need("1d", 1)]) == ny("2024-03-07 09:30")
    assert SHARES.history_start(monday, [Need("1w")]) == ny("2024-03-04 09:30")
    assert Timetable().history_start(monday, [Need("1h", 2)]) == ny("2024-03-11 09:00") - 3 * HOUR
    assert Timetable().history_start(monday, []) == monday


def test_history_holds_the_whole_month_that_is_forming() -> None:
    late = ny("2024-03-31 12:00")
    assert Timetable().history_start(late, [Need("1M")]) == 19_754 * DAY  # 2024-02-01
    assert SHARES.history_start(ny("2024-03-28 12:00"), [Need("1M")]) == ny("2024-02-01 09:30")


def test_history_serves_the_symbol_that_needs_most() -> None:
    monday = ny("2024-03-11 09:30")
    assert MIXED.history_start(monday, [Need("1h", 2)]) == ny("2024-03-08 13:30")


def test_the_trading_day_is_the_session_where_all_share_one() -> None:
    noon = ny("2024-07-03 12:00")
    assert SHARES.day_end(noon) == ny("2024-07-03 13:00")
    assert SHARES.day_end(ny("2024-07-03 13:00")) == ny("2024-07-05 16:00")
    assert MIXED.day_end(noon) == Timetable().day_end(noon) == noon - noon % DAY + DAY


def test_scans_are_due_where_a_bar_ends_on_one_of_the_grids() -> None:
    close = ny("2024-07-03 13:00")
    assert SHARES.ends(H1, close - 10 * MINUTE) == {close}
    assert MIXED.ends(H1, close - 40 * MINUTE) == {ny("2024-07-03 12:30"), close}
    assert SHARES.is_end(D1, close)
    assert not SHARES.is_end(D1, close + 3 * HOUR)
    assert MIXED.is_end(H1, close)
    assert SHARES.is_end(W1, ny("2024-07-05 16:00"))
    assert not SHARES.is_end(W1, close)


def bar(opened_at: int, symbol: str = "SPY", minutes: int = 1) -> BarClosed:
    return BarClosed(opened_at + minutes * MINUTE, symbol, opened_at, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_bars_outside_the_session_are_left_out_and_counted() -> None:
    intake = Intake(MIXED, M1)
    before, first = bar(ny("2024-07-03 09:29")), bar(ny("2024-07-03 09:30"))
    assert [intake.bar(before), intake.bar(first), intake.bar(bar(before.opened_at, "BTC"))] == [
        None, first, bar(before.opened_at, "BTC"),
    ]  # fmt: skip
    rows = [(ny(f"2024-07-03 {text}"), 1.0, 1.0, 1.0, 1.0, 1.0) for text in ("09:28", "12:59", "13:00", "13:01")]
    assert len(intake.bars(bars_of_rows("SPY", M1, rows))) == 1
    assert intake.told() == "left out bars outside the trading session: 4 of SPY"
    assert Intake(MIXED, M1).told() == ""


def test_the_last_bar_of_a_session_is_cut_at_its_close() -> None:
    cut = Intake(SHARES, H1).bar(bar(ny("2024-07-02 15:30"), minutes=60))
    assert cut is not None
    assert (cut.opened_at, cut.ts) == (ny("2024-07-02 15:30"), ny("2024-07-02 16:00"))


def test_a_daily_bar_is_given_its_session() -> None:
    day = Intake(SHARES, D1).bar(bar(ny("2024-07-03 00:00"), minutes=1440))
    assert day is not None
    assert (day.opened_at, day.ts) == (ny("2024-07-03 09:30"), ny("2024-07-03 13:00"))


def test_when_nothing_is_left_the_error_says_what_to_do() -> None:
    intake = Intake(SHARES, M1)
    intake.bar(bar(ny("2024-07-04 12:00")))
    error = intake.nothing_left("SPY")
    assert isinstance(error, DataError)
    assert "inside the trading session us-equities, all 1 lie outside" in str(error)
    assert 'session = "24x7"' in str(error)
