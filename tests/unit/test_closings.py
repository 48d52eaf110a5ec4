"""Positions that are closed by the schedule: the same in a back-test and a session, and once live."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from atlas_core.control.file import ControlFile
from atlas_core.control.ledger import ScheduleLedger
from atlas_core.errors import ProfileError
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import OperatorActed, PositionClosed, PositionOpened, VerdictReached
from atlas_core.model.timeframe import MINUTE
from atlas_core.runtime.closings import close_job
from tests.memory import (
    START,
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
from tests.unit.test_host import Bench, play

TWICE = '[schedule]\nclose_at = ["20,40 0 * * *"]'


def system() -> Any:
    signals = script((5, "X", 1), (25, "X", -1), (50, "X", 1))
    return system_of(memory(MemoryProvider(flat(range(60)))), signals, more=TWICE)


def test_a_back_test_and_a_session_close_at_the_same_times() -> None:
    loop, pump = both_ways(system)
    assert loop.digest == pump.digest
    pump_records, loop_records = records_of(by_pump, system()), records_of(by_loop, system())
    for records in (pump_records, loop_records):
        closed = [record.ts for record in found(records, PositionClosed)]
        assert closed[:2] == [at(20), at(40)]
        assert [record.ts for record in found(records, PositionOpened)] == [at(5), at(25), at(50)]
        asked = [record for record in found(records, OperatorActed) if record.actor == "schedule"]
        assert [(record.ts, record.name) for record in asked] == [(at(20), "wind-down"), (at(40), "wind-down")]


def test_every_signal_still_has_one_verdict() -> None:
    verdicts = found(records_of(by_pump, system()), VerdictReached)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.CLOSED, Outcome.CLOSED]


def test_without_times_nothing_is_closed_by_the_schedule() -> None:
    parts = registry(memory(MemoryProvider([])), script())
    assert close_job(profile_of(parts)) is None


def test_a_time_that_makes_no_sense_has_an_address() -> None:
    parts = registry(memory(MemoryProvider([])), script())
    with pytest.raises(ProfileError, match=r"close_at.*expected session = .us-equities."):
        profile_of(parts, more='[schedule]\nclose_at = ["close-5m"]')


def test_a_live_session_closes_once_and_a_restart_within_minutes_does_not_do_it_again(tmp_path: Path) -> None:
    parts = registry(memory(MemoryProvider([])), script())
    job = close_job(profile_of(parts, more='[schedule]\nclose_at = ["2 0 * * *"]'))

    async def script_of(bench: Bench) -> None:
        await asyncio.sleep(240)
        bench.host.stop("enough")

    _outcome, session, _seconds = play(tmp_path, script_of, closings=job)
    assert session.commands == [
        ("schedule wind-down", {"reason": "schedule: 2026-04-05 00:02", "close_positions": True})
    ]
    _outcome, again, _seconds = play(tmp_path, script_of, closings=job, start=START + 3 * MINUTE)
    assert again.commands == []
    _outcome, late, _seconds = play(tmp_path / "other", script_of, closings=job, start=START + 3 * MINUTE)
    assert len(late.commands) == 1
    with ControlFile(tmp_path / "state" / "demo" / "paper" / "control.db") as file:
        assert [(run.slot, run.status) for run in ScheduleLedger(file).latest("close")] == [("00:02", "done")]
