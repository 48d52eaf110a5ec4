"""`atlas data list|verify|gaps|export|remove`: what is kept, whether it is sound, and how it goes out and away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from atlas_core import BarStore, DataError, SeriesKey, parse_timeframe
from atlas_core.cli.data_tables import COLUMNS, bytes_text, gap_text
from atlas_core.cli.doctor import examine
from atlas_core.cli.main import atlas, run_command_line
from atlas_core.cli.tables import fit
from atlas_core.errors import NotFound, UsageError
from atlas_core.runstore import RunStore
from tests.unit.test_barstore import bars

pytestmark = pytest.mark.usefixtures("instant_disk")

KEY = SeriesKey("files", "BTC/USD", parse_timeframe("1m"))
OTHER = SeriesKey("venue", "ETH/USD", parse_timeframe("1h"))


def call(*arguments: object, answer: str | None = None) -> Result:
    return CliRunner().invoke(atlas, ["data", *map(str, arguments)], input=answer)


@pytest.fixture
def store() -> BarStore:
    """Two series: one with a gap, and one of another source."""
    from atlas_core.barstore.manifest import Origin

    found = BarStore.at()
    for key, pieces in ((KEY, [bars(10), bars(5, 13)]), (OTHER, [bars(4, key=OTHER)])):
        with found.writer(key, append=False) as writer:
            for piece in pieces:
                writer.write(piece)
            writer.commit(Origin(name="a-file.csv", rows=writer.rows_written, written_at=0, repairs=("sort: 2",)))
    return found


def damage(store: BarStore, key: SeriesKey, name: str = "close.f8") -> None:
    (path,) = (store.root / key.path).glob(f"columns-*/{name}")
    path.write_bytes(b"\1" * path.stat().st_size)


def test_the_list_shows_what_is_kept(store: BarStore) -> None:
    lines = call("list").output.splitlines()
    assert lines[0].split() == ["Symbol", "TF", "Source", "From", "To", "Bars", "Gaps", "Missing", "Size", "Origin"]
    row = "BTC/USD 1m files 2026-01-05 2026-01-05 15 1 3 840 B a-file.csv, repaired"
    assert lines[2].split() == row.split()
    assert lines[-1] == f"2 series, 19 bars, 1.1 kB in {store.root}"
    assert "ETH/USD" not in call("list", "BTC/USD").output
    assert "BTC/USD" not in call("list", "--source", "venue", "--timeframe", "1h").output


@pytest.mark.usefixtures("store")
def test_the_list_for_machines_has_hashes_origins_and_the_whole_span() -> None:
    facts = json.loads(call("list", "BTC/USD", "--json").output)
    (series,) = facts["series"]
    assert (series["from"], series["to"]) == ("2026-01-05T00:00:00Z", "2026-01-05T00:18:00Z")
    assert series["identity"] == BarStore.at().series(KEY).manifest.identity
    assert series["origins"][0]["repairs"] == ["sort: 2"]
    assert facts["damaged"] == []


def test_an_empty_store_says_what_to_do() -> None:
    assert "atlas data import FILE, or atlas data download PROFILE" in call("list").output
    failed = call("verify", "X")
    assert isinstance(failed.exception, NotFound)
    assert "the store is empty" in str(failed.exception)


def test_the_list_fits_eighty_columns() -> None:
    cells = ["BTC/USDT:USDT", "8h funding", "binance", "2017-07-01", "2019-10-17", "20,111", "12", "4", "1 MB", "a.csv"]
    kept = [COLUMNS[index].name for index in fit(COLUMNS, [cells], 80).kept]
    assert kept == ["Symbol", "TF", "Source", "From", "To", "Bars", "Gaps", "Size"]


def test_verify_tells_what_is_sound_and_what_is_not(store: BarStore) -> None:
    sound = call("verify")
    assert sound.exit_code == 0
    assert "ok      BTC/USD 1m of files: 15 bars" in sound.output
    damage(store, KEY)
    (store.root / OTHER.path / "manifest.json").write_text("{")
    broken = call("verify")
    assert broken.exit_code == DataError.exit_code
    assert "BROKEN  BTC/USD 1m of files: 15 bars" in broken.output
    assert "close.f8: rows 1 to 15 are not what was written" in broken.output
    assert "manifest.json: expected a manifest, was damaged" in broken.output
    facts = json.loads(call("verify", "--json").output)
    assert facts["ok"] is False


def test_a_damaged_series_is_listed_as_damaged_and_can_be_removed(store: BarStore) -> None:
    (store.root / KEY.path / "manifest.json").write_text("")
    listed = call("list")
    assert listed.exit_code == DataError.exit_code
    assert "DAMAGED" in listed.output
    assert "ETH/USD" in listed.output
    assert call("remove", "BTC/USD", "--yes").exit_code == 0
    assert call("list").exit_code == 0


def test_a_damaged_series_of_another_timeframe_is_neither_shown_nor_removed(store: BarStore) -> None:
    manifest = store.root / KEY.path / "manifest.json"
    manifest.write_text("")
    assert isinstance(call("remove", "BTC/USD", "--timeframe", "5m", "--yes").exception, NotFound)
    assert isinstance(call("remove", "BTC/USD", "--price", "mark", "--yes").exception, NotFound)
    assert manifest.exists()
    assert call("list", "--timeframe", "1h").exit_code == 0
    assert call("remove", "BTC/USD", "--timeframe", "1m", "--price", "trade", "--yes").exit_code == 0
    assert not manifest.exists()


def test_the_doctor_opens_every_series(store: BarStore) -> None:
    sound = [finding for finding in examine(RunStore.at(), None) if finding.area == "Bars"]
    assert [(finding.level, finding.text) for finding in sound] == [
        ("ok", f"2 series, 19 bars, 1.1 kB in {store.root}"),
    ]
    (path,) = (store.root / KEY.path).glob("columns-*/low.f8")
    path.write_bytes(b"")
    levels = [finding.level for finding in examine(RunStore.at(), None) if finding.area == "Bars"]
    assert levels == ["fail", "ok"]


def test_nothing_is_removed_without_a_yes(store: BarStore) -> None:
    asked = call("remove", "BTC/USD", answer="n\n")
    assert "remove BTC/USD 1m of files, 15 bars? [y/N]" in asked.output
    assert len(store.all()) == 2
    assert "removed BTC/USD 1m of files" in call("remove", "BTC/USD", answer="y\n").output
    assert [series.key for series in store.all()] == [OTHER]
    assert isinstance(call("remove").exception, UsageError)
    unanswered = call("remove", "ETH/USD", answer="")
    assert "--yes removes without asking" in str(unanswered.exception)
    assert [series.key for series in store.all()] == [OTHER]
    assert isinstance(call("remove", "BTC/USD", "--yes").exception, NotFound)


@pytest.mark.usefixtures("store")
def test_what_was_not_found_is_told_with_what_is_kept() -> None:
    failed = call("gaps", "DOGE/USD")
    assert isinstance(failed.exception, NotFound)
    assert "expected bars of DOGE/USD in" in str(failed.exception)
    assert "kept are BTC/USD 1m of files, ETH/USD 1h of venue" in str(failed.exception)


@pytest.mark.parametrize("command", [("export",), ("gaps",), ("verify",), ("remove", "--yes")])
def test_one_symbol_of_several_that_is_not_kept_is_an_error_before_anything_is_done(
    store: BarStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = call(*command, "BTC/USD", "BTC/USDD")
    assert isinstance(failed.exception, NotFound)
    assert "expected bars of BTC/USDD in" in str(failed.exception)
    assert (len(store.all()), failed.output, list(tmp_path.glob("*.parquet"))) == (2, "", [])


@pytest.mark.usefixtures("store")
def test_a_symbol_that_is_said_twice_is_exported_once(tmp_path: Path) -> None:
    assert call("export", "BTC/USD", "BTC/USD", "--to", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["BTC-USD_1m.parquet"]


@pytest.mark.usefixtures("store")
def test_a_list_of_what_is_not_kept_does_not_say_that_the_store_is_empty() -> None:
    assert isinstance(call("list", "DOGE/USD").exception, NotFound)
    assert json.loads(call("list", "DOGE/USD", "--json").output)["series"] == []


@pytest.mark.usefixtures("store")
def test_gaps_are_shown_with_their_length() -> None:
    lines = call("gaps", "BTC/USD").output.splitlines()
    assert lines[0] == "BTC/USD 1m of files, session 24x7"
    assert lines[3].split() == ["2026-01-05", "00:10Z", "2026-01-05", "00:13Z", "3", "3m"]
    assert lines[4] == "1 gap, 3 bars missing beside 15"
    assert "no gap in 4 bars" in call("gaps", "ETH/USD").output


@pytest.mark.usefixtures("store")
def test_exports_are_named_by_symbol_and_timeframe_and_replace_nothing_unasked(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = call("export", "--to", folder)
    assert done.exit_code == 0, done.exception
    assert sorted(path.name for path in folder.iterdir()) == ["BTC-USD_1m.parquet", "ETH-USD_1h.parquet"]
    again = call("export", "--to", folder)
    assert isinstance(again.exception, UsageError)
    assert "--force replaces them" in str(again.exception)
    assert call("export", "--to", folder, "--force").exit_code == 0
    assert isinstance(call("export", "--to", tmp_path / "one.csv", "--format", "csv").exception, UsageError)


def test_bars_that_were_damaged_are_not_written_out_as_if_they_were_sound(store: BarStore, tmp_path: Path) -> None:
    damage(store, KEY)
    refused = call("export", KEY.symbol, "--timeframe", str(KEY.timeframe), "--to", tmp_path / "out")
    assert isinstance(refused.exception, DataError)
    assert "are not what was written" in str(refused.exception)
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.usefixtures("store")
def test_a_time_range_cuts_an_export(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    span = "20260105T0002-20260105T0005"
    done = call("export", "BTC/USD", "--format", "csv", "--to", path, "--timerange", span, "--json")
    assert [each["bars"] for each in json.loads(done.output)] == [3]
    lines = path.read_text().splitlines()
    assert lines[0] == "ts,open,high,low,close,volume"
    assert [line.split(",")[0] for line in lines[1:]] == [f"2026-01-05T00:0{minute}:00Z" for minute in (2, 3, 4)]


@pytest.mark.usefixtures("store")
def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.csv"
    path.write_text("mine")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    failed = call("export", "BTC/USD", "--format", "csv", "--to", path, "--force")
    assert isinstance(failed.exception, OSError)
    assert [each.name for each in tmp_path.iterdir()] == ["some.csv"]
    assert path.read_text() == "mine"


def test_a_missing_file_is_an_error_without_a_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = run_command_line(["data", "import", str(tmp_path / "none.csv"), "--symbol", "X"])
    assert code == DataError.exit_code
    assert "none.csv: expected a readable file, was not: No such file or directory" in capsys.readouterr().err


def test_the_home_of_the_command_line_is_where_bars_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    ended = CliRunner().invoke(atlas, ["--home", str(home), "data", "list"])
    assert f"no bars are kept in {home / 'data'}" in ended.output


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (5.6e8, "560.0 MB")])
def test_sizes_are_told_as_people_read_them(size: float, text: str) -> None:
    assert bytes_text(size) == text


def test_gaps_are_counted_in_words() -> None:
    assert [gap_text(0, 0), gap_text(1, 1), gap_text(1_200, 3_000)] == [
        "no gap",
        "1 gap, 1 bar missing",
        "1,200 gaps, 3,000 bars missing",
    ]
