"""What the name of a file, or a note inside it, says about the bars: symbol, timeframe, prices."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from atlas_core.errors import DataError
from atlas_core.model.timeframe import Timeframe, parse_timeframe

NOTE = b"atlas"
"""The name of the note in a Parquet file."""

# BTC_USDT-5m.feather, XRP_USDT_USDT-1h-mark.feather: the layout in which freqtrade keeps its candles.
_NAME = re.compile(
    r"(?P<pair>[A-Za-z0-9_.]+(?:-[A-Za-z0-9_]+)*?)-(?P<timeframe>\d+(?:[mhdwMy]|Mo))"
    r"(?:-(?P<kind>spot|futures|mark|index|premiumIndex|funding_rate))?"
)
_KINDS = {"mark": "mark", "index": "index", "funding_rate": "funding"}
_FUTURES = "futures"
LAYOUT_ENDINGS = (".feather", ".parquet")


@frozen(kw_only=True)
class Told:
    """What is known of a file beside its rows, None for what is not; `facts` is all of a note that Atlas left."""

    symbol: str | None = None
    timeframe: Timeframe | None = None
    price: str = "trade"
    source: str | None = None
    facts: Mapping[str, Any] = field(factory=dict)


def told_by_name(path: Path) -> Told | None:
    """Return what a name in freqtrade's layout says, None for another name.

    The folder of the files names the exchange; the one for futures is left out. `premiumIndex` is not read.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or path.suffix not in LAYOUT_ENDINGS or match["kind"] == "premiumIndex":
        return None
    folder = path.resolve().parent
    folder = folder.parent if folder.name == _FUTURES else folder
    return Told(
        symbol=_symbol(match["pair"]),
        timeframe=parse_timeframe(match["timeframe"].replace("Mo", "M")),
        price=_KINDS.get(match["kind"] or "", "trade"),
        source=folder.name or None,
    )


def told_by_note(path: Path, metadata: Mapping[bytes, bytes]) -> Told | None:
    """Return what an export of Atlas wrote into its Parquet file, None for another file; raises DataError."""
    if NOTE not in metadata:
        return None
    try:
        facts = json.loads(metadata[NOTE])
        timeframe = parse_timeframe(facts["timeframe"])
        return Told(
            symbol=facts["symbol"], timeframe=timeframe, price=facts["price"], source=facts["source"], facts=facts
        )
    except (ValueError, KeyError, TypeError) as fault:
        raise DataError(f"{path}: expected the note of an export of Atlas, was damaged ({fault})") from None


def _symbol(pair: str) -> str:
    """`BTC_USDT` is BTC/USDT, `XRP_USDT_USDT` is XRP/USDT:USDT."""
    base, _, rest = pair.partition("_")
    quote, _, settled = rest.partition("_")
    return f"{base}/{quote}:{settled}" if settled else f"{base}/{quote}" if quote else base
