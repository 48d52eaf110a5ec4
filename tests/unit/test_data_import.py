"""`atlas data import`: clean files become series, bad ones a clear error, and a repair is done only when asked for."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from atlas_core import BarStore, SeriesKey, parse_timeframe, read_moment
from atlas_core.cli.main import atlas
from tests.shared import shared_file

pytestmark = pytest.mark.usefixtures("instant_disk")

MINUTE = 60 * 10**9
START = read_moment("2026-01-05")
KEY = SeriesKey("files", "X", parse_timeframe("1m"))
HEADER = "ts,open,high,low,close,volume"
CLEAN = [
    f"{(START + row * MINUTE) // 10**6},{100 + row}.5,{102 + row},{100 + row},{101 + row},{row}" for row in range(30)
]


def write(folder: Path, rows: list[str], name: str = "bars.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(atlas, ["data", *map(str, arguments)])


def told(*arguments: object) -> str:
    """Return what a command that fails says."""
    failed = call(*arguments)
    assert failed.exit_code != 0, failed.output
    return f"{failed.exception}{failed.output}"


def imported(path: Path, *options: object) -> Result:
    done = call("import", path, "--symbol", "X", *options)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def kept() -> int:
    """Return how many series the store has, whole or not."""
    return len(BarStore.at().manifests()) + len(list(BarStore.at().root.glob("*/*/*/columns-*")))


def changed(row: int, column: int, value: str) -> list[str]:
    fields = CLEAN[row].split(",")
    fields[column] = value
    return [*CLEAN[:row], ",".join(fields), *CLEAN[row + 1 :]]


def test_a_clean_file_becomes_a_series(tmp_path: Path) -> None:
    done = imported(write(tmp_path, CLEAN))
    assert "X 1m of files: 30 bars added · 30 bars from 2026-01-05 00:00Z to 2026-01-05 00:30Z · no gap" in done.output
    bars = BarStore.at().bars(KEY)
    assert (len(bars), bars.tick_size, bars.volume[7]) == (30, Decimal("0.1"), 7)
    assert BarStore.at().series(KEY).manifest.origins[0].name == "bars.csv"


def packed(kind: str, content: bytes) -> bytes:
    if kind == "gz":
        return gzip.compress(content)
    target = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._bars.csv", b"junk")
            archive.writestr("inner/bars.csv", content)
    else:
        with tarfile.open(fileobj=target, mode="w:gz" if kind == "tgz" else "w") as archive:
            member = tarfile.TarInfo("inner/bars.csv")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize("kind", ["gz", "zip", "tar", "tgz"])
def test_packed_files_are_read_and_cut_off_ones_are_refused_with_nothing_written(tmp_path: Path, kind: str) -> None:
    rows = [
        f"{(START + row * MINUTE) // 10**6},{100 + row % 7},{108},{99},{100 + row % 5},{row}" for row in range(5000)
    ]
    whole = packed(kind, "\n".join([HEADER, *rows]).encode())
    path = tmp_path / f"bars.{kind}"
    for share in (0.3, 0.6, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        text = told("import", path, "--symbol", "X")
        assert "was damaged or cut off" in text or "was one for" in text or "rows are not bars" in text
        assert kept() == 0
    path.write_bytes(whole)
    imported(path)
    assert len(BarStore.at().bars(KEY)) == 5000


def test_the_files_of_an_archive_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "years.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for year, rows in ((1, CLEAN[:10]), (2, CLEAN[10:])):
            archive.writestr(f"bars-{year}.csv", "\n".join([HEADER, *rows]))
    imported(path)
    assert len(BarStore.at().bars(KEY)) == 30
    imported(path, "--replace")
    assert len(BarStore.at().bars(KEY)) == 30


BAD = [
    (changed(7, 2, "nan"), "line 9: high: expected a finite number, was nan", "drop-invalid"),
    (changed(7, 2, ""), "line 9: high: expected a number, was blank", "drop-invalid"),
    (changed(7, 3, "-5"), "line 9: low: expected a price above 0, was -5", "drop-invalid"),
    (changed(7, 3, "0"), "line 9: low: expected a price above 0, was 0", "drop-invalid"),
    (changed(7, 2, "50"), "line 9: high 50 is below low 107", "drop-invalid"),
    (changed(7, 5, "-1"), "line 9: volume: expected 0 or more, was -1", "drop-invalid"),
    ([*CLEAN[:7], "1,2", *CLEAN[8:]], "line 9: expected 6 fields, was 2", "drop-invalid"),
    ([*CLEAN[:8], CLEAN[7], *CLEAN[8:]], "line 10: time is the same as that of an earlier row", "dedupe"),
    (
        [*CLEAN[:8], changed(7, 5, "99")[7], *CLEAN[8:]],
        "line 10: time is the same as that of an earlier row",
        "keep-first",
    ),
    ([*CLEAN[:7], CLEAN[8], CLEAN[7], *CLEAN[9:]], "line 10: time is before that of an earlier row", "sort"),
    (CLEAN[::-1], "line 3: time is before that of an earlier row", "sort"),
]


@pytest.mark.parametrize(("rows", "reason", "repair"), BAD, ids=[f"{reason} {repair}" for _, reason, repair in BAD])
def test_bad_rows_are_refused_with_the_repair_that_helps_and_repaired_only_when_asked(
    tmp_path: Path, rows: list[str], reason: str, repair: str
) -> None:
    path = write(tmp_path, rows)
    text = told("import", path, "--symbol", "X")
    assert f"rows are not bars\n  {reason}" in text
    assert f"import it with --repair {repair}" in text
    assert kept() == 0
    done = imported(path, "--repair", repair)
    assert "  repaired: " in done.output
    bars = BarStore.at().bars(KEY)
    assert len(bars) == len(rows) - (repair != "sort")
    assert bars.valid().all()
    assert BarStore.at().series(KEY).manifest.origins[0].repairs[0].startswith(f"{repair}: ")


def test_the_last_of_two_rows_can_be_kept(tmp_path: Path) -> None:
    path = write(tmp_path, [*CLEAN[:8], changed(7, 5, "99")[7], *CLEAN[8:]])
    imported(path, "--repair", "keep-last")
    assert BarStore.at().bars(KEY).volume[7] == 99
    imported(path, "--repair", "keep-first", "--replace")
    assert BarStore.at().bars(KEY).volume[7] == 7


def test_one_repair_does_not_do_the_work_of_another(tmp_path: Path) -> None:
    path = write(tmp_path, [*changed(3, 2, "nan")[:8], CLEAN[7], *CLEAN[8:]])
    text = told("import", path, "--symbol", "X", "--repair", "dedupe")
    assert "1 of 31 rows are not bars\n  line 5: high" in text
    done = imported(path, "--repair", "dedupe,drop-invalid")
    assert "repaired: 1 repeated row left out" in done.output
    assert "    line 5: high: expected a finite number, was nan" in done.output
    assert "1 gap, 1 bar missing" in done.output


def test_a_gap_is_told_and_never_filled(tmp_path: Path) -> None:
    imported(write(tmp_path, [*CLEAN[:5], *CLEAN[9:]]))
    assert len(BarStore.at().bars(KEY)) == 26
    (facts,) = json.loads(call("gaps", "X", "--json").output)
    expected = {"from": "2026-01-05T00:05:00Z", "to": "2026-01-05T00:09:00Z", "missing_bars": 4}
    assert facts["gaps"] == [expected]
    assert "1 gap, 4 bars missing beside 26" in call("gaps", "X").output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a header and rows, was empty"),
        (HEADER.encode() + b"\n", "expected rows below the header, was none"),
        (b"ts,open,high,close,volume\n1,2,3,4,5\n", "expected columns for low, was ts, open, high, close, volume"),
        (b"a,b\nc,d\n", "expected columns for time, open, high, low, close"),
        (b"\xff\xfe\x00t", "expected UTF-8 text, gzip, zip, tar, Parquet or Feather"),
        (b"x" * 2_000_000, "expected lines of text, was one of more than"),
        (b"PAR1 not really", "expected a whole Parquet"),
        (b"ARROW1 not really", "expected a whole Parquet or Feather file"),
        (b"PK\x03\x04 not really", "expected a whole zip file"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(content)
    assert message in told("import", path, "--symbol", "X")
    assert kept() == 0


def test_times_of_two_units_are_refused_even_when_the_second_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.barfiles.text.read_text.__defaults__", (256,))
    rows = [*CLEAN[:20], *(row.replace("000,", ",", 1) for row in CLEAN[20:])]
    path = write(tmp_path, rows)
    text = told("import", path, "--symbol", "X")
    assert "expected times of one" in text
    assert "seconds from line 22, milliseconds from line" in text
    assert kept() == 0


@pytest.mark.parametrize("factor", [100, 0.01, 1e4])
def test_prices_of_two_units_are_refused_unless_the_market_did_that(tmp_path: Path, factor: float) -> None:
    rows = list(CLEAN)
    for row in range(15, 30):
        time, *prices, volume = rows[row].split(",")
        rows[row] = ",".join([time, *(f"{float(price) * factor:.12g}" for price in prices), volume])
    path = write(tmp_path, rows)
    text = told("import", path, "--symbol", "X")
    assert "expected prices of one unit, was 115 and then" in text
    assert "in line 17; bring them to one unit, or import with --allow-jumps" in text
    assert kept() == 0
    imported(path, "--allow-jumps")


def test_a_file_in_another_unit_than_the_kept_bars_is_refused(tmp_path: Path) -> None:
    imported(write(tmp_path, CLEAN[:10]))
    rows = [",".join([row.split(",")[0], "11050", "11200", "11000", "11100", "1"]) for row in CLEAN[10:]]
    text = told("import", write(tmp_path, rows), "--symbol", "X")
    assert "expected prices of one unit, was 110 and then 11050 in its first row" in text
    assert len(BarStore.at().bars(KEY)) == 10


def test_bars_that_are_kept_must_agree_and_those_that_are_missing_are_added(tmp_path: Path) -> None:
    imported(write(tmp_path, CLEAN[10:20]))
    again = imported(write(tmp_path, CLEAN))
    assert "20 bars added, 10 were there already · 30 bars" in again.output
    identity = BarStore.at().series(KEY).manifest.identity
    same = imported(write(tmp_path, CLEAN[5:9]))
    assert "0 bars added, 4 were there already" in same.output
    text = told("import", write(tmp_path, changed(7, 4, "107.25")), "--symbol", "X")
    assert "expected close 108 at 2026-01-05 00:07Z as it is kept, was 107.25; nothing was written" in text
    assert BarStore.at().series(KEY).manifest.identity == identity
    imported(write(tmp_path, changed(7, 4, "107.25")), "--replace")
    assert BarStore.at().bars(KEY).close[7] == 107.25


def test_bars_may_come_in_any_order_of_files(tmp_path: Path) -> None:
    parts = [CLEAN[20:], CLEAN[:10], CLEAN[10:20]]
    paths = [write(tmp_path, rows, name=f"{number}.csv") for number, rows in enumerate(parts)]
    assert call("import", *paths, "--symbol", "X").exit_code == 0
    whole = SeriesKey("whole", "X", KEY.timeframe)
    imported(write(tmp_path, CLEAN), "--source", "whole")
    store = BarStore.at()
    assert store.series(KEY).manifest.identity == store.series(whole).manifest.identity
    assert [origin.rows for origin in store.series(KEY).manifest.origins] == [10, 10, 10]


def test_what_was_imported_before_a_bad_file_stays_and_is_told(tmp_path: Path) -> None:
    good, bad = write(tmp_path, CLEAN[:10], "a.csv"), write(tmp_path, changed(12, 2, "")[10:], "b.csv")
    text = told("import", good, bad, "--symbol", "X")
    assert "1 file imported before this one, and kept" in text
    assert "b.csv: 1 of 20 rows" in text
    assert len(BarStore.at().bars(KEY)) == 10


def test_a_file_that_does_not_say_whose_bars_it_has_must_be_told(tmp_path: Path) -> None:
    assert "add --symbol, as in --symbol BTC/USD" in told("import", write(tmp_path, CLEAN))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--repair", "mend"], "expected --repair with some of these, was mend"),
        (["--repair", "keep-first,keep-last"], "keep-first contradicts keep-last"),
        (["--timeframe", "1x"], "expected a timeframe such as 1m"),
        (["--columns", "when=ts"], "expected --columns such as"),
        (["--zone", "Mars/Base"], "expected --zone with a time zone"),
        (["--tick", "0"], "expected --tick above 0"),
        (["--price", "ask"], "expected prices of trade, mark, index, funding"),
        (["--format", "parquet"], "expected parquet, was csv"),
        (["--format", "freqtrade"], "expected a name such as BTC_USDT-5m.feather"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    assert message in told("import", write(tmp_path, CLEAN), "--symbol", "X", *options)


SEVERAL = [f"{row},{name}" for name in ("AAA", "BBB") for row in CLEAN]


def test_a_file_of_several_series_is_refused_and_one_of_them_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, SEVERAL, header=f"{HEADER},Name")
    text = told("import", path, "--symbol", "X", "--repair", "sort,keep-first,drop-invalid")
    assert "expected the bars of one series, was Name AAA in line 2 and BBB in line 32" in text
    assert "--only Name=AAA" in text
    assert kept() == 0
    assert "expected rows with Name=CCC, was none" in told("import", path, "--symbol", "X", "--only", "Name=CCC")
    assert "expected a column Pair that says whose" in told("import", path, "--symbol", "X", "--only", "Pair=C")
    assert "expected --only COLUMN=VALUE" in told("import", path, "--symbol", "X", "--only", "CCC")
    imported(path, "--only", "Name=BBB")
    assert len(BarStore.at().bars(KEY)) == 30


def test_the_lines_of_a_chosen_series_are_those_of_the_file(tmp_path: Path) -> None:
    rows = list(SEVERAL)
    rows[40] = rows[40].replace(",110.5,", ",nan,")
    rows[45] = "soon,1,2,1,1,1,BBB"
    path = write(tmp_path, rows, header=f"{HEADER},Name")
    text = told("import", path, "--symbol", "X", "--only", "Name=BBB")
    assert "2 of 30 rows are not bars\n  line 42: open: expected a finite number, was nan\n  line 47: time" in text
    imported(path, "--only", "Name=AAA")


@pytest.mark.parametrize("timeframe", ["5m", "4h", "1d", "1M"])
def test_bars_closer_together_than_they_are_said_to_be_long_are_refused(tmp_path: Path, timeframe: str) -> None:
    path = write(tmp_path, CLEAN)
    said = told("import", path, "--symbol", "X", "--timeframe", timeframe, "--repair", "drop-invalid")
    assert f"expected bars of {timeframe}, was most often 1 minutes from one to the next" in said
    assert kept() == 0


def test_bars_that_a_session_cuts_short_are_those_they_are_said_to_be(tmp_path: Path) -> None:
    days = [START + day * 1440 * MINUTE for day in range(5)]
    opened = [day + minute * MINUTE for day in days for minute in (870, 960, 1200)]  # 14:30, 16:00 and 20:00
    rows = [f"{ts // 10**6},100,102,99,101,5" for ts in opened]
    imported(write(tmp_path, rows), "--timeframe", "4h")
    assert len(BarStore.at().bars(SeriesKey("files", "X", parse_timeframe("4h")))) == 15


def test_the_timeframes_of_one_file_are_imported_one_by_one(tmp_path: Path) -> None:
    del tmp_path
    path = shared_file("data/crypto/BTC-USDT_binance_multi-tf_2017-2018.csv.gz")
    assert "--only timeframe=15m" in told("import", path, "--symbol", "X")
    imported(path, "--only", "timeframe=4h")
    assert len(BarStore.at().bars(SeriesKey("files", "X", parse_timeframe("4h")))) == 500


def test_a_parquet_file_of_several_series_is_refused_too(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    fields = [row.split(",") for row in SEVERAL]
    columns = {name: [float(row[place]) for row in fields] for place, name in enumerate(HEADER.split(",")) if place}
    times = pa.array([int(row[0]) for row in fields], type=pa.int64())
    path = tmp_path / "bars.parquet"
    parquet.write_table(pa.table({"ts": times, **columns, "ticker": [row[6] for row in fields]}), path)
    assert "was ticker AAA in line 1 and BBB in line 31" in told("import", path, "--symbol", "X")
    imported(path, "--only", "ticker=BBB")
    assert len(BarStore.at().bars(KEY)) == 30


def test_columns_zone_and_marks_are_read_as_told(tmp_path: Path) -> None:
    rows = [f"1,2026-01-05 00:{row + 1:02}:00,{row + 2},{row + 2},{row + 1},{row + 1}" for row in range(20)]
    path = write(tmp_path, rows, header="id,Local,O,Top,Bottom,C")
    imported(
        path, "--columns", "time=Local,high=Top,low=Bottom", "--zone", "America/New_York", "--time-marks", "close",
        "--tick", "0.25",
    )  # fmt: skip
    bars = BarStore.at().bars(KEY)
    assert bars.opened_at[0] == START + 5 * 60 * MINUTE
    assert (bars.tick_size, bars.volume.sum()) == (Decimal("0.25"), 0)


def feather(path: Path, opened: list[int], prices: list[list[float]], volume: list[float] | None) -> None:
    import pyarrow as pa
    from pyarrow import feather as writer

    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"date": pa.array([ts // 10**6 for ts in opened]).cast(pa.timestamp("ms", tz="UTC"))}
    columns |= {name: pa.array(values) for name, values in zip(("open", "high", "low", "close"), prices, strict=True)}
    columns["volume"] = pa.array(volume or [None] * len(opened), type=pa.float64())
    writer.write_feather(pa.table(columns), path)


def test_a_folder_of_freqtrade_says_symbol_timeframe_prices_and_source_by_its_names(tmp_path: Path) -> None:
    folder = tmp_path / "binance"
    five, hour, eight = (parse_timeframe(text).duration for text in ("5m", "1h", "8h"))
    closes = [5.0, 6.0, 5.5]
    prices = [closes, [7.0] * 3, [4.0] * 3, closes]
    feather(folder / "BTC_USDT-5m.feather", [START + row * five for row in range(3)], prices, [1.0, 2.0, 3.0])
    names = folder / "futures"
    feather(names / "XRP_USDT_USDT-1h-futures.feather", [START + row * hour for row in range(3)], prices, [1.0] * 3)
    feather(names / "XRP_USDT_USDT-1h-mark.feather", [START + row * hour for row in range(3)], prices, None)
    rates = [[0.0001, -0.0002, 0.00005], [0.0] * 3, [0.0] * 3, [0.0] * 3]
    moments = [START + 17_000_000, START + eight + 7_000_000, START + 2 * eight]
    feather(names / "XRP_USDT_USDT-8h-funding_rate.feather", moments, rates, [0.0] * 3)
    done = call("import", folder, "--format", "freqtrade")
    assert done.exit_code == 0, (done.output, done.exception)
    assert sorted(str(series.key) for series in BarStore.at().all()) == [
        "BTC/USDT 5m of binance",
        "XRP/USDT:USDT 1h mark of binance",
        "XRP/USDT:USDT 1h of binance",
        "XRP/USDT:USDT 8h funding of binance",
    ]
    (funding,) = BarStore.at().find("XRP/USDT:USDT", parse_timeframe("8h"))
    assert funding.bars().close.tolist() == rates[0]
    assert funding.bars().opened_at.tolist() == moments


def test_real_files_of_many_venues_are_imported_as_they_are(tmp_path: Path) -> None:
    del tmp_path
    files = {
        "data/crypto/BTC-USD_coinbase_1h_201707-201910.csv.gz": (20_111, "1h"),
        "data/crypto/ADA-EUR_bitvavo_1h_20211222-20231231.csv.gz": (17_701, "1h"),
        "data/crypto/BTC-USD_1M_2012-2024.csv": (156, "1M"),
        "data/fx/EURUSD_1h_201704-201802.csv.gz": (5_000, "1h"),
    }
    for name, (rows, timeframe) in files.items():
        done = call("import", shared_file(name), "--symbol", "S", "--source", name, "--json")
        assert done.exit_code == 0, (name, done.output, done.exception)
        (facts,) = json.loads(done.output)
        assert (facts["rows"], facts["timeframe"]) == (rows, timeframe)


def test_nights_are_told_from_gaps_by_the_session() -> None:
    path = shared_file("data/equity/SPY_1h_1998-2021_raw.csv.gz")
    assert "a market that closes? --session us-equities" in imported(path).output
    again = imported(path, "--session", "us-equities")
    assert "0 bars added, 40,832 were there already" in again.output
    assert "1 gap, 2 bars missing" in again.output
    assert "a market that closes?" not in again.output
    (late_opening,) = json.loads(call("gaps", "X", "--json").output)[0]["gaps"]
    assert late_opening["from"].startswith("2002-09-10"), "on 2002-09-11 the exchanges opened later"


def test_the_dirty_rows_of_a_real_file_are_found(tmp_path: Path) -> None:
    path = shared_file("data/equity/SPY_1d_yahoo.csv.gz")
    assert ": 2 of " in told("import", path, "--symbol", "SPY")
    imported(path, "--repair", "drop-invalid", "--session", "us-equities")
    series = BarStore.at().series(SeriesKey("files", "X", parse_timeframe("1d")))
    assert series.manifest.missing_bars >= 2
    assert np.all(np.diff(series.bars().opened_at) > 0)
