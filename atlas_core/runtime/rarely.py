"""Many faults of one kind are told a few times: a flood of them must fill neither a journal nor a person's day."""

from __future__ import annotations

from attrs import define

QUIET_SECONDS = 3_600.0


@define
class Rarely:
    """Counts what happens again and again; the 1st, 10th, 100th, … is told, and after an hour without one the next."""

    happened: int = 0
    _next: int = 1
    _last: float = float("-inf")

    def is_told(self, now: float) -> bool:
        """Count one more at `now` (seconds); tell whether this is one to tell people of."""
        if now - self._last > QUIET_SECONDS:
            self.happened, self._next = 0, 1
        self._last = now
        self.happened += 1
        if self.happened < self._next:
            return False
        self._next *= 10
        return True
