"""The market of the run: candles of each symbol with the trades on them."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.report.html.candles import MOST_MARKERS, overview
from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import section
from atlas_core.report.trades import TradeRow

MOST_SYMBOLS = 6


def market(material: Material, shown: Sequence[TradeRow]) -> Markup:
    """Return the section of candles; markers lead to those trades that are `shown` in the table."""
    if not material.bars:
        note = material.market_note or "The bars of this run were not read."
        return section("market", "Market", element("p", note, class_="empty"))
    linked = frozenset(row.trade_id for row in shown)
    trades: dict[str, list[TradeRow]] = {}
    for row in material.report.trades:
        trades.setdefault(row.symbol, []).append(row)
    symbols = sorted(material.bars, key=lambda symbol: (-len(trades.get(symbol, ())), symbol))
    blocks = [_symbol(material, symbol, trades.get(symbol, []), linked) for symbol in symbols[:MOST_SYMBOLS]]
    more = len(symbols) - MOST_SYMBOLS
    told = [material.market_note, f"{more:,} symbols with fewer trades are not drawn." if more > 0 else ""]
    below = element("p", " ".join(filter(None, told)), class_="small") if any(told) else None
    intro = "A triangle is an entry, a ring an exit, green a gain and red a loss; each leads to its row below."
    return section("market", "Market", blocks, below, intro=intro)


def _symbol(material: Material, symbol: str, trades: Sequence[TradeRow], linked: frozenset[int]) -> Markup:
    chart = overview(material.bars[symbol], trades, linked) if len(material.bars[symbol]) else None
    count = f"{len(trades):,} trade{'s' * (len(trades) != 1)}"
    count += f", {MOST_MARKERS} of them drawn" if len(trades) > MOST_MARKERS else ""
    title = element("h3", symbol, element("span", f" {count}", class_="quiet"))
    return joined(title, chart or element("p", "No bars.", class_="empty"))
