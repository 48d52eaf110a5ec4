"""The times at which scanners look: the same for a back-test and a session, over half days and changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.errors import ProfileError
from atlas_core.model.records import SignalDetected
from atlas_core.model.timeframe import DAY, MINUTE
from atlas_core.profile import Profile
from atlas_core.runtime.scan_times import ScanTimes, scan_job
from tests.memory import (
    MemoryProvider,
    at,
    both_ways,
    flat,
    found,
    memory,
    profile_of,
    records_of,
    registry,
    script,
    system_of,
)
from tests.systems import by_loop, by_pump

US = 'session = "us-equities"'


def moment(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def profile(schedule: str, universe: str = "") -> Profile:
    parts = registry(memory(MemoryProvider([])), script())
    return profile_of(parts, universe=universe, more=f"[schedule]\n{schedule}")


def allowed(schedule: str, first: str, last: str, universe: str = "") -> list[str]:
    times = ScanTimes(scan_job(profile(schedule, universe)))
    minutes = range(moment(first), moment(last) + 1, MINUTE)
    return [f"{to_datetime(ts):%m-%d %H:%M}" for ts in minutes if times.allows(ts)]


def test_without_a_schedule_scanners_look_whenever_a_bar_closes() -> None:
    assert scan_job(profile("")) is None
    assert ScanTimes().allows(12345)
    assert ScanTimes().mask(np.array([1, 2])).tolist() == [True, True]


def test_every_quarter_and_a_cron_line_in_its_zone() -> None:
    assert allowed('scan_every = "15m"', "2026-04-06T10:01", "2026-04-06T10:31") == ["04-06 10:15", "04-06 10:30"]
    schedule = 'zone = "America/New_York"\nscan_at = ["35 9 * * 1-5"]'
    assert allowed(schedule, "2026-03-06T13:00", "2026-03-09T15:00") == ["03-06 14:35", "03-09 13:35"]


def test_times_of_the_market_know_the_half_day_after_thanksgiving() -> None:
    schedule = 'scan_at = ["open+5m", "close-10m"]'
    assert allowed(schedule, "2026-11-26T00:00", "2026-11-28T00:00", US) == ["11-27 14:35", "11-27 17:50"]


@given(st.lists(st.integers(0, 5 * 24 * 60), min_size=1, max_size=60))
def test_many_times_are_judged_as_each_of_them(minutes: list[int]) -> None:
    job = scan_job(profile('zone = "America/New_York"\nscan_at = ["*/7 9-16 * * 1-5"]\nscan_every = "4h"'))
    times = np.array([moment("2026-03-06T00:00") + minute * MINUTE for minute in minutes], dtype=np.int64)
    one_by_one = ScanTimes(job)
    assert ScanTimes(job).mask(times).tolist() == [one_by_one.allows(ts) for ts in times.tolist()]


def test_a_back_test_and_a_session_see_the_same_signals_and_no_others() -> None:
    def system() -> Any:
        signals = script(*((minute, "X", 1 if minute % 2 else -1) for minute in range(3, 40)))
        return system_of(memory(MemoryProvider(flat(range(45)))), signals, more='[schedule]\nscan_every = "5m"')

    loop, pump = both_ways(system)
    assert loop.digest == pump.digest
    for run in (by_loop, by_pump):
        times = [record.ts for record in found(records_of(run, system()), SignalDetected)]
        assert times == [at(minute) for minute in range(5, 40, 5)]


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ('scan_at = ["61 9 * * *"]', 'scan_at[0]: expected a cron line such as "35 9 * * 1-5"'),
        ('scan_at = ["noon"]', "scan_at[0]: expected a cron line"),
        ('scan_at = ["0 35 9 * * 1-5"]', "scan_at[0]: expected a cron line"),
        ('scan_at = ["open"]', 'scan_at[0]: expected session = "us-equities" under [universe] for "open", was none'),
        ('zone = "Mars/Olympus"', "zone: expected a time zone"),
        ('scan_every = "soon"', "scan_every: expected a timeframe"),
    ],
)
def test_a_schedule_that_makes_no_sense_has_an_address(schedule: str, said: str) -> None:
    with pytest.raises(ProfileError) as told:
        profile(schedule)
    assert said.replace("[0]", "") in str(told.value).replace("[0]", "")


def test_a_day_without_slots_allows_nothing() -> None:
    times = ScanTimes(scan_job(profile('scan_at = ["0 0 29 2 *"]')))
    assert not times.allows(moment("2026-03-01T00:00"))
    assert not times.mask(np.array([moment("2026-03-01T00:00") + DAY])).any()
