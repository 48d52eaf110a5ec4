"""The deterministic event queue."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

from atlas_core.model.events import Phase

T = TypeVar("T")
Timed = tuple[int, Phase, T]

_Entry = tuple[int, int, int, int, T]


class EventQueue(Generic[T]):
    """Yields events by (time, phase, stream, sequence), whatever order they came in.

    A stream is an iterator that is ordered already; its next event is pulled when the one before is taken. Streams
    that were added first come first within one time and phase, single events come after all streams.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry[T]] = []
        self._streams: list[Iterator[Timed[T]]] = []
        self._sequence = 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, ts: int, phase: Phase, event: T) -> None:
        """Add one event."""
        self._add(ts, phase, _SINGLE, event)

    def add_stream(self, events: Iterator[Timed[T]]) -> None:
        """Add an ordered stream of (time, phase, event)."""
        self._streams.append(events)
        self._pull(len(self._streams) - 1)

    def next_time(self) -> int:
        """Return the time of the next event; raises IndexError when there is none."""
        return self._heap[0][0]

    def next_place(self) -> tuple[int, int]:
        """Return time and phase of the next event; raises IndexError when there is none."""
        return self._heap[0][:2]

    def pop(self) -> tuple[int, T]:
        """Take the next event with its time."""
        ts, _, stream, _, event = heapq.heappop(self._heap)
        if stream != _SINGLE:
            self._pull(stream)
        return ts, event

    def _pull(self, stream: int) -> None:
        following = next(self._streams[stream], None)
        if following is not None:
            ts, phase, event = following
            self._add(ts, phase, stream, event)

    def _add(self, ts: int, phase: Phase, stream: int, event: T) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (ts, int(phase), stream, self._sequence, event))


_SINGLE = 1 << 30
