"""Where a history is cut: at moments at which something was decided, because only there a peek would show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlas_core.model.records import ExitDecided, PositionClosed, PositionOpened, Record, SignalTriggered
from atlas_core.model.signals import SignalTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET_SHARE = 4
"""One of so many cuts lies anywhere: what is dropped because of the future leaves no trace to cut at."""

LAST_CUT = 0.7
"""Runs are cut in this part of the history: every cut costs a run up to it."""


def cuts_of_scanner(
    table: SignalTable, closes: NDArray[np.int64], count: int, random: np.random.Generator
) -> list[int]:
    """Return up to `count` times: those at which signals were known, of every timeframe alike, and some of any bar."""
    quiet = max(1, count // QUIET_SHARE)
    timeframes = sorted(set(table.timeframe.tolist()))
    found: set[int] = set()
    for place, timeframe in enumerate(timeframes):
        share = (count - quiet) // len(timeframes) + (place < (count - quiet) % len(timeframes))
        times = np.unique(table.available_at[table.timeframe == timeframe])
        found |= _drawn(times[(times >= closes[0]) & (times <= closes[-1])], share, random)
    found |= _drawn(closes, count - len(found), random)
    return sorted(found)


def cuts_of_run(
    records: Sequence[Record], closes: NDArray[np.int64], count: int, random: np.random.Generator
) -> list[int]:
    """Return up to `count` times: at entries, at exits and while positions are open; early ones cost less and tell as
    much.
    """
    triggered = _times(record.ts for record in records if isinstance(record, SignalTriggered))
    exits = _times(record.ts for record in records if isinstance(record, ExitDecided | PositionClosed))
    held = closes[_is_held(records, closes)]
    kinds = [times for times in (triggered, exits, held) if len(times)] or [closes]
    span = (closes[-1] - closes[0]) * LAST_CUT
    found: set[int] = set()
    for place in range(count):
        low, high = (closes[0] + span * (step / count) ** 2 for step in (place, place + 1))
        times = kinds[place % len(kinds)]
        inside = times[(times >= low) & (times <= high)]
        found |= _drawn(inside if len(inside) else times, 1, random)
    return sorted(found)


def _is_held(records: Iterable[Record], closes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the times at which a position was open."""
    changes = [(record.ts, isinstance(record, PositionOpened)) for record in records
               if isinstance(record, PositionOpened | PositionClosed)]  # fmt: skip
    if not changes:
        return np.zeros(len(closes), dtype=bool)
    times = np.array([ts for ts, _ in changes])
    open_positions = np.cumsum([1 if is_opening else -1 for _, is_opening in changes])
    place = np.searchsorted(times, closes, side="right") - 1
    held: NDArray[np.bool_] = (place >= 0) & (open_positions[place] > 0)
    return held


def _times(times: Iterable[int]) -> NDArray[np.int64]:
    return np.unique(np.array(list(times), dtype=np.int64))


def _drawn(times: NDArray[np.int64], count: int, random: np.random.Generator) -> set[int]:
    if len(times) <= count:
        return set(times.tolist())
    return set(random.choice(times, count, replace=False).tolist())
