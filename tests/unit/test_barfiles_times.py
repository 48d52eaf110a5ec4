"""Times of files: recognised by magnitude, refused when they could mean two things."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core import DataError, from_datetime
from atlas_core.barfiles.table import NUMBERS, Table
from atlas_core.barfiles.times import UNKNOWN, Times, read_times

SCALES = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
seconds = st.integers(631_152_000, 4_102_444_799)


def table(times: list[int] | list[str]) -> Table:
    numbers = {name: np.ones(len(times)) for name in NUMBERS}
    column = np.array(times, dtype=np.int64 if isinstance(times[0], int) else bytes)
    return Table("bars.csv", column, numbers, np.arange(2, len(times) + 2))


def read(times: list[int] | list[str], unit: str = "auto", zone: str = "UTC") -> Times:
    return read_times(table(times), unit, zone)


def utc(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


@given(st.lists(seconds, min_size=1, max_size=20), st.sampled_from(sorted(SCALES)), st.booleans())
def test_every_unit_is_recognised_from_1990_to_2100(moments: list[int], unit: str, as_text: bool) -> None:
    numbers = [moment * 10**9 // SCALES[unit] for moment in moments]
    found = read([str(number) for number in numbers] if as_text else numbers)
    assert found.ts.tolist() == [moment * 10**9 for moment in moments]
    assert not found.notes


@given(seconds, seconds, st.permutations(sorted(SCALES)))
def test_two_units_in_one_file_are_refused(first: int, second: int, units: list[str]) -> None:
    numbers = [first * 10**9 // SCALES[units[0]], second * 10**9 // SCALES[units[1]]]
    with pytest.raises(DataError, match=r"times of one unit, was .* from line"):
        read(numbers)


@pytest.mark.parametrize("number", [0, 44_562, 20_220_103, 5_000_000_000, 99])
def test_a_number_that_fits_no_unit_is_refused_with_what_to_do(number: int) -> None:
    with pytest.raises(DataError, match=rf"between 1990 and 2100, was {number}.*ISO 8601.*time_unit"):
        read([number, number + 60])


def test_a_unit_in_the_profile_that_does_not_fit_is_refused_and_the_fitting_one_named() -> None:
    with pytest.raises(DataError, match=r"times in seconds .* was 1640991660000, which are milliseconds"):
        read([1_640_991_660_000, 1_640_991_720_000], unit="s")


def test_single_times_outside_the_span_are_notes_of_their_rows() -> None:
    found = read([1_640_991_660, 7, 1_640_991_720])
    assert found.notes == {1: "time: expected seconds between 1990 and 2100, was 7"}
    assert found.ts.tolist() == [1_640_991_660 * 10**9, UNKNOWN, 1_640_991_720 * 10**9]


def test_fractions_of_seconds_are_kept_exactly() -> None:
    assert read(["1640991660.25", "1640991660.1"]).ts.tolist() == [1_640_991_660_250_000_000, 1_640_991_660_100_000_000]


def test_texts_between_numbers_are_notes_of_their_rows() -> None:
    found = read(["1640991660", "", "soon", "9" * 5_000, "1640991720"])
    assert sorted(found.notes) == [1, 2, 3]
    assert found.notes[1] == "time: expected a number, was blank"
    assert found.notes[2] == 'time: expected a number, was "soon"'
    assert found.ts[[0, 4]].tolist() == [1_640_991_660 * 10**9, 1_640_991_720 * 10**9]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T14:30:00Z",
        "2026-01-05T14:30:00+00:00",
        "2026-01-05 14:30:00",
        "2026-01-05T14:30",
        "2026-01-05T14:30:00.000",
        "2026-01-05T15:30:00+01:00",
        "2026-01-05T09:30:00-05:00",
    ],
)
def test_iso_times_are_read_with_and_without_a_zone(text: str) -> None:
    found = read([text, text])
    assert found.ts.tolist() == [utc("2026-01-05T14:30:00")] * 2
    assert not found.whole_days


@pytest.mark.parametrize("others", [[], ["2026-01-06T00:00:00Z"], ["2026-01-06 00:00"]])
def test_the_quick_and_the_careful_reader_agree(others: list[str]) -> None:
    form = "2026-03-08T06:59:59.123456" + ("Z" if others and others[0].endswith("Z") else "")
    found = read([form, *others])
    assert found.ts[0] == utc("2026-03-08T06:59:59.123456")


def test_dates_name_whole_days() -> None:
    found = read(["2026-01-05", "2026-01-06"])
    assert found.whole_days
    assert found.ts.tolist() == [utc("2026-01-05"), utc("2026-01-06")]


def test_dates_before_1990_are_certain_when_they_are_written_out() -> None:
    assert read(["1962-01-02", "1962-01-03"]).ts[0] == utc("1962-01-02")


@given(
    st.lists(
        st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2030-01-01")),
        min_size=1,
        max_size=10,
    )
)
def test_local_times_become_utc_as_the_zone_says(moments: list[datetime]) -> None:
    zone = ZoneInfo("America/New_York")
    texts = [moment.replace(microsecond=0).isoformat() for moment in moments]
    expected = [from_datetime(moment.replace(microsecond=0, tzinfo=zone)) for moment in moments]
    assert read(texts, zone="America/New_York").ts.tolist() == expected
    careful = [text.replace("T", " ") if row % 2 else text for row, text in enumerate(texts)]
    assert read([*careful, "2020-01-01"], zone="America/New_York").ts[:-1].tolist() == expected


def test_times_with_and_without_a_zone_in_one_file_are_refused() -> None:
    with pytest.raises(DataError, match=r"all times with a zone or all without.*line 3 has one and line 2 has none"):
        read(["2026-01-05T14:30:00", "2026-01-05T14:31:00Z"])


@pytest.mark.parametrize("text", ["05/01/2026 14:30", "5.1.2026", "Jan 5 2026", "today", "now"])
def test_forms_that_can_be_read_in_two_ways_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="expected times as ISO 8601"):
        read([text, text])


@pytest.mark.parametrize("text", ["2026-13-05", "2026-02-30", "1066-10-14", "2026-01-05T25:00"])
def test_an_iso_time_that_does_not_exist_is_a_note_of_its_row(text: str) -> None:
    assert list(read(["2026-01-05", text]).notes) == [1]


def test_numbers_where_iso_times_were_promised_are_refused() -> None:
    with pytest.raises(DataError, match="expected ISO 8601"):
        read([1_640_991_660], unit="iso")
