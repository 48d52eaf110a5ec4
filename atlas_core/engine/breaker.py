"""A circuit breaker that is told the time: too many failures open it, and after a rest one trial is let through."""

from __future__ import annotations

from collections import deque

from attrs import define, field

MOST_DOUBLINGS = 32


@define
class Breaker:
    """Opens at the `limit`-th failure within `window`, or in a row where `window` is None.

    All times are in one unit of the caller's. After `rest` one trial may be made: if it succeeds the breaker closes, if
    it fails the breaker opens for twice as long, up to `longest_rest`.
    """

    limit: int
    window: float | None
    rest: float
    longest_rest: float
    openings: int = 0
    _failures: deque[float] = field(factory=deque)
    _closed_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it has opened and no trial has succeeded since."""
        return self._closed_until is not None

    @property
    def failures(self) -> int:
        """Return how many failures count now."""
        return len(self._failures)

    def allows(self, now: float) -> bool:
        """Tell whether a call may be made: the breaker is closed, or its rest is over and this is the trial."""
        return self._closed_until is None or now >= self._closed_until

    def rest_left(self, now: float) -> float:
        """Return how long nothing may be tried."""
        return 0.0 if self._closed_until is None else max(0.0, self._closed_until - now)

    def failed(self, now: float, weight: int = 1) -> bool:
        """Count a failure as `weight` failures; tell whether the breaker opened by it."""
        self._failures.extend([now] * weight)
        while len(self._failures) > self.limit or (self.window is not None and now - self._failures[0] > self.window):
            self._failures.popleft()
        if self._closed_until is None and len(self._failures) < self.limit:
            return False
        doublings = min(self.openings, MOST_DOUBLINGS)  # a venue may be away for days, and numbers have an end
        self._closed_until = now + min(self.longest_rest, self.rest * 2**doublings)
        self.openings += 1
        return True

    def succeeded(self) -> None:
        """Count a success: it closes an open breaker, and breaks a row of failures."""
        if self._closed_until is not None or self.window is None:
            self._failures.clear()
        if self._closed_until is not None:
            self._closed_until = None
            self.openings = 0
