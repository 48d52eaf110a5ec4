"""What the rows of trades unfold, as much as the page has room for."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.report.html.candles import window
from atlas_core.report.html.markup import Child, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.trades import trace_list
from atlas_core.report.trace import traces
from atlas_core.report.trades import TradeRow

_FRAME = 160  # what a row needs around it, in bytes


def unfolded_trades(material: Material, shown: Sequence[TradeRow], room: int) -> dict[int, Child]:
    """Return by number what the rows unfold; where the room is short, those with the largest results come first."""
    ordered = sorted(shown, key=lambda row: (-abs(row.net), row.trade_id))
    made: dict[int, Child] = {}
    for trade, trace in zip(ordered, traces(material.records, [row.signal_key for row in ordered]), strict=True):
        if trace is None:
            continue
        bars = material.bars.get(trade.symbol)
        text = joined(window(bars, trade) if bars is not None else None, trace_list(trace))
        room -= len(text.encode()) + _FRAME
        if room < 0:
            break
        made[trade.trade_id] = text
    return made
