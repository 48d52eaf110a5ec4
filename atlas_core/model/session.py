"""When a market trades, as a profile names it."""

from __future__ import annotations

from enum import StrEnum

from atlas_core.model.instrument import Instrument, InstrumentKind


class TradingSession(StrEnum):
    """The hours in which bars are counted, and with them where the bars of every timeframe begin and end."""

    ALWAYS = "24x7"
    US_EQUITIES = "us-equities"


def usual_session(instrument: Instrument) -> TradingSession:
    """Return the session of an instrument for which the profile names none.

    Only shares and options quoted in US dollars have the hours of the US exchanges; everything else never closes, so
    that nothing is left out that somebody may have traded.
    """
    is_listed = instrument.kind in (InstrumentKind.STOCK, InstrumentKind.OPTION)
    return TradingSession.US_EQUITIES if is_listed and instrument.quote == "USD" else TradingSession.ALWAYS
