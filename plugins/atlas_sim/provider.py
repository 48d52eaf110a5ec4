"""The provider `sim`: the synthetic market as bars, instruments, funding and a stream."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve

from atlas_core import (
    Bars,
    DataError,
    FundingDue,
    HistoryRequest,
    InstrumentKind,
    Provider,
    grid_of,
    parse_timeframe,
    resample,
)
from atlas_sim.listings import LISTINGS
from atlas_sim.market import Market, Tape
from atlas_sim.merging import merged
from atlas_sim.sessions import MINUTE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from atlas_core import BarClosed, Context, Instrument
    from atlas_sim.options import SimOptions

_HOUR = 60 * MINUTE
_HOURS_OF_RATE = 8
_TREND = 24 * _HOUR
# Rates in hundred-millionths: 0.01 % for eight hours at rest, a two-hundredth of the last day's move on top.
_RATE_SCALE = Decimal("1E-8")
_RATE_AT_REST = 10_000
_RATE_LIMIT = 75_000
_LOG_UNITS_PER_RATE = 2_000


class SimProvider(Provider):
    """Delivers the synthetic market; the same seed and start give the same bytes."""

    def __init__(self, options: SimOptions, context: Context) -> None:
        start, end = options.span()
        self._market = Market(context.seed if options.seed is None else options.seed, start, end)
        self._contract_sizes = options.contract_sizes
        self._funding_hours = options.funding_every_hours

    async def open(self) -> None:
        """Do nothing: there is nothing to reach."""

    async def close(self) -> None:
        """Do nothing."""

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return the instruments of `symbols`; raises DataError naming each unknown one."""
        require_listed([*symbols, *self._contract_sizes])
        return {symbol: self._instrument(symbol) for symbol in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the bars of the market inside the request's span, on the grid of each symbol's session.

        Raises DataError for symbols that are not listed and for a span that lies outside the market.
        """
        return self._bars(request)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield the bars of `history` as events; the market runs as fast as it is read."""
        async for bar in merged(self._bars(request)):
            yield bar

    async def funding(self, request: HistoryRequest) -> Sequence[FundingDue]:
        """Return the rates due after `start` and not after `end`; they follow the trend of a day."""
        require_listed(request.symbols)
        start, end = self._span(request)
        due = [
            event
            for symbol in request.symbols
            if LISTINGS[symbol].instrument.kind is InstrumentKind.PERP
            for event in _funding(self._market.tape(symbol), start, end, self._funding_hours)
        ]
        return sorted(due, key=lambda event: event.ts)

    def _bars(self, request: HistoryRequest) -> Mapping[str, Bars]:
        require_listed(request.symbols)
        start, end = self._span(request)
        made = {}
        for symbol in request.symbols:
            bars = bars_of_tape(self._market.tape(symbol), self._market.start, self._market.end)
            bars = _in_contracts(bars, self._contract_sizes.get(symbol))
            grid = grid_of(request.session(symbol))
            made[symbol] = _inside(resample(bars, request.timeframe, grid), start, end)
        return made

    def _instrument(self, symbol: str) -> Instrument:
        instrument, size = LISTINGS[symbol].instrument, self._contract_sizes.get(symbol)
        return instrument if size is None else evolve(instrument, lot_size=Decimal(1), multiplier=size)

    def _span(self, request: HistoryRequest) -> tuple[int, int]:
        start = self._market.start if request.start is None else max(request.start, self._market.start)
        end = self._market.end if request.end is None else min(request.end, self._market.end)
        if request.end is not None and request.end <= self._market.start:
            return request.end, request.end  # what a warm-up asks for before the market begins: nothing is there
        if start >= end:
            raise DataError(
                "the synthetic market does not cover the span asked for; "
                "expected an overlap with start and days (or end) in [provider]"
            )
        return start, end


def bars_of_tape(tape: Tape, start: int, end: int) -> Bars:
    """Return the minutes of a tape inside a span as bars."""
    first = int(np.searchsorted(tape.opened_at, start))
    last = max(first, int(np.searchsorted(tape.opened_at, end - MINUTE, side="right")))
    part = slice(first, last)
    instrument = tape.listing.instrument
    # A division by a whole number is rounded correctly, so 1240003 ticks of 0.05 are 62000.15 and not nearly that.
    ticks, lots = float(1 / instrument.tick_size), float(1 / instrument.lot_size)
    return Bars(
        instrument.symbol,
        parse_timeframe("1m"),
        tape.opened_at[part],
        tape.opened_at[part] + MINUTE,
        tape.open[part] / ticks,
        tape.high[part] / ticks,
        tape.low[part] / ticks,
        tape.close[part] / ticks,
        tape.volume[part] / lots,
        instrument.tick_size,
    )


def _in_contracts(bars: Bars, size: Decimal | None) -> Bars:
    """Return bars whose volume counts contracts of a size; the volume of a bar is in units of an order's quantity."""
    return bars if size is None else evolve(bars, volume=bars.volume / float(size))


def _inside(bars: Bars, start: int, end: int) -> Bars:
    return bars.between(int(np.searchsorted(bars.opened_at, start)), bars.count_available(end))


def _funding(tape: Tape, start: int, end: int, hours: int) -> Iterator[FundingDue]:
    every, scale = hours * _HOUR, _RATE_SCALE * hours / _HOURS_OF_RATE
    for ts in range((start // every + 1) * every, end + 1, every):
        move = _level_at(tape, ts) - _level_at(tape, ts - _TREND)
        rate = _RATE_AT_REST + move // _LOG_UNITS_PER_RATE
        rate = max(-_RATE_LIMIT, min(_RATE_LIMIT, rate))
        yield FundingDue(ts, tape.listing.instrument.symbol, rate * scale)


def _level_at(tape: Tape, ts: int) -> int:
    closed = int(np.searchsorted(tape.opened_at, ts - MINUTE, side="right"))
    return int(tape.level[max(0, closed - 1)])


def require_listed(symbols: Sequence[str]) -> None:
    """Raise DataError naming each symbol that is not listed."""
    unknown = [symbol for symbol in symbols if symbol not in LISTINGS]
    if unknown:
        raise DataError(
            f"the synthetic market does not list {', '.join(unknown)}; it lists {', '.join(sorted(LISTINGS))}"
        )
