"""A long session keeps nothing that it does not need: memory, descriptors, threads and tasks stay flat.

The short run belongs to every test run; fourteen days are a campaign:
`pytest -n 0 -m campaign tests/faults/test_long_session.py -s`.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from attrs import define, field, frozen
from loguru import logger

from atlas_core.journal import Journal
from atlas_core.model.records import PositionClosed
from atlas_core.runtime.session import Session
from atlas_core.runtime.supervisor import Supervisor, TaskFailure
from atlas_core.testing import run_virtual
from tests.live_scene import Scene
from tests.memory import found

HOUR = 3_600.0
ROUND = 10
"""Minutes from one entry to the next; in each round the stop is taken."""

SMALL = 'use = "fixed-notional"\nnotional = 10'
"""So small a trade that the account bears all of their losses."""


@frozen
class Sample:
    """What a session holds at one moment."""

    hour: float
    memory: int
    files: int
    threads: int
    tasks: int
    signals: int
    orders: int
    setups: int
    journal: int


@define
class Observer:
    """Takes a sample every so many virtual hours, after the test's own venue has forgotten what is over."""

    scene: Scene
    every: float
    samples: list[Sample] = field(factory=list)

    def __call__(self, session: Session) -> None:
        asyncio.get_running_loop().call_later(self.every * HOUR, self._sample, session)

    def _sample(self, session: Session) -> None:
        self._forget()
        gc.collect()
        state = session.desk.engine.state
        self.samples.append(
            Sample(
                hour=asyncio.get_running_loop().time() / HOUR,
                memory=tracemalloc.get_traced_memory()[0],
                files=psutil.Process().num_fds(),
                threads=threading.active_count(),
                tasks=len(asyncio.all_tasks()),
                signals=len(state.signals),
                orders=len(state.orders) + len(state.ended_orders),
                setups=len(state.seen),
                journal=self.scene.journal.path.stat().st_size,
            )
        )
        self(session)

    def _forget(self) -> None:
        venue = self.scene.venue
        venue.calls.clear()
        orders = venue.venue._orders
        for name in [name for name, working in orders.items() if working.is_done]:
            del orders[name]


def observed(hours: int, every: float, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Sample], Scene]:
    """Run a session of so many virtual hours with a trade every ten minutes; return what it held meanwhile."""
    monkeypatch.setattr("atlas_core.runtime.warm_up.FEWEST_BARS_KEPT", 60)
    minutes = range(0, hours * 60, ROUND)
    prices = {minute + 7: (100.0, 90.0) for minute in minutes} | {minute + 8: (90.0, 100.0) for minute in minutes}
    signals = [(minute + 3, "X", 1) for minute in minutes]
    with Journal.create(folder / "journal.db") as journal:
        scene = Scene(signals=signals, prices=prices, journal=journal, tables={"sizer": SMALL})
        observer = Observer(scene, every)
        logger.disable("atlas_core")
        tracemalloc.start(1)
        try:
            scene.run(hours * 60, observer)
        finally:
            tracemalloc.stop()
            logger.enable("atlas_core")
        trades = len(found(scene.records, PositionClosed))
        assert trades >= hours * 60 // ROUND - 1
    return observer.samples, scene


def test_two_hours_hold_no_more_than_half_an_hour_but_the_orders_of_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, _ = observed(2, 0.5, tmp_path, monkeypatch)
    first, last = samples[0], samples[-1]
    assert {(s.files, s.threads, s.tasks) for s in samples} == {(first.files, first.threads, first.tasks)}
    assert {s.signals for s in samples} == {0}
    allowed = 24 * 1024 + 2_500 * (last.orders - first.orders)
    assert last.memory - first.memory < allowed, samples


@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_fourteen_days_hold_no_more_than_four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = observed(14 * 24, 24, tmp_path, monkeypatch)
    for sample in samples:
        print(sample)
    first, last = samples[3], samples[-1]
    assert {(s.files, s.threads, s.tasks) for s in samples} == {(first.files, first.threads, first.tasks)}
    assert last.setups <= first.setups * 1.1
    assert last.orders <= first.orders * 1.1
    assert last.memory <= first.memory * 1.05, samples
    days = [later.journal - before.journal for before, later in pairwise(samples)]
    assert max(days) <= 1.25 * sum(days) / len(days), days


def test_a_hundred_broken_streams_leave_nothing_behind() -> None:
    """A stream that breaks again and again costs no task, thread or descriptor."""

    async def session() -> tuple[int, int]:
        failures: list[TaskFailure] = []

        async def broken() -> None:
            await asyncio.sleep(61)
            raise ConnectionError("torn")

        async with Supervisor(lambda: 1.0, failures.append) as tasks:
            for number in range(5):
                tasks.own(f"stream {number}", broken, plugin=f"venue {number}")
            await asyncio.sleep(60)
            before = len(asyncio.all_tasks())
            await asyncio.sleep(24 * HOUR)
            assert len(failures) > 100
            return before, len(asyncio.all_tasks())

    before, after = run_virtual(session())
    assert before == after
