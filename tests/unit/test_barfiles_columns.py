"""Which column is which."""

from __future__ import annotations

import pytest

from atlas_core import DataError
from atlas_core.barfiles.columns import Columns, find_columns

IN_ORDER = Columns(0, 1, 2, 3, 4, 5, has_header=True)


@pytest.mark.parametrize(
    "header",
    [
        "ts,open,high,low,close,volume",
        "Timestamp,Open,High,Low,Close,Volume",
        "date,o,h,l,c,v",
        "DATETIME,OPEN,HIGH,LOW,CLOSE,VOL",
        "open_time,open,high,low,close,volume",
        "opened_at,open,high,low,close,volume",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        " Open time , Open , High , Low , Close , Volume ",
        "time,open_price,high_price,low_price,close_price,base_volume",
    ],
)
def test_common_headers_are_recognised(header: str) -> None:
    assert find_columns("f", header.split(","), {}) == IN_ORDER


def test_other_columns_are_left_alone() -> None:
    found = find_columns(
        "f", ["symbol", "date", "open", "high", "low", "close", "adj_close", "volume", "close_time"], {}
    )
    assert found == Columns(1, 2, 3, 4, 5, 7, has_header=True, labels={"symbol": 0})


def test_a_file_may_have_no_volume() -> None:
    assert find_columns("f", ["ts", "open", "high", "low", "close"], {}).volume is None
    assert find_columns("f", ["ts", "open", "high", "low", "close", "volume"], {"volume": ""}).volume is None


def test_the_mapping_goes_before_what_is_recognised() -> None:
    header = ["unix", "date", "open", "high", "low", "close", "Volume BTC", "Volume USD"]
    found = find_columns("f", header, {"time": "unix", "volume": "volume btc"})
    assert found == Columns(0, 2, 3, 4, 5, 6, has_header=True)


def test_two_columns_for_one_thing_are_refused_until_the_profile_chooses() -> None:
    with pytest.raises(DataError, match=r'one column for time, was unix, date; .*columns = \{ time = "unix" \}'):
        find_columns("f", ["unix", "date", "open", "high", "low", "close"], {})


def test_a_missing_column_is_named_with_the_header_that_is_there() -> None:
    with pytest.raises(DataError, match="columns for open, high, low, was ts, price, close"):
        find_columns("f", ["ts", "price", "close"], {})


def test_a_file_without_header_is_refused_with_the_way_to_map_it() -> None:
    row = ["1640991660000", "46319", "46385", "46319", "46377", "2300413.729"]
    with pytest.raises(DataError, match=r"expected a header in the first line.*columns = \{ time = \"#1\""):
        find_columns("f", row, {})
    with pytest.raises(DataError, match="expected a header"):
        find_columns("f", row, {"time": "ts"})


def test_a_file_without_header_is_read_by_places() -> None:
    row = ["2026-01-05", "100", "101", "99", "100.5", "12"]
    places = dict(
        zip(("time", "open", "high", "low", "close", "volume"), ("#1", "#2", "#3", "#4", "#5", "#6"), strict=True)
    )
    assert find_columns("f", row, places) == Columns(0, 1, 2, 3, 4, 5, has_header=False)


@pytest.mark.parametrize("name", ["price", "#9", "#0"])
def test_a_mapped_column_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=f'expected a column "{name}" for close, was ts, open'):
        find_columns("f", ["ts", "open", "high", "low", "close"], {"close": name})


def test_one_column_for_two_things_is_refused() -> None:
    with pytest.raises(DataError, match="expected different columns"):
        find_columns("f", ["ts", "open", "high", "low", "close"], {"open": "close"})
