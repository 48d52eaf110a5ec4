"""The runner of a schedule in virtual time: cadence, overlap, missed runs, clocks that are set, and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from atlas_core.control.file import Busy, ControlFile
from atlas_core.control.ledger import ScheduleLedger
from atlas_core.errors import AtlasError
from atlas_core.model.timeframe import HOUR, MINUTE, SECOND, parse_timeframe
from atlas_core.runtime.schedule import Cron, Every, Job, Slot
from atlas_core.runtime.scheduler import Scheduler
from atlas_core.runtime.supervisor import Supervisor, TaskFailure
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.memory import START

M5 = Job(name="scan", triggers=(Every(parse_timeframe("5m")),), grace_seconds=60)
Script = Callable[[VirtualClock], Awaitable[None]]


@pytest.fixture
def ledger(tmp_path: Path) -> ScheduleLedger:
    return ScheduleLedger(ControlFile(tmp_path / "control.db"))


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


def play(
    ledger: object,
    job: Job,
    script: Script,
    *,
    takes: float = 0.0,
    fails: bool = False,
    start: int = START + 2 * MINUTE,
) -> tuple[list[tuple[int, Slot]], list[TaskFailure]]:
    """Run a schedule beside a script; return when which slot ran, and the failures."""

    async def main() -> tuple[list[tuple[int, Slot]], list[TaskFailure]]:
        clock = VirtualClock(asyncio.get_running_loop(), start)
        runs: list[tuple[int, Slot]] = []
        failures: list[TaskFailure] = []

        async def run(slot: Slot) -> None:
            runs.append((clock.now(), slot))
            await asyncio.sleep(takes)
            if fails:
                raise ConnectionError("no line")

        async with Supervisor(random=lambda: 0.0, on_failure=failures.append) as supervisor:
            scheduler = Scheduler({job: run}, clock, ledger, supervisor)  # type: ignore[arg-type]
            supervisor.own("schedule", scheduler.run)
            await script(clock)
            return runs, failures

    return run_virtual(main())


def minutes(runs: list[tuple[int, Slot]]) -> list[float]:
    return [(now - START) / MINUTE for now, _ in runs]


def test_each_slot_runs_once_at_its_time(ledger: ScheduleLedger) -> None:
    runs, _ = play(ledger, M5, lambda _clock: wait(16 * 60))
    assert minutes(runs) == [5.0, 10.0, 15.0]
    assert [run.status for run in ledger.latest()] == ["done"] * 3


def test_a_run_that_takes_longer_than_its_interval_is_not_overlapped(ledger: ScheduleLedger) -> None:
    runs, _ = play(ledger, M5, lambda _clock: wait(31 * 60), takes=12 * 60)
    assert minutes(runs) == [5.0, 20.0]
    statuses = [run.status for run in ledger.latest()]
    assert sorted(statuses) == ["done"] * 2 + ["the run before had not ended"] * 4


def test_a_failed_run_is_told_and_the_next_one_comes(ledger: ScheduleLedger) -> None:
    runs, failures = play(ledger, M5, lambda _clock: wait(11 * 60), fails=True)
    assert minutes(runs) == [5.0, 10.0]
    assert [failure.reason for failure in failures] == ["ConnectionError: no line"] * 2
    assert ledger.latest()[0].status == "failed: ConnectionError: no line"


def test_a_clock_that_is_set_back_repeats_nothing(ledger: ScheduleLedger) -> None:
    async def script(clock: VirtualClock) -> None:
        await wait(16 * 60)
        clock.step(-10 * MINUTE)
        await wait(20 * 60)

    runs, _ = play(ledger, M5, script)
    assert [slot.slot for _, slot in runs] == ["00:05Z", "00:10Z", "00:15Z", "00:20Z", "00:25Z"]


def test_a_clock_that_is_set_forward_runs_at_most_the_newest_slot(ledger: ScheduleLedger) -> None:
    async def script(clock: VirtualClock) -> None:
        await wait(60)
        clock.step(25 * HOUR)
        await wait(8 * 60)

    runs, _ = play(ledger, M5, script)
    assert len(runs) == 2
    assert len(ledger.latest(count=1_000)) == 2 + 25 * 12


def test_a_restart_does_not_run_a_slot_again_but_one_that_was_just_missed(ledger: ScheduleLedger) -> None:
    daily = Job(name="daily", triggers=(Cron("0 10 * * *", "UTC"),), grace_seconds=300)
    before, after = START + 10 * HOUR - 30 * SECOND, START + 10 * HOUR + 2 * MINUTE
    first, *_ = play(ledger, daily, lambda _clock: wait(60), start=before)
    again, *_ = play(ledger, daily, lambda _clock: wait(60), start=after)
    assert (len(first), len(again)) == (1, 0)
    missed = Job(name="other", triggers=daily.triggers, grace_seconds=300)
    late, _ = play(ledger, missed, lambda _clock: wait(60), start=after)
    [(ran_at, slot)] = late
    assert ran_at - slot.due == 2 * MINUTE
    too_late, *_ = play(ledger, Job(name="third", triggers=daily.triggers), lambda _clock: wait(60), start=after)
    assert too_late == []


def test_a_ledger_that_is_held_by_another_process_delays_a_run_and_loses_none() -> None:
    class Held:
        def __init__(self) -> None:
            self.refusals = 3

        def claim(self, *_slot: object) -> bool:
            self.refusals -= 1
            if self.refusals >= 0:
                raise Busy("held")
            return True

        def finish(self, *_slot: object) -> None:
            raise Busy("held again")

    runs, *_ = play(Held(), M5, lambda _clock: wait(6 * 60))
    assert minutes(runs) == [5 + 3 / 60]


def test_jobs_still_run_once_where_the_ledger_cannot_be_written() -> None:
    class Full:
        def claim(self, *_slot: object) -> bool:
            raise AtlasError("the disk is full")

        def finish(self, *_slot: object) -> None:
            raise AtlasError("the disk is full")

    async def script(clock: VirtualClock) -> None:
        await wait(9 * 60)
        clock.step(-2 * MINUTE)
        await wait(3 * 60)

    runs, *_ = play(Full(), M5, script)
    assert [slot.slot for _, slot in runs] == ["00:05Z", "00:10Z"]
