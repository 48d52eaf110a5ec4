"""The options of the components in this package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from attrs import Factory, frozen

from atlas_core import InstrumentKind, Timeframe, above, at_least, between, from_datetime, option

DEFAULT_DAYS = 90
COLUMN_ROLES = ("time", "open", "high", "low", "close", "volume")


def check_day(_instance: object, _attribute: object, value: str | None) -> None:
    """Refuse what is not a day; raises ValueError."""
    if value is None:
        return
    try:
        year = date.fromisoformat(value).year
    except ValueError:
        year = 0
    if not 1990 <= year < 2100:
        raise ValueError(f'expected a day from 1990 to 2099 such as "2026-01-05", was "{value}"')


def check_zone(_instance: object, _attribute: object, value: str) -> None:
    """Refuse a zone that is not in the time zone database; raises ValueError."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'expected a zone such as "UTC" or "America/New_York", was "{value}"') from None


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

    start: str = option("2026-01-05", check=check_day, help="First day of the market (UTC).")
    days: int | None = option(
        None, check=between(1, 3_660), unit="days", help=f"Length of the market; {DEFAULT_DAYS} without days and end."
    )
    end: str | None = option(None, check=check_day, help="Day on which the market ends (not included), for days.")
    seed: int | None = option(None, check=at_least(0), help="Seed of the market; the profile's seed without it.")

    def __attrs_post_init__(self) -> None:
        if self.end is not None and self.days is not None:
            raise ValueError("expected either days or end, were both")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"expected an end after the start {self.start}, was {self.end}")

    def span(self) -> tuple[int, int]:
        """Return the start and the end of the market in nanoseconds UTC."""
        first = datetime.combine(date.fromisoformat(self.start), time(), UTC)
        last = first + timedelta(days=self.days or DEFAULT_DAYS)
        if self.end is not None:
            last = datetime.combine(date.fromisoformat(self.end), time(), UTC)
        return from_datetime(first), from_datetime(last)


@frozen(kw_only=True)
class InstrumentOptions:
    """What a file of prices does not say about its instrument."""

    kind: InstrumentKind | None = option(None, help="What is traded; spot without it.")
    tick_size: Decimal | None = option(None, check=above(0), help="Step of the price; from the decimals in the file.")
    lot_size: Decimal | None = option(None, check=above(0), help="Step of the quantity; 1 for stocks, else 1e-8.")
    min_notional: Decimal | None = option(None, check=at_least(0), help="Smallest value of an order; 0 without it.")
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
    zone: str = option("UTC", check=check_zone, help="Zone of times that do not name theirs.")
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
