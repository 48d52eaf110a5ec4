"""What the providers of kept bars share: instruments as the profile says, and bars in the timeframe asked for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import fields

from atlas_core import Instrument, InstrumentKind, grid_of, resample
from atlas_sim.options import InstrumentOptions

if TYPE_CHECKING:
    from atlas_core import Bars, HistoryRequest
    from atlas_sim.options import FilesOptions, StoreOptions


def said_of(symbol: str, options: FilesOptions | StoreOptions) -> dict[str, Any]:
    """Return what the profile says of an instrument, what it says of this one going before."""
    own = options.instruments.get(symbol, InstrumentOptions())
    both = (options.instrument, own)
    values = ((field.name, getattr(said, field.name)) for said in both for field in fields(InstrumentOptions))
    return {name: value for name, value in values if value is not None}


def instrument_of(symbol: str, tick_size: Decimal, said: Mapping[str, Any]) -> Instrument:
    """Return an instrument of what is said of it; shares are traded whole unless something else is said."""
    facts = {"tick_size": tick_size, **said}
    if facts.get("kind") is InstrumentKind.STOCK:
        facts.setdefault("lot_size", Decimal(1))
    return Instrument(symbol, **facts)


def made_for(bars: Bars, request: HistoryRequest) -> tuple[Bars, int]:
    """Return kept bars as a request wants them, and how many were left out because they lie outside the session.

    Bars that have the timeframe already are passed on as they are; longer ones lie on the grid of the session.
    """
    if bars.timeframe == request.timeframe and bars.timeframe.is_within_day:
        return bars.within(request.start, request.end), 0
    grid = grid_of(request.session(bars.symbol))
    fitted = grid.fitted(bars)
    made = resample(fitted, request.timeframe, grid)
    return made.within(request.start, request.end), len(bars) - len(fitted)
