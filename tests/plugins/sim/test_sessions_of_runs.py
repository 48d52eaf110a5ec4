"""Shares in their sessions, through providers and whole runs: files with extended hours, and the synthetic market."""

from __future__ import annotations

import asyncio
from datetime import date, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from atlas_core import HistoryRequest, Mode, TradingSession, parse_timeframe, read_moment, to_datetime
from atlas_core.errors import DataError, ProfileError
from atlas_core.journal import Journal
from atlas_core.model.records import EquityMarked, FillBooked, Record, SignalDetected, SignalTriggered
from atlas_sim.options import FilesOptions, InstrumentOptions, SimOptions
from tests.shared import shared_file
from tests.systems import by_loop, by_pump, system_of

NEW_YORK = ZoneInfo("America/New_York")
MINUTES = "data/equity/SPY_1m_trade_lean.csv.gz"
DAYS = "data/equity/AAPL_1d_1998-2021_raw.csv.gz"
PROFILE = """\
[profile]
name = "shares"

[universe]
symbols = ["SPY"]
start = 2013-10-07
end = 2013-10-10

[provider]
use = "files"
path = "PATH"
instrument = { kind = "stock" }

[[scanner]]
use = "strat"
timeframes = ["15m", "1h", "1d"]

[sizer]
use = "fixed-fraction"
fraction_pct = 20

[broker]
use = "paper"

[[exit]]
use = "stop"
[[exit]]
use = "target"
"""


def written(folder: Path, file: str, **changes: str) -> Path:
    text = PROFILE.replace("PATH", str(shared_file(file)))
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "shares.toml"
    path.write_text(text)
    return path


def run_both(path: Path) -> list[Record]:
    seen = []
    for run in (by_loop, by_pump):
        with Journal.in_memory() as journal:
            run(system_of(path, Mode.PAPER), journal)
            seen.append(list(journal.records()))
    assert seen[0] == seen[1]
    return seen[0]


def of_day(ts: int) -> time:
    return to_datetime(ts).astimezone(NEW_YORK).time()


def test_real_minutes_with_extended_hours_trade_in_the_session_only(tmp_path: Path) -> None:
    records = run_both(written(tmp_path, MINUTES))
    signals = [record for record in records if isinstance(record, SignalDetected)]
    ends = {of_day(record.ts).strftime("%H:%M") for record in signals if record.timeframe == "1h"}
    assert ends <= {"10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00"}
    assert len(ends) > 3
    lives = {of_day(r.valid_until).strftime("%H:%M") for r in signals if of_day(r.ts) == time(16)}
    assert lives <= {"09:45", "10:30", "16:00"}
    happened = [of_day(r.ts) for r in records if isinstance(r, (SignalTriggered, FillBooked))]
    assert len(happened) > 10
    assert all(time(9, 30) <= moment <= time(16) for moment in happened)
    marks = [r.ts for r in records if isinstance(r, EquityMarked) and r.is_day_end]
    assert [of_day(ts) for ts in marks] == [time(16)] * len(marks)
    assert len(marks) == 2


def test_the_same_file_without_a_session_reads_the_hours_of_the_clock(tmp_path: Path) -> None:
    changes = {"start = 2013-10-07": 'session = "24x7"\nstart = 2013-10-07', "end = 2013-10-10": "end = 2013-10-08"}
    path = written(tmp_path, MINUTES, **changes)
    records = run_both(path)
    ends = {of_day(r.ts).minute for r in records if isinstance(r, SignalDetected) and r.timeframe == "1h"}
    assert ends == {0}


