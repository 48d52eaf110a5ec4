"""The bar store: what is written is what is mapped, appended rows follow, and damage is found."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from atlas_core import Bars, DataError, parse_timeframe
from atlas_core.barstore.columns import BLOCK_ROWS, TYPES, column_path
from atlas_core.barstore.keys import PriceKind, SeriesKey
from atlas_core.barstore.manifest import FILE_NAME, Manifest, Origin
from atlas_core.barstore.store import BarStore, StoredSeries
from atlas_core.errors import NotFound
from atlas_core.model.session import TradingSession

pytestmark = pytest.mark.usefixtures("instant_disk")

MINUTE = 60 * 10**9
START = 1_767_571_200 * 10**9  # Monday 2026-01-05
KEY = SeriesKey("files", "BTC/USD", parse_timeframe("1m"))
ORIGIN = Origin(name="btc.csv", rows=0, written_at=START)


def bars(count: int, first: int = 0, key: SeriesKey = KEY) -> Bars:
    opened = START + np.arange(first, first + count) * key.timeframe.duration
    close = 100.0 + np.arange(first, first + count) % 97
    volume = np.ones(count)
    available = opened + key.timeframe.duration
    return Bars(
        key.symbol, key.timeframe, opened, available, close, close + 1, close - 1, close, volume, Decimal("0.5")
    )


def put(store: BarStore, *pieces: Bars, append: bool = False, key: SeriesKey = KEY) -> Manifest:
    with store.writer(key, append=append) as writer:
        for piece in pieces:
            writer.write(piece)
        return writer.commit(ORIGIN)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore.at(tmp_path)


def same(one: Bars, other: Bars) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in TYPES)


def test_what_is_written_is_what_is_mapped(store: BarStore) -> None:
    manifest = put(store, bars(10), bars(7, 10))
    found = store.bars(KEY)
    assert same(found, bars(17))
    assert (found.symbol, found.timeframe, found.tick_size) == ("BTC/USD", KEY.timeframe, Decimal("0.5"))
    assert (manifest.rows, manifest.gaps, manifest.missing_bars) == (17, 0, 0)
    assert (manifest.first_opened_at, manifest.last_available_at) == (START, START + 17 * MINUTE)
    assert store.series(KEY).manifest == manifest


def test_the_columns_are_mapped_and_cannot_be_written_to(store: BarStore) -> None:
    put(store, bars(10))
    found = store.bars(KEY)
    for name in TYPES:
        column = getattr(found, name)
        assert not column.flags.writeable
        assert not column.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_appended_bars_follow_and_a_reader_keeps_what_it_mapped(store: BarStore) -> None:
    put(store, bars(10))
    before = store.bars(KEY)
    put(store, bars(5, 10), append=True)
    assert same(before, bars(10))
    assert same(store.bars(KEY), bars(15))
    assert not [line for _, faults in store.series(KEY).verify() for line in faults]


def test_a_replaced_series_leaves_readers_their_old_columns(store: BarStore) -> None:
    put(store, bars(10))
    before = store.bars(KEY)
    put(store, bars(3, 50))
    assert same(before, bars(10))
    assert same(store.bars(KEY), bars(3, 50))
    assert [path.name for path in (store.root / KEY.path).glob("columns-*")] == ["columns-000002"]


def test_a_reader_that_is_overtaken_by_a_writer_reads_the_new_columns(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, bars(10))
    real = StoredSeries.bars

    def overtaken(series: StoredSeries) -> Bars:
        monkeypatch.setattr(StoredSeries, "bars", real)
        put(store, bars(3, 50))
        return real(series)

    monkeypatch.setattr(StoredSeries, "bars", overtaken)
    assert same(store.bars(KEY), bars(3, 50))


def test_the_same_bars_have_one_identity_however_they_were_written(store: BarStore, tmp_path: Path) -> None:
    at_once = put(store, bars(40))
    other = BarStore.at(tmp_path / "other")
    put(other, bars(11))
    put(other, bars(9, 11), append=True)
    assert put(other, bars(20, 20), append=True).identity == at_once.identity
    assert put(other, bars(39)).identity != at_once.identity


def test_blocks_are_hashed_on_their_own_and_an_append_only_reads_the_last_one(store: BarStore) -> None:
    whole = bars(BLOCK_ROWS + 100)
    put(store, whole.between(0, BLOCK_ROWS - 5))
    appended = put(store, whole.between(BLOCK_ROWS - 5, len(whole)), append=True)
    for name, hashes in appended.blocks.items():
        content = getattr(whole, name).tobytes()
        parts = (content[: BLOCK_ROWS * 8], content[BLOCK_ROWS * 8 :])
        assert list(hashes) == [hashlib.sha256(part).hexdigest() for part in parts]


def test_a_writer_that_gives_up_changes_nothing(store: BarStore) -> None:
    put(store, bars(10))
    for append in (True, False):
        with store.writer(KEY, append=append) as writer:
            writer.write(bars(5, 10))
    assert same(store.bars(KEY), bars(10))
    put(store, bars(2, 10), append=True)
    assert same(store.bars(KEY), bars(12))


def with_closes(close: float) -> Bars:
    sound = bars(3, 20)
    columns = [getattr(sound, name) for name in TYPES]
    columns[5] = np.array([sound.close[0], close, sound.close[2]])
    return Bars("BTC/USD", KEY.timeframe, *columns)


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (bars(5, 5), "they overlap what is written"),
        (with_closes(np.nan), "expected rows that are bars: finite"),
        (with_closes(np.inf), "expected rows that are bars: finite"),
        (with_closes(1.0), "expected rows that are bars: finite, high at the top and low at the bottom"),
    ],
)
def test_rows_that_are_not_bars_in_order_are_refused(store: BarStore, piece: Bars, message: str) -> None:
    put(store, bars(10))
    with pytest.raises(DataError, match=message), store.writer(KEY, append=True) as writer:
        writer.write(piece)
    assert same(store.bars(KEY), bars(10))


def test_one_process_writes_a_series_at_a_time_and_another_series_is_free(store: BarStore) -> None:
    other = SeriesKey("files", "ETH/USD", KEY.timeframe)
    with store.writer(KEY, append=True):
        with pytest.raises(DataError, match="another process is writing it"):
            store.writer(KEY, append=True)
        put(store, bars(3, key=other), key=other)
    put(store, bars(3))
    assert [series.key for series in store.all()] == [KEY, other]


def test_gaps_are_counted_in_the_session_and_over_the_seam_of_an_append(store: BarStore) -> None:
    put(store, bars(3), bars(3, 5))
    manifest = put(store, bars(2, 10), append=True)
    assert (manifest.gaps, manifest.missing_bars) == (2, 4)


def test_a_night_is_no_gap_in_a_session(store: BarStore) -> None:
    hour = SeriesKey("files", "ACME", parse_timeframe("30m"))
    opens = START + 14 * 60 * MINUTE + 30 * MINUTE
    times = [opens + day * 1_440 * MINUTE + half * 30 * MINUTE for day in range(3) for half in range(13)]
    del times[15:17]
    opened, price = np.array(times), np.full(len(times), 5.0)
    made = Bars("ACME", hour.timeframe, opened, opened + 30 * MINUTE, price, price, price, price, price)
    with store.writer(hour, append=False) as writer:
        writer.counts_in(TradingSession.US_EQUITIES)
        writer.write(made)
        manifest = writer.commit(ORIGIN)
    assert (manifest.gaps, manifest.missing_bars) == (1, 2)


def test_symbols_and_timeframes_of_any_spelling_have_places_of_their_own(store: BarStore) -> None:
    symbols = ("BTC/USD", "ETH/USDT:USDT", "SPY   260116C00500000", "..", "a%2Fb", "ÄÖ")
    keys = [SeriesKey(source, symbol, parse_timeframe("1m")) for source in ("a b", "x/y") for symbol in symbols]
    keys += [SeriesKey("x", "S", parse_timeframe(text), kind) for text in ("1m", "1M") for kind in PriceKind]
    assert len({str(key.path).lower() for key in keys}) == len(keys)
    for key in keys:
        put(store, bars(2, key=key), key=key)
        assert (store.root / key.path).resolve().parent.parent.parent == store.root.resolve()
    assert {series.key for series in store.all()} == set(keys)


def test_a_series_is_found_by_what_is_said_of_it_and_can_be_removed(store: BarStore) -> None:
    put(store, bars(3))
    with pytest.raises(NotFound, match="atlas data list"):
        store.series(SeriesKey("files", "ETH/USD", KEY.timeframe))
    assert [series.key for series in store.find("BTC/USD", parse_timeframe("1m"))] == [KEY]
    assert store.find("BTC/USD", parse_timeframe("5m")) == store.find(source="other") == ()
    mapped = store.bars(KEY)
    store.remove(KEY)
    assert store.all() == ()
    assert same(mapped, bars(3))
    with pytest.raises(NotFound):
        store.remove(KEY)


def test_every_changed_byte_of_a_column_is_found_by_verify(store: BarStore) -> None:
    manifest = put(store, bars(10))
    folder = store.root / KEY.path / manifest.folder
    for number, name in enumerate(TYPES):
        path = column_path(folder, name)
        sound = path.read_bytes()
        damaged = bytearray(sound)
        damaged[number * 8 + 3] ^= 1
        path.write_bytes(damaged)
        faults = {column: lines for column, lines in store.series(KEY).verify() if lines}
        assert list(faults) == [name]
        assert "rows 1 to 10 are not what was written" in faults[name][0]
        path.write_bytes(sound)


def test_an_append_does_not_hide_damage_under_a_new_hash(store: BarStore) -> None:
    manifest = put(store, bars(10))
    path = column_path(store.root / KEY.path / manifest.folder, "close")
    path.write_bytes(b"\0" * 80)
    with pytest.raises(DataError, match="was damaged; see atlas data verify"):
        put(store, bars(2, 10), append=True)


def test_an_append_does_not_fill_up_a_column_that_was_cut_off(store: BarStore) -> None:
    manifest = put(store, bars(BLOCK_ROWS))
    path = column_path(store.root / KEY.path / manifest.folder, "close")
    path.write_bytes(path.read_bytes()[:-8])
    size = path.stat().st_size
    with pytest.raises(DataError, match="was cut off; see atlas data verify"):
        put(store, bars(2, BLOCK_ROWS), append=True)
    assert path.stat().st_size == size


def test_a_column_that_was_cut_off_or_is_missing_is_found_when_the_series_is_opened(store: BarStore) -> None:
    manifest = put(store, bars(10))
    path = column_path(store.root / KEY.path / manifest.folder, "low")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="expected 80 bytes or more, was 79: the file was cut off"):
        store.bars(KEY)
    path.unlink()
    with pytest.raises(DataError, match=r"expected the column .*low\.f8, was missing"):
        store.bars(KEY)
    assert [name for name, faults in store.series(KEY).verify() if faults] == ["low"]


def test_columns_of_another_series_are_found_when_the_series_is_opened(store: BarStore) -> None:
    manifest = put(store, bars(10))
    column_path(store.root / KEY.path / manifest.folder, "opened_at").write_bytes(bars(10, 1).opened_at.tobytes())
    with pytest.raises(DataError, match="expected the times of its manifest"):
        store.bars(KEY)


@pytest.mark.parametrize("name", ["rows", "tick_size", "folder", "symbol", "gaps", "identity"])
def test_a_manifest_that_was_changed_is_refused(store: BarStore, name: str) -> None:
    put(store, bars(10))
    path = store.root / KEY.path / FILE_NAME
    facts = json.loads(path.read_text())
    facts[name] = 7 if isinstance(facts[name], int) else "7"
    path.write_text(json.dumps(facts))
    with pytest.raises(DataError, match="expected the manifest as it was written, was changed since"):
        store.bars(KEY)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 1}'])
def test_a_manifest_that_is_none_is_refused(store: BarStore, content: str) -> None:
    put(store, bars(10))
    (store.root / KEY.path / FILE_NAME).write_text(content)
    with pytest.raises(DataError, match="expected a manifest, was damaged"):
        store.bars(KEY)


def test_a_manifest_of_a_newer_atlas_is_refused(store: BarStore) -> None:
    put(store, bars(10))
    path = store.root / KEY.path / FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(DataError, match="a newer Atlas wrote it"):
        store.bars(KEY)


def test_downloads_that_go_on_are_one_origin(store: BarStore) -> None:
    for first in range(3):
        with store.writer(KEY, append=True) as writer:
            writer.write(bars(2, first * 2))
            manifest = writer.commit(Origin(name="sim", rows=writer.rows_written, written_at=START + first))
    assert manifest.origins == (Origin(name="sim", rows=6, written_at=START + 2),)
