"""What names a series in the store, and where it lies."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from attrs import frozen

from atlas_core.model.timeframe import Timeframe

_UNSAFE = re.compile(r"^\.|[^A-Za-z0-9._-]")


class PriceKind(StrEnum):
    """What the prices of a series are: those of trades, marks or indices; `funding` keeps rates as flat bars."""

    TRADE = "trade"
    MARK = "mark"
    INDEX = "index"
    FUNDING = "funding"


@frozen
class SeriesKey:
    """One series: where it came from (a venue, or what an import was told), the symbol, the timeframe, the prices."""

    source: str
    symbol: str
    timeframe: Timeframe
    price: PriceKind = PriceKind.TRADE

    def __str__(self) -> str:
        kind = "" if self.price is PriceKind.TRADE else f" {self.price}"
        return f"{self.symbol} {self.timeframe}{kind} of {self.source}"

    @property
    def path(self) -> Path:
        """Return the folder below the store; months are spelt out where a file system takes 1M for 1m."""
        timeframe = f"{self.timeframe.count}mo" if self.timeframe.is_calendar_month else self.timeframe.text
        last = timeframe if self.price is PriceKind.TRADE else f"{timeframe}-{self.price}"
        return Path(file_name(self.source), file_name(self.symbol), last)


def is_folder_of(name: str, timeframe: Timeframe | None, price: PriceKind | None) -> bool:
    """Tell whether a folder is one of series of this timeframe and these prices, None for any."""
    spelt, _, kind = name.partition("-")
    fits = timeframe is None or spelt == SeriesKey("", "", timeframe).path.name
    return fits and price in (None, kind or PriceKind.TRADE)


def file_name(text: str) -> str:
    """Return a name that every file system takes: what it could take amiss as `%` and two hexadecimal digits."""
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), text)
