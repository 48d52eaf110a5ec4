"""What a session makes of a machine whose clock is set: it notices, and its own time goes on."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from atlas_core.clock import NANOSECONDS_PER_SECOND, Clock

STEP_SECONDS = 1.0


@define
class StepDetector:
    """Compares how far the wall clock and the monotonic one went between two looks."""

    clock: Clock
    monotonic: Callable[[], float]
    _wall: int = 0
    _seconds: float | None = None

    def step(self) -> float:
        """Return by how many seconds the wall clock was set since the last look, 0 for less than a second."""
        wall, seconds = self.clock.now(), self.monotonic()
        before, passed = self._seconds, 0.0
        if before is not None:
            passed = (wall - self._wall) / NANOSECONDS_PER_SECOND - (seconds - before)
        self._wall, self._seconds = wall, seconds
        return passed if abs(passed) > STEP_SECONDS else 0.0


@define
class SteadyClock:
    """A wall clock that never goes back and never stands still: what is measured with it passes.

    Set forward, it follows at once; set back, it goes on evenly until the machine's date has caught up or the session
    is started again. `monotonic` should know the time that a machine sleeps, or that is not seen while the date is
    behind.
    """

    clock: Clock
    monotonic: Callable[[], float]
    _wall: int = 0
    _seconds: float | None = None

    def now(self) -> int:
        """Return the time in nanoseconds, UTC."""
        wall, seconds = self.clock.now(), self.monotonic()
        if self._seconds is not None:
            evenly = self._wall + round((seconds - self._seconds) * NANOSECONDS_PER_SECOND)
            if wall < evenly:
                return evenly
        self._wall, self._seconds = wall, seconds
        return wall

    def not_before(self, ts: int) -> int:
        """Go on from `ts` at least; return by how many nanoseconds the time was behind it.

        A session that takes a journal over is not earlier than its last record.
        """
        if ts <= self._wall:
            return 0
        behind = ts - self.now()
        if behind > 0:
            self._wall, self._seconds = ts, self.monotonic()
        return max(0, behind)
