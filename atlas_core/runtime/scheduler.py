"""Runs the jobs of a schedule when they are due: each slot once, never two runs of a job at a time, none too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from attrs import define, field
from loguru import logger

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock
from atlas_core.control.file import Busy
from atlas_core.control.ledger import RUNNING
from atlas_core.errors import AtlasError, cause_of
from atlas_core.runtime.schedule import Job, Slot, decide
from atlas_core.runtime.supervisor import Restart, Supervisor

LONGEST_SLEEP_SECONDS = 1.0
"""A clock that is set is noticed within this time."""

Run = Callable[[Slot], Awaitable[None]]


class Ledger(Protocol):
    """Remembers which slots have been taken, beyond the life of a process."""

    def claim(self, key: tuple[str, str, str], due: int, now: int, status: str = ...) -> bool: ...
    def finish(self, key: tuple[str, str, str], status: str, now: int) -> None: ...


@define
class Scheduler:
    """Looks at the clock at least once a second; a slot is taken in the ledger before its run begins."""

    jobs: Mapping[Job, Run]
    clock: Clock
    ledger: Ledger
    supervisor: Supervisor
    _looked_at: dict[str, int] = field(factory=dict)
    _running: set[str] = field(factory=set)
    _claimed: set[tuple[str, str, str]] = field(factory=set)

    async def run(self) -> None:
        """Look, run what is due, and wait for the next slot; goes on for ever."""
        while True:
            self.look()
            await asyncio.sleep(self._pause())

    def look(self) -> None:
        """Start what is due now.

        A clock that was set back gives slots that were taken already, which the ledger refuses; one that was set
        forward gives many at once, of which at most the newest runs.
        """
        now = self.clock.now()
        for job, run in self.jobs.items():
            since = min(self._looked_at.get(job.name, now - round(job.grace_seconds * NANOSECONDS_PER_SECOND)), now)
            try:
                self._act(job, run, job.slots(since, now), now)
            except Busy as fault:
                logger.debug("schedule: {}", fault)
                continue  # the slots are looked at again
            self._looked_at[job.name] = now

    def _act(self, job: Job, run: Run, slots: list[Slot], now: int) -> None:
        decision = decide(job, slots, now, is_running=job.name in self._running)
        for slot, why in decision.skipped:
            if self._claim(slot, now, why):
                logger.info("schedule: {} of {} {} is left out: {}", job.name, slot.date, slot.slot, why)
        slot_to_run = decision.run
        if slot_to_run is None or not self._claim(slot_to_run, now, RUNNING):
            return
        self._running.add(job.name)
        self.supervisor.own(f"job {job.name}", lambda: self._run(job.name, run, slot_to_run), restart=Restart.NEVER)

    def _claim(self, slot: Slot, now: int, status: str) -> bool:
        """Take a slot; where the ledger fails (a full disk) this process remembers it, so that jobs still run."""
        if slot.key in self._claimed:
            return False
        try:
            return self.ledger.claim(slot.key, slot.due, now, status)
        except Busy:
            raise
        except AtlasError as fault:
            logger.error("schedule: {}; {} of {} {} is remembered by this process only", fault, *slot.key)
            self._claimed.add(slot.key)
            return True

    async def _run(self, job: str, run: Run, slot: Slot) -> None:
        status = "interrupted"
        try:
            await run(slot)
            status = "done"
        except Exception as error:
            status = f"failed: {cause_of(error)}"
            raise
        finally:
            self._running.discard(job)
            self._finish(slot, status)

    def _finish(self, slot: Slot, status: str) -> None:
        try:
            self.ledger.finish(slot.key, status, self.clock.now())
        except AtlasError as fault:
            logger.warning("schedule: the end of {} could not be noted: {}", slot.job, fault)

    def _pause(self) -> float:
        now = self.clock.now()
        due = [slot.due for job in self.jobs if (slot := job.next_slot(now)) is not None]
        wait = min(((ts - now) / NANOSECONDS_PER_SECOND for ts in due), default=LONGEST_SLEEP_SECONDS)
        return min(max(wait, 0.0), LONGEST_SLEEP_SECONDS)
