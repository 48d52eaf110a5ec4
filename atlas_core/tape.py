"""A run's tape: what happens in the market, as ordered streams of events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from attrs import frozen

from atlas_core.engine.queue import Timed
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, BarOpened, Event, FundingDue, JudgedRows, Phase, SignalsFound
from atlas_core.model.refusals import SignalSheet
from atlas_core.model.signals import SignalTable

SHEET_ROWS = 8_192


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


def judged_events(
    label: str, table: SignalTable, judge: Callable[[str, SignalTable], SignalSheet | None]
) -> Iterator[Timed[TapeEvent]]:
    """Yield the signals of each instant together, as rows of sheets that `judge` makes of some thousand at a time.

    They come after the bars and funding of that instant; where there is no sheet they are a table of their own.
    """
    instants = list(_instants(table))
    while instants:
        first = instants[0][1]
        count = sum(1 for _, begin, _ in instants[:SHEET_ROWS] if begin - first < SHEET_ROWS)
        some, instants = instants[:count], instants[count:]
        rows = table.take(slice(first, some[-1][2]))
        sheet = judge(label, rows)
        for ts, begin, end in some:
            if sheet is None:
                found = SignalsFound(ts, label, rows.take(slice(begin - first, end - first)))
            else:
                found = SignalsFound(ts, label, rows, JudgedRows(sheet, begin - first, end - first))
            yield ts, Phase.MARKET, found


def _instants(table: SignalTable) -> Iterator[tuple[int, int, int]]:
    """Yield each time with its first row and the one behind its last."""
    times, first = np.unique(table.available_at, return_index=True)
    ends = [*first[1:].tolist(), len(table)]
    yield from zip(times.tolist(), first.tolist(), ends[: len(times)], strict=True)
