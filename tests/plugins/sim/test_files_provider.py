"""The provider `files`: clean files become bars, dirty ones become a report."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core import Bars, Context, DataError, HistoryRequest, InstrumentKind, from_datetime, parse_timeframe
from atlas_sim.files.building import load
from atlas_sim.files.provider import FilesProvider
from atlas_sim.options import FilesOptions, InstrumentOptions
from tests.shared import shared_file

Make = Callable[..., Context]
MINUTE = 60 * 10**9
DAY = 1_440 * MINUTE
START = from_datetime(datetime(2026, 1, 5, tzinfo=UTC))
HEADER = "ts,open,high,low,close,volume"
CLEAN = [
    f"{(START + row * MINUTE) // 10**6},{100 + row}.5,{102 + row},{100 + row},{101 + row},{row}" for row in range(30)
]


def write(folder: Path, rows: list[str], header: str = HEADER, name: str = "bars.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def bars_of(path: Path, **options: Any) -> Bars:
    return load(path, "X", FilesOptions(path=path, **options), None).bars


def request(*symbols: str, timeframe: str = "1m", start: int | None = None, end: int | None = None) -> HistoryRequest:
    return HistoryRequest(symbols=symbols, timeframe=parse_timeframe(timeframe), start=start, end=end)


def test_a_clean_file_becomes_bars(tmp_path: Path) -> None:
    bars = bars_of(write(tmp_path, CLEAN))
    assert (len(bars), str(bars.timeframe), bars.tick_size) == (30, "1m", Decimal("0.1"))
    assert (bars.opened_at[0], bars.available_at[0]) == (START, START + MINUTE)
    assert (bars.open[1], bars.high[1], bars.low[1], bars.close[1], bars.volume[1]) == (101.5, 103, 101, 102, 1)


def test_blank_lines_quotes_semicolons_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    rows = ["", *(f'"{row}"'.replace(",", '";"') for row in CLEAN[:5]), "", *CLEAN[5:]]
    path.write_bytes(("\ufeff" + "\r\n".join([HEADER, *rows, ""])).replace(",", ";").encode())
    assert np.array_equal(bars_of(path).close, bars_of(write(tmp_path, CLEAN, name="plain.csv")).close)


def test_gzip_is_told_by_its_first_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(gzip.compress("\n".join([HEADER, *CLEAN]).encode()))
    assert len(bars_of(path)) == 30


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_a_gzip_file_that_was_cut_off_is_refused(tmp_path: Path, kept: float) -> None:
    whole = gzip.compress("\n".join([HEADER, *CLEAN]).encode())
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match="whole gzip file, was damaged or cut off"):
        bars_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "was empty"),
        (b"\n\n", "was empty"),
        (HEADER.encode(), "expected rows below the header"),
        (b"\xff\xfe\x00t\x00s", "expected UTF-8 text"),
        (b"hello\nworld", "expected columns for time"),
    ],
)
def test_files_that_hold_no_bars_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        bars_of(path)


def changed(row: int, column: int, value: str) -> list[str]:
    fields = CLEAN[row].split(",")
    fields[column] = value
    return [*CLEAN[:row], ",".join(fields), *CLEAN[row + 1 :]]


DIRT = [
    (changed(7, 2, ""), "line 9: high: expected a number, was blank"),
    (changed(7, 2, "abc"), 'line 9: high: expected a number, was "abc"'),
    (changed(7, 2, "1_000"), 'line 9: high: expected a number, was "1_000"'),
    (changed(7, 1, "nan"), "line 9: open: expected a finite number, was nan"),
    (changed(7, 4, "inf"), "line 9: close: expected a finite number, was inf"),
    (changed(7, 3, "0"), "line 9: low: expected a price above 0, was 0"),
    (changed(7, 3, "-5"), "line 9: low: expected a price above 0, was -5"),
    (changed(7, 5, "-1"), "line 9: volume: expected 0 or more, was -1"),
    (changed(7, 5, ""), "line 9: volume: expected a number, was blank"),
    (changed(7, 2, "50"), "line 9: high 50 is below low 107"),
    (changed(7, 1, "109.5"), "line 9: open 109.5 is above high 109"),
    (changed(7, 4, "106.9"), "line 9: close 106.9 is below low 107"),
    (changed(7, 0, ""), "line 9: time: expected a number, was blank"),
    (changed(7, 0, "soon"), 'line 9: time: expected a number, was "soon"'),
    ([*CLEAN[:7], CLEAN[6], *CLEAN[8:]], "line 9: time is the same as that of an earlier row"),
    ([*CLEAN[:7], CLEAN[3], *CLEAN[8:]], "line 9: time is before that of an earlier row"),
    (changed(7, 0, str((START + 7 * MINUTE) // 10**6 + 17)), "line 9: time is not on the grid of the other 1m bars"),
    ([*CLEAN[:7], CLEAN[7] + ",8", *CLEAN[8:]], "line 9: expected 6 fields, was 7"),
    ([*CLEAN[:7], "1,2", *CLEAN[8:]], "line 9: expected 6 fields, was 2"),
]


@pytest.mark.parametrize(("rows", "reason"), DIRT, ids=[reason for _, reason in DIRT])
def test_a_dirty_row_is_refused_with_its_line_and_left_out_only_when_told(
    tmp_path: Path, rows: list[str], reason: str
) -> None:
    path = write(tmp_path, rows)
    with pytest.raises(DataError) as refused:
        bars_of(path)
    assert f"{path}: 1 of 30 rows are not bars\n  {reason}\nrepair" in str(refused.value)
    loaded = load(path, "X", FilesOptions(path=path, on_dirty="drop"), None)
    assert (len(loaded.bars), loaded.report.dirty) == (29, 1)
    assert START + 7 * MINUTE not in loaded.bars.opened_at
    assert loaded.bars.gap_before[7]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    rows = ["", "", *changed(7, 2, "50")]
    with pytest.raises(DataError, match="line 11: high 50"):
        bars_of(write(tmp_path, rows))


def test_ten_dirty_rows_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    rows = [row if number % 2 else "x" + row for number, row in enumerate(CLEAN)]
    with pytest.raises(DataError) as refused:
        bars_of(write(tmp_path, rows[1:]))
    text = str(refused.value)
    assert "14 of 29 rows" in text
    assert text.count("  line ") == 10
    assert "  and 4 more" in text


def test_a_file_of_dirt_alone_is_refused_even_when_dirt_is_dropped(tmp_path: Path) -> None:
    rows = [",".join([row.split(",")[0], "0,0,0,0,0"]) for row in CLEAN]
    with pytest.raises(DataError, match="nothing is left"):
        bars_of(write(tmp_path, rows), on_dirty="drop")


def test_what_was_left_out_is_logged_and_reported(tmp_path: Path, make_context: Make, log: Any) -> None:
    path = write(tmp_path, changed(7, 2, "50"))
    provider = FilesProvider(FilesOptions(path=path, on_dirty="drop"), make_context())
    asyncio.run(provider.history(request("X")))
    assert provider.report["X"].dirty == 1
    assert [row.line for row in provider.report["X"].first] == [9]
    assert "line 9: high 50 is below low 107" in log.warnings[0]


values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=32), st.sampled_from(["", "x", "1e3", "0", "-1"])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 5), values), max_size=6), st.booleans())
def test_whatever_is_in_the_file_what_comes_out_are_bars(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, Any]], iso: bool
) -> None:
    rows = [row.split(",") for row in CLEAN]
    if iso:
        for row, fields in enumerate(rows):
            fields[0] = f"2026-01-05T00:{row:02}:00Z"
    for row, column, value in changes:
        rows[row][column] = str(value)
    path = write(tmp_path_factory.mktemp("dirt"), [",".join(fields) for fields in rows])
    try:
        loaded = load(path, "X", FilesOptions(path=path, on_dirty="drop"), None)
    except DataError:
        return
    assert loaded.bars.valid().all()
    assert len(loaded.bars) + loaded.report.dirty == 30
    assert all(float(column.min()) > 0 for column in loaded.bars.prices())


@pytest.mark.parametrize(
    ("spacing", "timeframe"),
    [(1, "1m"), (5, "5m"), (15, "15m"), (60, "1h"), (240, "4h"), (1_440, "1d"), (10_080, "1w"), (90, "90m")],
)
def test_the_timeframe_is_the_most_common_spacing(tmp_path: Path, spacing: int, timeframe: str) -> None:
    kept = [row for row in range(20) if row not in {4, 5, 11}]
    rows = [f"{(START + row * spacing * MINUTE) // 10**9},5,6,4,5,1" for row in kept]
    assert str(bars_of(write(tmp_path, rows)).timeframe) == timeframe


def test_a_timeframe_that_cannot_be_seen_must_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, CLEAN[:1])
    with pytest.raises(DataError, match="two rows or more"):
        bars_of(path)
    assert len(bars_of(path, timeframe=parse_timeframe("1m"))) == 1
    ticks = write(tmp_path, [f"{START // 10**9 + row},5,6,4,5,1" for row in range(9)], name="ticks.csv")
    with pytest.raises(DataError, match="whole minutes, was most often 1 seconds"):
        bars_of(ticks)


def test_times_that_mark_the_close_are_moved_to_the_open(tmp_path: Path) -> None:
    bars = bars_of(write(tmp_path, CLEAN), time_marks="close")
    assert (bars.opened_at[0], bars.available_at[0]) == (START - MINUTE, START)


def test_a_date_names_its_day_whatever_times_mark(tmp_path: Path) -> None:
    rows = ["2026-01-05,5,6,4,5,1", "2026-01-06,5,6,4,5,1"]
    for marks in ("open", "close"):
        bars = bars_of(write(tmp_path, rows, header="date,open,high,low,close,volume"), time_marks=marks)
        assert (bars.opened_at[0], bars.available_at[0]) == (START, START + DAY)


@pytest.mark.parametrize(
    "days", [("2026-01-31", "2026-02-28", "2026-03-31"), ("2026-01-01", "2026-02-01", "2026-03-01")]
)
def test_months_are_those_of_the_calendar_whichever_day_names_them(tmp_path: Path, days: tuple[str, ...]) -> None:
    bars = bars_of(write(tmp_path, [f"{day},5,6,4,5,1" for day in days], header="date,open,high,low,close,volume"))
    assert str(bars.timeframe) == "1M"
    assert bars.available_at[:-1].tolist() == bars.opened_at[1:].tolist()
    assert bars.opened_at[0] == from_datetime(datetime(2026, 1, 1, tzinfo=UTC))


def test_days_of_a_zone_join_when_clocks_change(tmp_path: Path) -> None:
    days = ["2026-03-07", "2026-03-08", "2026-03-09", "2026-10-31", "2026-11-01", "2026-11-02"]
    path = write(tmp_path, [f"{day},5,6,4,5,1" for day in days], header="date,open,high,low,close,volume")
    bars = bars_of(path, zone="America/New_York")
    assert np.all(bars.available_at[:-1] <= bars.opened_at[1:])
    assert bars.available_at[1] == bars.opened_at[1] + 23 * 60 * MINUTE


def test_an_hour_that_begins_at_half_past_is_available_when_it_ends(tmp_path: Path) -> None:
    rows = [f"2026-01-05T{hour}:30:00Z,5,6,4,5,1" for hour in range(14, 20)]
    bars = bars_of(write(tmp_path, rows))
    assert np.all(bars.available_at - bars.opened_at == 60 * MINUTE)


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        (("5", "6", "4", "5"), "1"),
        (("46319.5", "46320", "46319", "46320"), "0.1"),
        (("1.17", "1.18", "1.16", "1.175"), "0.001"),
        (("5.33e-05", "5.33e-05", "5.288e-05", "5.29e-05"), "0.00000001"),
        (("123456.789", "123456.789", "123456.789", "123456.789"), "0.001"),
    ],
)
def test_the_tick_is_the_finest_decimal_in_the_file(tmp_path: Path, prices: tuple[str, ...], tick: str) -> None:
    rows = [f"{START // 10**9 + row * 60},{','.join(prices)},1" for row in range(3)]
    assert bars_of(write(tmp_path, rows)).tick_size == Decimal(tick)


def test_instruments_are_what_the_profile_says_for_all_and_for_one(tmp_path: Path, make_context: Make) -> None:
    files = {symbol: write(tmp_path, CLEAN, name=f"{place}.csv") for place, symbol in enumerate(("BTC/USD", "ACME"))}
    options = FilesOptions(
        files=files,
        instrument=InstrumentOptions(kind=InstrumentKind.STOCK, group="large", multiplier=Decimal(10)),
        instruments={
            "BTC/USD": InstrumentOptions(
                kind=InstrumentKind.PERP, tick_size=Decimal("0.5"), lot_size=Decimal("0.001"), max_leverage=Decimal(10)
            )
        },
    )
    provider = FilesProvider(options, make_context())
    found = asyncio.run(provider.instruments(list(files)))
    btc, acme = found["BTC/USD"], found["ACME"]
    assert (btc.kind, btc.tick_size, btc.lot_size) == (InstrumentKind.PERP, Decimal("0.5"), Decimal("0.001"))
    assert (btc.max_leverage, btc.group, btc.multiplier) == (Decimal(10), "large", Decimal(10))
    assert (acme.kind, acme.tick_size, acme.lot_size) == (InstrumentKind.STOCK, Decimal("0.1"), Decimal(1))
    assert asyncio.run(provider.history(request("BTC/USD")))["BTC/USD"].tick_size == Decimal("0.5")


def test_files_are_found_in_a_folder_by_the_symbol(tmp_path: Path, make_context: Make) -> None:
    write(tmp_path, CLEAN, name="BTC-USD_1m.csv")
    write(tmp_path, CLEAN, name="ETHUSD_1m.csv")
    options = FilesOptions(folder=tmp_path, pattern="{symbol}_1m.csv")
    provider = FilesProvider(options, make_context())
    assert set(asyncio.run(provider.history(request("BTC/USD", "ETH/USD")))) == {"BTC/USD", "ETH/USD"}
    with pytest.raises(
        DataError, match=r"expected a file of bars for SOL/USD.*tried .*SOL-USD_1m\.csv.*SOLUSD_1m\.csv"
    ):
        asyncio.run(provider.instruments(["SOL/USD"]))


def test_relative_paths_and_the_home_folder_are_understood(
    tmp_path: Path, make_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, CLEAN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in ("bars.csv", "~/bars.csv"):
        provider = FilesProvider(FilesOptions(path=Path(path)), make_context())
        assert asyncio.run(provider.instruments(["X"]))["X"].symbol == "X"


def test_one_path_serves_one_symbol(tmp_path: Path, make_context: Make) -> None:
    provider = FilesProvider(FilesOptions(path=write(tmp_path, CLEAN)), make_context())
    with pytest.raises(DataError, match="universe of one symbol"):
        asyncio.run(provider.instruments(["A", "B"]))


def test_a_symbol_without_a_file_is_refused(tmp_path: Path, make_context: Make) -> None:
    provider = FilesProvider(FilesOptions(files={"A": write(tmp_path, CLEAN)}), make_context())
    with pytest.raises(DataError, match="expected a file for B in files, was only A"):
        asyncio.run(provider.instruments(["A", "B"]))


def test_a_longer_timeframe_is_made_of_the_file_and_a_finer_one_is_refused(tmp_path: Path, make_context: Make) -> None:
    rows = [f"{(START + row * 60 * MINUTE) // 10**9},5,6,4,5,1" for row in range(9)]
    provider = FilesProvider(FilesOptions(path=write(tmp_path, rows)), make_context())
    with pytest.raises(DataError, match=r'expected bars of 15m .* was 1h; set base_timeframe = "1h"'):
        asyncio.run(provider.history(request("X", timeframe="15m")))
    assert str(asyncio.run(provider.history(request("X", timeframe="4h")))["X"].timeframe) == "4h"


def test_history_and_stream_stay_inside_the_span(tmp_path: Path, make_context: Make) -> None:
    files = {symbol: write(tmp_path, CLEAN, name=f"{symbol}.csv") for symbol in ("B", "A")}
    provider = FilesProvider(FilesOptions(files=files), make_context())
    wanted = request("B", "A", start=START + 5 * MINUTE, end=START + 10 * MINUTE)

    async def told() -> list[tuple[int, str]]:
        return [((bar.ts - START) // MINUTE, bar.symbol) async for bar in provider.stream(wanted)]

    history = asyncio.run(provider.history(wanted))
    assert [len(bars) for bars in history.values()] == [5, 5]
    assert asyncio.run(told()) == [(minute, symbol) for minute in range(6, 11) for symbol in ("B", "A")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "one of path, folder or files, was none"),
        ({"path": Path("a"), "folder": Path("b")}, "was path and folder"),
        ({"path": Path("a"), "zone": "Mars/Base"}, "expected a time zone"),
        ({"path": Path("a"), "columns": {"price": "x"}}, "expected columns named"),
        ({"path": Path("a"), "columns": {"open": ""}}, "only a volume can be missing"),
    ],
)
def test_options_that_contradict_themselves_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FilesOptions(**given)


def test_the_real_perpetual_month_is_read_whole() -> None:
    bars = bars_of(shared_file("data/crypto/BTC-PERP_1m_20211231-20220201.csv.gz"))
    assert (len(bars), str(bars.timeframe), bars.tick_size) == (45_031, "1m", Decimal("0.001"))
    assert bars.opened_at[0] == from_datetime(datetime(2021, 12, 31, 23, 1, tzinfo=UTC))
    assert bars.valid().all()


@pytest.mark.parametrize(
    ("name", "rows", "timeframe"),
    [
        ("crypto/BTC-USD_coinbase_1h_201707-201910.csv.gz", 20_111, "1h"),
        ("crypto/ADA-BTC_5m_201801.csv.gz", 5_720, "5m"),
        ("crypto/BTC-USD_1M_2012-2024.csv", 156, "1M"),
        ("equity/GOOG_1d_2004-2013_backtestingpy.csv", 2_148, "1d"),
        ("equity/INTC_1d_yahoo.csv.gz", 2_335, "1d"),
        ("equity/AAPL_1h_1998-2021_raw.csv.gz", 40_831, "1h"),
        ("fx/EURUSD_1h_201704-201802.csv.gz", 5_000, "1h"),
    ],
)
def test_real_files_of_many_origins_are_read_without_options(name: str, rows: int, timeframe: str) -> None:
    bars = bars_of(shared_file(f"data/{name}"))
    assert (len(bars), str(bars.timeframe)) == (rows, timeframe)


def test_the_two_broken_rows_of_a_real_file_are_found() -> None:
    path = shared_file("data/equity/SPY_1d_yahoo.csv.gz")
    with pytest.raises(DataError, match=r"2 of 2,519 rows are not bars\n  line 1808: open .*\n  line 1825: open"):
        bars_of(path)
    assert len(bars_of(path, on_dirty="drop")) == 2_517


def test_a_real_file_of_several_timeframes_is_refused_and_not_mixed_up() -> None:
    with pytest.raises(
        DataError, match="expected the bars of one series, was timeframe 15m in line 2 and 1d in line 502"
    ):
        bars_of(shared_file("data/crypto/BTC-USDT_binance_multi-tf_2017-2018.csv.gz"))


def test_dirt_put_into_a_real_file_is_found_in_its_line(tmp_path: Path) -> None:
    text = gzip.decompress(shared_file("data/crypto/BTC-PERP_1m_20211231-20220201.csv.gz").read_bytes()).decode()
    lines = text.splitlines()
    lines[30_000] = lines[29_999]
    lines[40_000] = lines[40_000].replace(",", ",NaN,", 1).rpartition(",")[0]
    path = tmp_path / "dirty.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"2 of 45,031 rows are not bars\n  line 30001: time is the same.*\n  line 40001: "
    ):
        bars_of(path)
