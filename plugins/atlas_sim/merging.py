"""Several columns of bars as one stream of events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from atlas_core import BarClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from atlas_core import Bars

_ROWS_PER_TURN = 512


async def merged(bars: Mapping[str, Bars]) -> AsyncIterator[BarClosed]:
    """Yield the bars of all symbols by time, then in the order of `bars`; never sleeps, but lets others run."""
    columns = list(bars.values())
    if not columns:
        return
    available_at = np.concatenate([column.available_at for column in columns])
    place = np.repeat(np.arange(len(columns)), [len(column) for column in columns])
    row = np.concatenate([np.arange(len(column)) for column in columns])
    order = np.lexsort((place, available_at))
    for first in range(0, len(order), _ROWS_PER_TURN):
        turn = order[first : first + _ROWS_PER_TURN]
        for bar in _events(columns, place[turn].tolist(), row[turn].tolist()):
            yield bar
        await asyncio.sleep(0)


def _events(columns: list[Bars], places: list[int], rows: list[int]) -> Iterator[BarClosed]:
    for place, row in zip(places, rows, strict=True):
        bars = columns[place]
        yield BarClosed(
            int(bars.available_at[row]),
            bars.symbol,
            int(bars.opened_at[row]),
            float(bars.open[row]),
            float(bars.high[row]),
            float(bars.low[row]),
            float(bars.close[row]),
            float(bars.volume[row]),
        )
