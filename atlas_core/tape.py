"""A run's tape: what happens in the market, as ordered streams of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from attrs import frozen

from atlas_core.engine.queue import Timed
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, BarOpened, Event, FundingDue, Phase, SignalsFound
from atlas_core.model.signals import SignalTable


@frozen
class ScanDue:
    """A bar of a higher timeframe closed at `ts`: the scanners look."""

    ts: int


TapeEvent = Event | ScanDue


def bar_pair(bar: BarClosed) -> tuple[Timed[TapeEvent], Timed[TapeEvent]]:
    """Return a bar as two events: its first print when it opens, and the whole bar when it is available."""
    return (
        (bar.opened_at, Phase.OPENING, BarOpened(bar.opened_at, bar.symbol, bar.open)),
        (bar.ts, Phase.MARKET, bar),
    )


def bar_events(bars: Bars) -> Iterator[Timed[TapeEvent]]:
    """Yield the two events of each bar."""
    symbol = bars.symbol
    columns = (bars.opened_at, bars.available_at, *bars.prices(), bars.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for opened_at, available_at, first, high, low, close, volume in rows:
        yield from bar_pair(BarClosed(available_at, symbol, opened_at, first, high, low, close, volume))


def funding_events(due: Iterable[FundingDue]) -> Iterator[Timed[TapeEvent]]:
    """Yield funding times; they come after the bars of the same instant."""
    for event in due:
        yield event.ts, Phase.MARKET, event


def signal_events(label: str, table: SignalTable) -> Iterator[Timed[TapeEvent]]:
    """Yield the signals of each instant together; they come after the bars and funding of that instant."""
    times, first = np.unique(table.available_at, return_index=True)
    ends = [*first[1:].tolist(), len(table)]
    for ts, begin, end in zip(times.tolist(), first.tolist(), ends[: len(times)], strict=True):
        yield ts, Phase.MARKET, SignalsFound(ts, label, table.take(np.arange(begin, end)))
