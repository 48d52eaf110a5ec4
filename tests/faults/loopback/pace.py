"""Accelerated real time: the clock and the event loop of a process run so many times as fast as the machine's.

Venue and daemon are given the same pace, so that a minute of the market and every deadline shrink alike, and processes
that come and go agree on the time. Nothing here is known to Atlas: its clock is replaced where it reads the machine's.
"""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Pace:
    """`epoch_ns` is the time of the market at the machine's monotonic second `began`; `factor` is how fast it goes."""

    factor: float
    epoch_ns: int
    began: float

    @classmethod
    def starting(cls, factor: float, epoch_ns: int) -> Pace:
        """Begin now."""
        return cls(factor, epoch_ns, monotonic())

    @classmethod
    def of(cls, text: str) -> Pace:
        """Read what `text` wrote."""
        return cls(**json.loads(text))

    def text(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))

    def at(self, seconds: float) -> int:
        """Return the market's time in nanoseconds at a monotonic second of the machine."""
        return self.epoch_ns + round((seconds - self.began) * self.factor * NANOSECONDS)

    def now(self) -> int:
        """Return the market's time in nanoseconds, UTC."""
        return self.at(monotonic())

    def monotonic(self) -> float:
        """Return accelerated monotonic seconds."""
        return monotonic() * self.factor


class QuickSelector(selectors.DefaultSelector):
    """Waits the shorter time that a scaled loop means."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events; a wait without an end stays one."""
        return super().select(timeout / self._factor if timeout is not None and timeout > 0 else timeout)


class ScaledLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds are so many times as short."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        super().__init__(QuickSelector(factor))

    def time(self) -> float:
        """Return the loop's time in scaled seconds."""
        return super().time() * self._factor


class ScaledPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes every loop of a process a scaled one."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._wanted = factor

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make a scaled loop."""
        return ScaledLoop(self._wanted)


def as_line(facts: Mapping[str, Any]) -> bytes:
    """Return facts as one line of JSON."""
    return json.dumps(facts, separators=(",", ":")).encode() + b"\n"
