"""When things are due: cron lines over the days on which clocks change, market hours, and what is coalesced."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, SECOND, parse_timeframe
from atlas_core.runtime.schedule import AtMarket, Cron, Decision, Every, Job, MarketHours, Slot, decide, read_trigger

NEW_YORK = "America/New_York"


def moment(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def session(day: str, opens: str = "13:30", closes: str = "20:00") -> tuple[int, int]:
    return moment(f"{day}T{opens}"), moment(f"{day}T{closes}")


SESSIONS = [session("2026-04-02"), session("2026-04-06"), session("2026-04-07", closes="17:00"), session("2026-04-08")]
HOURS = MarketHours([a for a, _ in SESSIONS], [b for _, b in SESSIONS], NEW_YORK)


def texts(slots: list[Slot]) -> list[str]:
    return [f"{to_datetime(slot.due):%m-%d %H:%M}" for slot in slots]


def test_every_quarter_is_due_at_the_ends_of_its_bars() -> None:
    job = Job(name="scan", triggers=(Every(parse_timeframe("15m")),))
    slots = job.slots(moment("2026-04-05T10:00"), moment("2026-04-05T10:45"))
    assert texts(slots) == ["04-05 10:15", "04-05 10:30", "04-05 10:45"]
    assert slots[0].key == ("scan", "2026-04-05", "10:15Z")


def test_a_cron_line_is_read_in_its_zone_in_winter_and_summer() -> None:
    cron = Cron("35 9 * * 1-5", NEW_YORK)
    assert [to_datetime(s.due).hour for s in islice(cron.slots("j", moment("2026-03-06T00:00")), 2)] == [14, 13]


@pytest.mark.parametrize("line", ["30 2 * * *", "30 1 * * *", "0 0 * * *", "59 23 * * *", "0 3 * * *"])
@pytest.mark.parametrize("zone", [NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"])
def test_a_daily_line_is_due_exactly_once_on_every_local_day_of_three_years(line: str, zone: str) -> None:
    job = Job(name="daily", triggers=(Cron(line, zone),))
    keys = Counter(slot.key for slot in job.slots(moment("2024-01-01T00:00"), moment("2026-12-31T00:00")))
    days = {key[1] for key in keys}
    expected = {str(date(2024, 1, 3) + timedelta(days=n)) for n in range((date(2026, 12, 29) - date(2024, 1, 3)).days)}
    assert set(keys.values()) == {1}
    assert expected <= days


def test_an_hourly_line_runs_in_both_of_the_hours_that_look_alike() -> None:
    job = Job(name="hourly", triggers=(Cron("0 * * * *", NEW_YORK),))
    slots = job.slots(moment("2026-11-01T04:30"), moment("2026-11-01T07:30"))
    assert len({slot.key for slot in slots}) == 3


def test_times_relative_to_the_market_know_half_days_and_holidays() -> None:
    closing = AtMarket("close", -5, HOURS)
    slots = list(closing.slots("flat", moment("2026-04-01T00:00")))
    assert texts(slots) == ["04-02 19:55", "04-06 19:55", "04-07 16:55", "04-08 19:55"]
    opening = AtMarket("open", 5, HOURS)
    assert texts(list(opening.slots("scan", moment("2026-04-07T13:35")))) == ["04-08 13:35"]
    assert slots[2].key == ("flat", "2026-04-07", "close-5m")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open+5m", AtMarket("open", 5, HOURS)),
        ("close-10m", AtMarket("close", -10, HOURS)),
        ("close", AtMarket("close", 0, HOURS)),
        ("35 9 * * 1-5", Cron("35 9 * * 1-5", NEW_YORK)),
    ],
)
def test_a_trigger_is_read(text: str, expected: object) -> None:
    assert read_trigger(text, NEW_YORK, HOURS) == expected


@pytest.mark.parametrize("text", ["", "61 9 * * *", "35 9 * *", "noon", "open+5", "close-5h"])
def test_what_is_no_trigger_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="expected a cron line such as"):
        read_trigger(text, NEW_YORK, HOURS)


def test_a_market_time_without_market_hours_is_refused() -> None:
    with pytest.raises(ValueError, match='expected session = "us-equities"'):
        read_trigger("open", NEW_YORK, None)


def test_two_triggers_at_one_time_are_one_slot() -> None:
    job = Job(name="scan", triggers=(Cron("0 10 * * *", "UTC"), Every(parse_timeframe("1h"))))
    assert len(job.slots(moment("2026-04-05T09:30"), moment("2026-04-05T10:30"))) == 1


JOB = Job(name="scan", triggers=(Every(parse_timeframe("5m")),), grace_seconds=60)


def slots_due(*minutes: int) -> list[Slot]:
    return [Slot(n * MINUTE, "scan", "1970-01-01", str(n)) for n in minutes]


def test_late_slots_are_coalesced_into_the_newest() -> None:
    due = slots_due(5, 10, 15)
    assert decide(JOB, due, 15 * MINUTE, is_running=False) == Decision(
        run=due[2], skipped=((due[0], "coalesced"), (due[1], "coalesced"))
    )


def test_a_job_never_overlaps_itself() -> None:
    due = slots_due(5)
    assert decide(JOB, due, 5 * MINUTE, is_running=True) == Decision(
        run=None, skipped=((due[0], "the run before had not ended"),)
    )


def test_a_slot_beyond_its_grace_is_missed() -> None:
    due = slots_due(5)
    assert decide(JOB, due, 5 * MINUTE + 60 * SECOND, is_running=False).run == due[0]
    assert decide(JOB, due, 5 * MINUTE + 61 * SECOND, is_running=False) == Decision(
        run=None, skipped=((due[0], "missed by 61 s"),)
    )


def test_nothing_due_is_nothing_to_do() -> None:
    assert decide(JOB, [], 0, is_running=False) == Decision(run=None)


@given(st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=30), st.sampled_from(["UTC", NEW_YORK]))
def test_however_the_looks_fall_the_same_slots_are_seen(steps: list[int], zone: str) -> None:
    job = Job(name="j", triggers=(Cron("20 */3 * * *", zone), Every(parse_timeframe("4h"))))
    start = moment("2026-10-30T00:00")
    looks = [start]
    for step in steps:
        looks.append(looks[-1] + step * MINUTE)
    piecewise = [slot for a, b in pairwise(looks) for slot in job.slots(a, b)]
    assert piecewise == job.slots(start, looks[-1])


@given(st.integers(0, 5 * 365 * 24 * 60))
def test_the_next_slot_is_the_first_of_those_to_come(minute: int) -> None:
    job = Job(name="j", triggers=(Cron("30 9 * * 1-5", NEW_YORK),))
    after = moment("2025-01-01T00:00") + minute * MINUTE
    following = job.next_slot(after)
    assert following is not None
    assert job.slots(after, after + 7 * DAY)[0] == following
    assert following.due - after <= 4 * DAY + HOUR
