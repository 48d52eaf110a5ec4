"""Signals, positions and markets for the tests of the standard parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from atlas_core import (
    Account,
    Bars,
    EntryKind,
    FormingBar,
    FormingColumns,
    Instrument,
    InstrumentKind,
    MarketHistory,
    MarketNow,
    Position,
    Side,
    Signal,
    TradingSession,
    bars_of_rows,
    grid_of,
    parse_timeframe,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
START = 473_352 * HOUR  # 2024-01-01 00:00 UTC
SYMBOL = "BTC/USD"
INSTRUMENT = Instrument(
    SYMBOL,
    InstrumentKind.PERP,
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_notional=Decimal(5),
    max_leverage=Decimal(5),
)
INSTRUMENTS: Mapping[str, Instrument] = {SYMBOL: INSTRUMENT}


def money(text: str | int | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def signal_of(
    side: Side = Side.LONG,
    *,
    trigger: str | int | None = 100,
    stop: str | int | None = None,
    target: str | int | None = None,
) -> Signal:
    return Signal(
        key="sig-1",
        scanner="test",
        symbol=SYMBOL,
        timeframe="1h",
        pattern="test",
        side=side,
        entry=EntryKind.STOP,
        available_at=START,
        setup_at=START - HOUR,
        valid_until=START + HOUR,
        trigger=money(trigger),
        stop=money(stop),
        target=money(target),
    )


def position_of(signal: Signal, **changes: Any) -> Position:
    entry = Decimal(100)
    known: dict[str, Any] = {
        "trade_id": 1,
        "symbol": SYMBOL,
        "side": signal.side,
        "quantity": Decimal(2),
        "entry_price": entry,
        "opened_at": START,
        "signal": signal,
        "leverage": Decimal(1),
        "highest": entry,
        "lowest": entry,
        "last_price": entry,
    }
    return Position(**(known | changes))


def account_of(equity: str | int = 10_000) -> Account:
    return Account(cash=Decimal(equity), equity=Decimal(equity))


@frozen
class Moment(MarketNow):
    """A market that knows the time, one instrument, its last price, and the bars that are `known`."""

    now: int = START
    price: Decimal | None = None
    instrument_of_all: Instrument = INSTRUMENT
    known: Bars | None = None

    def instrument(self, symbol: str) -> Instrument:
        return self.instrument_of_all

    def last_price(self, symbol: str) -> Decimal | None:
        return self.price

    def bars(self, symbol: str, timeframe: str) -> Bars:
        assert self.known is not None, "not asked for here"
        return self.known

    def forming(self, symbol: str, timeframe: str) -> FormingBar | None:
        raise AssertionError("not asked for here")


@frozen
class Tape(MarketHistory):
    """A market of one series."""

    series: Bars

    @property
    def symbols(self) -> Sequence[str]:
        return (SYMBOL,)

    def instrument(self, symbol: str) -> Instrument:
        return INSTRUMENT

    def bars(self, symbol: str, timeframe: str) -> Bars:
        return self.series

    def aligned(self, symbol: str, base: str, higher: str) -> NDArray[np.int64]:
        raise AssertionError("not asked for here")

    def forming(self, symbol: str, base: str, higher: str) -> FormingColumns:
        raise AssertionError("not asked for here")

    def next_ends(self, symbol: str, timeframe: str, times: NDArray[np.int64]) -> NDArray[np.int64]:
        return grid_of(TradingSession.ALWAYS).ends(parse_timeframe(timeframe), times)


def bars_of_closes(closes: Sequence[float]) -> Bars:
    """Make hourly bars that have no range but their close, in ticks of 0.1."""
    rows = [(START + place * HOUR, close, close, close, close, 1.0) for place, close in enumerate(closes)]
    return bars_of_rows(SYMBOL, parse_timeframe("1h"), rows, Decimal("0.1"))
