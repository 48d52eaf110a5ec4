"""The options of the components in this package."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from attrs import Factory, frozen

from atlas_core import (
    Check,
    InstrumentKind,
    Moment,
    PriceKind,
    Timeframe,
    above,
    at_least,
    between,
    each,
    one_of,
    option,
    parse_timeframe,
    read_moment,
    time_zone,
)

DAY = parse_timeframe("1d").duration
DEFAULT_DAYS = 90
_FIRST_DAY, _LAST_DAY = read_moment("1994-01-01"), read_moment("2099-12-31")
WHOLE_DAY = Check(
    "a day from 1994 to 2099 such as 2026-01-05",
    lambda moment: moment % DAY == 0 and _FIRST_DAY <= moment <= _LAST_DAY,
)
COLUMN_ROLES = ("time", "open", "high", "low", "close", "volume")


def check_columns(_instance: object, _attribute: object, value: Mapping[str, str]) -> None:
    """Refuse a mapping of something that is not a column of a bar; raises ValueError."""
    unknown = [role for role in value if role not in COLUMN_ROLES]
    if unknown:
        raise ValueError(f"expected columns named {', '.join(COLUMN_ROLES)}, was {', '.join(unknown)}")
    empty = [role for role, name in value.items() if not name and role != "volume"]
    if empty:
        raise ValueError(f"expected the header of {', '.join(empty)}, was empty; only a volume can be missing")


@frozen(kw_only=True)
class SimOptions:
    """The span and the seed of the synthetic market."""

    start: Moment = option(read_moment("2026-01-05"), check=WHOLE_DAY, help="First day of the market (UTC).")
    days: int | None = option(
        None, check=between(1, 3_660), unit="days", help=f"Length of the market; {DEFAULT_DAYS} without days and end."
    )
    end: Moment | None = option(
        None, check=WHOLE_DAY, help="Day on which the market ends (not included), instead of days."
    )
    seed: int | None = option(None, check=at_least(0), help="Seed of the market; the profile's seed without it.")
    contract_sizes: Mapping[str, Decimal] = option(
        Factory(dict),
        check=each(above(0)),
        help="Units of the underlying in one contract, by symbol: whole contracts are traded; without it fine lots.",
    )
    funding_every_hours: int = option(
        8, check=one_of(1, 2, 4, 8, 12, 24), unit="hours", help="Time between two fundings; the rate of a day stays."
    )

    def __attrs_post_init__(self) -> None:
        if self.end is not None and self.days is not None:
            raise ValueError("expected either days or end, were both")
        if self.end is not None and self.end <= self.start:
            raise ValueError("expected an end after the start, was not")

    def span(self) -> tuple[int, int]:
        """Return the start and the end of the market in nanoseconds UTC."""
        if self.end is not None:
            return self.start, self.end
        return self.start, self.start + (self.days or DEFAULT_DAYS) * DAY


@frozen(kw_only=True)
class InstrumentOptions:
    """What a file of prices does not say about its instrument."""

    kind: InstrumentKind | None = option(None, help="What is traded; spot without it.")
    tick_size: Decimal | None = option(None, check=above(0), help="Step of the price; from the decimals in the file.")
    lot_size: Decimal | None = option(None, check=above(0), help="Step of the quantity; 1 for stocks, else 1e-8.")
    min_notional: Decimal | None = option(None, check=at_least(0), help="Smallest value of an order; 0 without it.")
    multiplier: Decimal | None = option(
        None, check=above(0), help="Units of the underlying in one contract; 1 without it."
    )
    max_leverage: Decimal | None = option(None, check=at_least(1), help="Highest leverage allowed; 1 without it.")
    maintenance_margin_pct: Decimal | None = option(
        None, check=between(0, 100), help="Margin below which a position is liquidated, in percent of its value."
    )
    quote: str | None = option(None, help="Currency of the price; USD without it.")
    group: str | None = option(None, help="Group that per-group limits count.")


@frozen(kw_only=True)
class FilesOptions:
    """Which files hold the bars of which symbols, and how to read them."""

    path: Path | None = option(None, help="The file, for a universe of one symbol.")
    folder: Path | None = option(None, help="Folder of one file per symbol.")
    pattern: str = option("{symbol}.csv", help="Name of a file in the folder; {symbol} stands for the symbol.")
    files: Mapping[str, Path] = option(Factory(dict), help="File of each symbol by name.")
    columns: Mapping[str, str] = option(
        Factory(dict),
        check=check_columns,
        help='Header of time, open, high, low, close or volume, or its place as in "#1"; volume = "" for none.',
    )
    time_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = option("auto", help="Unit of the times.")
    time_marks: Literal["open", "close"] = option("open", help="Which end of its bar a time names.")
    zone: str = option("UTC", check=time_zone(), help="Zone of times that do not name theirs.")
    timeframe: Timeframe | None = option(None, help="Timeframe of the files; their most common spacing without it.")
    on_dirty: Literal["refuse", "drop"] = option("refuse", help="What becomes of rows that are not bars.")
    instrument: InstrumentOptions = option(Factory(InstrumentOptions), help="The instrument of every symbol.")
    instruments: Mapping[str, InstrumentOptions] = option(
        Factory(dict), help="The instruments of single symbols; what they say goes before `instrument`."
    )

    def __attrs_post_init__(self) -> None:
        sources = [name for name in ("path", "folder", "files") if getattr(self, name)]
        if len(sources) != 1:
            raise ValueError(f"expected one of path, folder or files, was {' and '.join(sources) or 'none of them'}")


@frozen(kw_only=True)
class StoreOptions:
    """Which series of the store are read, and what their instruments are."""

    source: str | None = option(None, help="Where the bars came from, as `atlas data list` tells; needed for several.")
    price: PriceKind = option(PriceKind.TRADE, help="Which prices are read.")
    folder: Path | None = option(None, help="Folder of the store; the one below the Atlas home without it.")
    instrument: InstrumentOptions = option(Factory(InstrumentOptions), help="The instrument of every symbol.")
    instruments: Mapping[str, InstrumentOptions] = option(
        Factory(dict), help="The instruments of single symbols; what they say goes before `instrument`."
    )