def test_real_days_make_weeks_and_months(tmp_path: Path) -> None:
    path = written(
        tmp_path, DAYS, **{
            '["SPY"]': '["AAPL"]', "start = 2013-10-07": 'base_timeframe = "1d"\nstart = 2019-01-01',
            "end = 2013-10-10": "end = 2020-01-01", '["15m", "1h", "1d"]': '["1d", "1w", "1M"]',
        }
    )  # fmt: skip
    found = [record for record in run_both(path) if isinstance(record, SignalDetected)]
    assert {record.timeframe for record in found} == {"1d", "1w", "1M"}
    assert {of_day(record.ts) for record in found} == {time(16), time(13)}
    weekly = {to_datetime(r.ts).astimezone(NEW_YORK).date() for r in found if r.timeframe == "1w"}
    good_friday = date(2019, 4, 19)
    assert {day.weekday() for day in weekly - {good_friday - timedelta(days=1)}} == {4}


def test_bars_of_clock_hours_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = written(
        tmp_path, "data/equity/SPY_1h_1998-2021_raw.csv.gz",
        **{"start = 2013-10-07": 'base_timeframe = "1h"\nstart = 2013-10-07', '["15m", "1h", "1d"]': '["1h", "1d"]'},
    )  # fmt: skip
    with pytest.raises(DataError, match="bars of clock hours make no session bars, so take minute bars"):
        run_both(path)


def test_a_file_that_is_too_coarse_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, MINUTES, **{'use = "files"': 'use = "files"\ntimeframe = "1h"'})
    with pytest.raises(
        ProfileError, match=r"\[universe\] base_timeframe: expected bars that the provider files offers"
    ):
        system_of(path, Mode.BACKTEST)


def test_times_read_in_the_wrong_zone_leave_nothing_and_say_so(tmp_path: Path) -> None:
    file = tmp_path / "night.csv"
    file.write_text("ts,open,high,low,close,volume\n" + "".join(f"2024-07-03T0{n}:00:00,1,1,1,1,1\n" for n in range(5)))
    path = tmp_path / "shares.toml"
    path.write_text(
        PROFILE.replace("PATH", str(file))
        .replace("start = 2013-10-07", 'base_timeframe = "1h"')
        .replace("end = 2013-10-10\n", "")
        .replace('["15m", "1h", "1d"]', '["1h"]')
    )
    for run in (by_loop, by_pump):
        with Journal.in_memory() as journal, pytest.raises(DataError, match='say session = "24x7"'):
            run(system_of(path, Mode.PAPER), journal)


def hours_of(provider: object, symbol: str, session: TradingSession) -> list[str]:
    start = read_moment("2026-03-06")
    request = HistoryRequest(
        symbols=(symbol,), timeframe=parse_timeframe("1h"), start=start, end=start + 86_400 * 10**9,
        sessions={symbol: session},
    )  # fmt: skip
    bars = asyncio.run(provider.history(request))[symbol]  # type: ignore[attr-defined]
    lengths = (bars.available_at - bars.opened_at) // (60 * 10**9)
    assert np.all(lengths <= 60)
    return [of_day(ts).strftime("%H:%M") for ts in bars.opened_at.tolist()]


def test_the_synthetic_market_builds_hours_of_the_session_that_is_asked_for(make_context: object) -> None:
    from atlas_sim.provider import SimProvider

    provider = SimProvider(SimOptions(start=read_moment("2026-03-02"), days=7), make_context())  # type: ignore[operator]
    opening = ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]
    assert hours_of(provider, "SPY", TradingSession.US_EQUITIES) == opening
    assert hours_of(provider, "SPY", TradingSession.ALWAYS)[:2] == ["09:00", "10:00"]


def test_files_build_hours_of_the_session(make_context: object) -> None:
    from atlas_sim.files.provider import FilesProvider

    options = FilesOptions(path=shared_file(MINUTES), instrument=InstrumentOptions())
    provider = FilesProvider(options, make_context())  # type: ignore[operator]
    request = HistoryRequest(
        symbols=("SPY",), timeframe=parse_timeframe("1h"), sessions={"SPY": TradingSession.US_EQUITIES}
    )
    bars = asyncio.run(provider.history(request))["SPY"]
    assert {of_day(ts).minute for ts in bars.opened_at.tolist()} == {30}
    assert len(bars) == 6 * 7 + 7
