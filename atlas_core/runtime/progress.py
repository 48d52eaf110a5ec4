"""How far the parts of a session have come: every critical loop says so itself, and a loop that stops is late.

A sign of life from a thread of its own would prove nothing about the loops; here each loop beats in its own turn.
Reading from another thread is safe: an entry is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define, field, frozen


@frozen
class Turn:
    """The last turn of a loop: how many there were, when (seconds), and how long the next one may take."""

    count: int
    at: float
    deadline_seconds: float

    def share(self, now: float) -> float:
        """Return how much of its time the loop has used: 1 and above is late."""
        return (now - self.at) / self.deadline_seconds


@define
class ProgressBoard:
    """The critical loops of a session and their last turns; `monotonic` gives the loop's seconds."""

    monotonic: Callable[[], float]
    _turns: dict[str, Turn] = field(factory=dict)
    _as_of: dict[str, int] = field(factory=dict)

    def expect(self, loop: str, deadline_seconds: float) -> None:
        """Begin to watch a loop that makes a turn at least so often."""
        self._turns[loop] = Turn(0, self.monotonic(), deadline_seconds)

    def beat(self, loop: str) -> None:
        """Say that a loop made a turn; one that is not expected is only counted."""
        last = self._turns.get(loop)
        deadline = float("inf") if last is None else last.deadline_seconds
        self._turns[loop] = Turn(1 if last is None else last.count + 1, self.monotonic(), deadline)

    def note(self, what: str, ts: int) -> None:
        """Say as of when something is known, such as the last bar: nanoseconds UTC of the session's clock."""
        self._as_of[what] = max(ts, self._as_of.get(what, 0))

    @property
    def counts(self) -> Mapping[str, int]:
        """The turns of each loop."""
        return {loop: turn.count for loop, turn in list(self._turns.items())}

    @property
    def as_of(self) -> Mapping[str, int]:
        """As of when each thing is known."""
        return dict(self._as_of)

    def shares(self, now: float) -> Mapping[str, float]:
        """Return how much of its time each loop has used."""
        return {loop: turn.share(now) for loop, turn in list(self._turns.items())}

    def late(self) -> Mapping[str, float]:
        """Return the loops that are late, with the share of their time that they have used."""
        return {loop: share for loop, share in self.shares(self.monotonic()).items() if share >= 1}

    def forgive(self) -> None:
        """Give every loop its whole time again: the process itself was held up, not the loops."""
        now = self.monotonic()
        for loop, turn in list(self._turns.items()):
            self._turns[loop] = Turn(turn.count, now, turn.deadline_seconds)
