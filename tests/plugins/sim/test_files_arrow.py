"""Parquet and Feather files."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas_core import Bars, DataError, MissingExtra, from_datetime
from atlas_sim.files.building import load
from atlas_sim.options import FilesOptions

START = datetime(2026, 1, 5, tzinfo=UTC)
MOMENTS = [START + timedelta(minutes=row) for row in range(20)]


def read(path: Path, **options: Any) -> Bars:
    return load(path, "X", FilesOptions(path=path, **options), None).bars


def columns(time: Any, **changes: Any) -> dict[str, Any]:
    prices = {"open": 5.0, "high": 6.0, "low": 4.0, "close": 5.25}
    return {
        "time": time,
        **{name: [price] * len(time) for name, price in prices.items()},
        "volume": [1] * len(time),
    } | changes


def save(folder: Path, data: dict[str, Any], kind: str = "parquet") -> Path:
    pa = pytest.importorskip("pyarrow", reason="needs the extra `data`")
    from pyarrow import feather, parquet

    path = folder / f"bars.{kind}"
    table = pa.table(data)
    if kind == "parquet":
        parquet.write_table(table, path)
    else:
        feather.write_feather(table, str(path))
    return path


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize(
    "times",
    [
        MOMENTS,
        [moment.replace(tzinfo=None) for moment in MOMENTS],
        [int(moment.timestamp() * 1000) for moment in MOMENTS],
        [from_datetime(moment) for moment in MOMENTS],
        [moment.isoformat() for moment in MOMENTS],
    ],
    ids=["zoned", "naive", "milliseconds", "nanoseconds", "iso"],
)
def test_times_of_every_type_are_read(tmp_path: Path, kind: str, times: list[Any]) -> None:
    bars = read(save(tmp_path, columns(times), kind))
    assert bars.opened_at.tolist() == [from_datetime(moment) for moment in MOMENTS]
    assert np.all(bars.close == 5.25)


def test_naive_times_are_those_of_the_zone(tmp_path: Path) -> None:
    naive = [moment.replace(tzinfo=None) for moment in MOMENTS]
    bars = read(save(tmp_path, columns(naive)), zone="America/New_York")
    assert bars.opened_at[0] == from_datetime(START + timedelta(hours=5))


def test_dates_name_whole_days(tmp_path: Path) -> None:
    bars = read(save(tmp_path, columns([date(2026, 1, 5), date(2026, 1, 6)])), time_marks="close")
    assert (str(bars.timeframe), bars.opened_at[0]) == ("1d", from_datetime(START))


def test_missing_values_are_dirty_rows(tmp_path: Path) -> None:
    closes = [5.25] * 20
    path = save(tmp_path, columns([*MOMENTS[:3], None, *MOMENTS[4:]], close=[*closes[:8], None, *closes[9:]]))
    with pytest.raises(DataError, match=r"2 of 20 rows .*\n  line 4: time: .* blank\n  line 9: close: .* nan"):
        read(path)
    assert len(read(path, on_dirty="drop")) == 18


def test_texts_where_numbers_belong_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected numbers in close, was string"):
        read(save(tmp_path, columns(MOMENTS, close=["x"] * 20)))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, columns(MOMENTS))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="whole Parquet or Feather file, was damaged"):
        read(path)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bars.parquet"
    path.write_bytes(b"PAR1 and so on")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pyarrow.*pip install 'atlas-trading\[data\]'"):
        read(path)
