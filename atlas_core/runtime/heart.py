"""Writes the heartbeat of a session, measures the process, and feeds the service manager's watchdog."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence

from attrs import define, evolve, field, frozen
from loguru import logger

from atlas_core.clock import Clock
from atlas_core.control.beat import Heartbeat
from atlas_core.control.kill_switch import EntryPermit
from atlas_core.model.timeframe import DAY
from atlas_core.runtime.notify import Notifier
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.schedule import Job
from atlas_core.runtime.wall_clock import StepDetector
from atlas_core.statedir import StateDirectory

STARTING = "starting"
STARTING_SECONDS = 60.0
"""While a session recovers, every beat asks the service manager for so much more time."""

_MEGABYTE = 1024 * 1024


@frozen(kw_only=True)
class Vitals:
    """What a session tells of itself for its heartbeat; `stopped` is why it enters nothing, empty when it may.

    `blocked` are the symbols in which alone it enters nothing, each with why; `benched` are its tasks that do nothing,
    each `benched` or `given up`.
    """

    open_positions: int = 0
    open_orders: int = 0
    equity: str = ""
    marks: Mapping[str, str] = field(factory=dict)
    state_hash: str = ""
    stopped: str = ""
    blocked: Mapping[str, str] = field(factory=dict)
    benched: Mapping[str, str] = field(factory=dict)


@define(eq=False)
class Heart:
    """Beats every two seconds; `pace` is how many seconds of the market pass in one.

    A heartbeat that cannot be written is logged once and tried again: the disk may be full, and trading goes on.
    """

    state_directory: StateDirectory
    board: ProgressBoard
    permit: EntryPermit
    notifier: Notifier
    clock: Clock
    wall: Clock
    run_id: str = ""
    journal: str = ""
    synthetic: bool = False
    speed: str = ""
    pace: float = 1.0
    state: str = STARTING
    vitals: Callable[[], Vitals] = Vitals
    jobs: Sequence[Job] = ()
    _upcoming: dict[str, int] = field(factory=dict)
    _sequence: int = 0
    _began_at: int = 0
    _lag: float = 0.0
    _is_ready: bool = False
    _failed: bool = False
    _steps: StepDetector = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps = StepDetector(self.wall, self.board.monotonic)
        self._began_at = self.wall.now()

    def beat(self) -> float:
        """Write one heartbeat; return by how many seconds the machine's clock was set since the last one."""
        step = self._steps.step()
        beat = self._measured()
        self._write(beat)
        if not self._is_ready and self.state == "running":
            self._is_ready = self.notifier.ready(_status(beat))  # who was not told would end us for it
        elif self.state == STARTING:
            self.notifier.extend_timeout(STARTING_SECONDS)
        elif not beat.late:
            self.notifier.alive(_status(beat))
        self._lag = 0.0
        return step

    async def rest(self, seconds: float) -> None:
        """Wait until the next beat, and measure by how much the loop was late for it."""
        due = self.board.monotonic() + seconds
        await asyncio.sleep(seconds)
        self._lag = max(self._lag, self.board.monotonic() - due)

    def last(self, ended: str) -> None:
        """Write the heartbeat of a session that ended."""
        self.state = "ended"
        self._write(evolve(self._measured(), ended=ended))

    def _measured(self) -> Heartbeat:
        self._sequence += 1
        vitals = self.vitals()
        memory, files, threads = process_figures()
        return Heartbeat(
            sequence=self._sequence, written_at=self.wall.now(), began_at=self._began_at, pid=os.getpid(),
            host=socket.gethostname(), profile=self.state_directory.profile, mode=self.state_directory.mode.value,
            state=self.state, run_id=self.run_id, journal=self.journal, synthetic=self.synthetic, speed=self.speed,
            market_time=self.clock.now(), as_of=self.board.as_of, progress=self.board.counts,
            late={loop: round(share, 2) for loop, share in self.board.late().items()},
            open_positions=vitals.open_positions, open_orders=vitals.open_orders, equity=vitals.equity,
            marks=vitals.marks, state_hash=vitals.state_hash,
            entries_stopped=self.permit.refusal() or vitals.stopped, blocked=vitals.blocked, benched=vitals.benched,
            next_jobs=self._next_jobs(),
            loop_lag_ms=round(self._lag * 1000, 1),
            memory_mb=memory, open_files=files, threads=threads, tasks=_tasks(),
        )  # fmt: skip

    def _next_jobs(self) -> Mapping[str, int]:
        """Return when each job of the schedule is due next; computed again when that time has come."""
        now = self.clock.now()
        for job in self.jobs:
            if self._upcoming.get(job.name, 0) <= now:
                following = job.next_slot(now)
                self._upcoming[job.name] = now + DAY if following is None else following.due
        return dict(self._upcoming)

    def _write(self, beat: Heartbeat) -> None:
        try:
            beat.write(self.state_directory.heartbeat)
            self._failed = False
        except OSError as fault:
            if not self._failed:
                logger.error("the heartbeat cannot be written: {}", fault)
            self._failed = True


def process_figures() -> tuple[float, int, int]:
    """Return the resident memory in megabytes, and the numbers of open files and threads, of this process."""
    import psutil

    process = psutil.Process()
    with process.oneshot():
        memory = process.memory_info().rss / _MEGABYTE
        return round(memory, 1), process.num_fds(), process.num_threads()


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # the loop has ended
        return 0


def _status(beat: Heartbeat) -> str:
    stopped = f", no entries: {beat.entries_stopped}" if beat.entries_stopped else ""
    late = f", late: {', '.join(beat.late)}" if beat.late else ""
    return f"{beat.state}, {beat.open_positions} positions, beat {beat.sequence}{stopped}{late}"
