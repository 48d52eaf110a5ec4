"""What is listed on the synthetic market, and how each listing moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from atlas_core import Instrument, InstrumentKind

INDEX_SHARE = "SPY"
VOLATILITY_INDEX = "VIX"


@frozen(kw_only=True)
class Listing:
    """One symbol: its instrument and the character of its price.

    `home_price` is where the price begins and to which it is drawn back weakly; `daily_volatility_pct` is the usual
    size of a day; `gap_pct` is the usual size of the jump over a closed night, in percent of that day. `follows`
    names the listing whose moves it shares, `beta_pct` how much of them, in percent.
    """

    instrument: Instrument
    home_price: Decimal
    daily_volatility_pct: float
    shares_volume_per_minute: int
    spread_ticks: int = 1
    gap_pct: int = 40
    follows: str = ""
    beta_pct: int = 0
    home_pull_days: int = 150
    always_open: bool = False


def _perpetual(symbol: str, home: str, tick: str, lot: str, volatility: float, volume: int, beta: int = 0) -> Listing:
    instrument = Instrument(
        symbol=symbol,
        kind=InstrumentKind.PERP,
        tick_size=Decimal(tick),
        lot_size=Decimal(lot),
        min_notional=Decimal(10),
        quote="USD",
        group="crypto",
        max_leverage=Decimal(10),
        maintenance_margin_pct=Decimal(5),
    )
    return Listing(
        instrument=instrument,
        home_price=Decimal(home),
        daily_volatility_pct=volatility,
        shares_volume_per_minute=volume,
        gap_pct=8,
        follows="BTC-PERP" if beta else "",
        beta_pct=beta,
        always_open=True,
    )


def _share(symbol: str, group: str, home: str, volatility: float, volume: int, beta: int = 0) -> Listing:
    instrument = Instrument(
        symbol=symbol,
        kind=InstrumentKind.STOCK,
        lot_size=Decimal(1),
        min_notional=Decimal(1),
        group=group,
        max_leverage=Decimal(2),
        maintenance_margin_pct=Decimal(25),
    )
    return Listing(
        instrument=instrument,
        home_price=Decimal(home),
        daily_volatility_pct=volatility,
        shares_volume_per_minute=volume,
        spread_ticks={"large": 1, "mid": 2, "small": 4}.get(group, 1),
        follows=INDEX_SHARE if beta else "",
        beta_pct=beta,
    )


# Names of trees, minerals and birds: no ticker of a real company is meant.
_SHARES = {
    "large": (0.9, 9_000, "ALDR 214, BRCH 88.5, CEDR 402, DOGW 61, ELMX 147, HAZL 95, MAPL 310, OAKS 176"),
    "mid": (1.4, 2_400, "AGAT 48, BSLT 73, COBT 36, FLNT 120, GALN 29.5, JSPR 64, MICX 18, ONYX 81"),
    "small": (2.0, 700, "CRNE 12, DOVE 7.4, FNCH 21, HERN 15.5, KITE 9.8, LARK 5.6, SWFT 27, WREN 11"),
}


def _all() -> Mapping[str, Listing]:
    listings = [
        _perpetual("BTC-PERP", "62000", "0.5", "0.0001", 2.2, 40),
        _perpetual("ETH-PERP", "3000", "0.05", "0.001", 1.8, 600, beta=85),
        _share(INDEX_SHARE, "index", "520", 0.75, 60_000),
    ]
    for group, (volatility, volume, entries) in _SHARES.items():
        for place, entry in enumerate(entries.split(", ")):
            symbol, home = entry.split()
            listings.append(_share(symbol, group, home, volatility, volume, beta=80 + 15 * (place % 4)))
    listings.append(
        Listing(
            instrument=Instrument(symbol=VOLATILITY_INDEX, kind=InstrumentKind.INDEX, group="index"),
            home_price=Decimal(17),
            daily_volatility_pct=3.0,
            shares_volume_per_minute=0,
            follows=INDEX_SHARE,
            beta_pct=-400,
            home_pull_days=12,
        )
    )
    return {listing.instrument.symbol: listing for listing in listings}


LISTINGS = _all()
