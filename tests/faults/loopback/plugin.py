"""The plugin of the venue on loopback: provider and broker `loopback`, and a scanner that finds something all the time.

It is discovered like any other plugin. Where a process fault is planned for this process, it is armed here.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, frozen

import atlas_core as atlas
from atlas_core import (
    Account,
    Action,
    BarClosed,
    Bars,
    BrokerEvent,
    Capability,
    Context,
    HistoryRequest,
    Instrument,
    InstrumentKind,
    MarketHistory,
    Need,
    Order,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderKind,
    OrderReport,
    OrderStatus,
    Side,
    SignalTable,
    VenueError,
    VenuePosition,
    VenueSnapshot,
    bars_of_rows,
    concat_signals,
    hookimpl,
    option,
    signal_table,
)
from tests.faults.loopback.client import Wire
from tests.faults.loopback.injection import ARMED

FOLDER = "ATLAS_LOOPBACK_FOLDER"
LOT = Decimal("0.001")


@frozen(kw_only=True)
class Rate:
    """How often the scanner `restless` signals."""

    percent: int = option(50, unit="%", help="share of bars with a signal")
    lives_minutes: int = option(2, unit="minutes", help="how long a signal is valid")


def wire() -> Wire:
    """Return the way to the venue that serves in the folder that the environment names."""
    return Wire(int((Path(os.environ[FOLDER]) / "port").read_text()), ARMED.reach)


@define
class LoopbackProvider(atlas.Provider):
    """Bars of the venue."""

    wire: Wire = field(factory=wire)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        return {symbol: Instrument(symbol, kind=InstrumentKind.PERP, lot_size=LOT) for symbol in symbols}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        status, bars = await self.wire.read("/bars")
        if status != 200:
            raise VenueError(f"no history: status {status}")
        first, last = request.start or 0, request.end or 2**63
        rows: dict[str, list[Any]] = {symbol: [] for symbol in request.symbols}
        for bar in bars:
            if bar["symbol"] in rows and first <= bar["opened_at"] and bar["ts"] <= last:
                rows[bar["symbol"]].append((bar["opened_at"], *_prices(bar), 1.0))
        return {symbol: bars_of_rows(symbol, request.timeframe, found) for symbol, found in rows.items()}

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        async for bar in self.wire.lines("/stream"):
            if bar["symbol"] in request.symbols:
                yield BarClosed(bar["ts"], bar["symbol"], bar["opened_at"], *_prices(bar), 1.0)


@define
class LoopbackBroker(atlas.Broker):
    """Orders to the venue."""

    wire: Wire = field(factory=wire)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def snapshot(self) -> VenueSnapshot:
        ARMED.reach("snapshot", "before")
        status, account = await self.wire.read("/account")
        if status != 200:
            raise VenueError(f"no account: status {status}")
        ARMED.reach("snapshot", "after")
        return VenueSnapshot(
            account=Account(cash=Decimal(account["cash"]), equity=Decimal(account["equity"])),
            orders=tuple(map(_report, account["orders"])),
            positions=tuple(map(_position, account["positions"])),
            account_id=account["account"],
        )

    async def find(self, client_order_id: str) -> OrderReport | None:
        ARMED.reach("find", "before")
        status, order = await self.wire.read(f"/orders/{client_order_id}")
        ARMED.reach("find", "after")
        return None if status == 404 else _report(order)

    async def submit(self, order: Order) -> None:
        await self.wire.submit(
            "/orders",
            {
                "id": order.client_order_id, "symbol": order.symbol, "action": order.action.value,
                "kind": order.kind.value, "quantity": str(order.quantity),
                "stop_price": None if order.stop_price is None else str(order.stop_price),
                "reduce_only": order.reduce_only, "role": order.role.value, "signal": order.signal_key,
                "attempt": order.attempt,
            },
        )  # fmt: skip

    async def cancel(self, client_order_id: str) -> None:
        ARMED.reach("cancel", "before")
        await self.wire.delete(f"/orders/{client_order_id}")
        ARMED.reach("cancel", "after")

    async def events(self) -> AsyncIterator[BrokerEvent]:
        async for told in self.wire.lines("/events"):
            ARMED.reach("event", "before")
            yield _event(told)
            ARMED.reach("event", "after")


@define
class Restless(atlas.Scanner):
    """Signals at the market on a share of all bars, chosen by their time: always the same ones for the same history."""

    rate: Rate

    def needs(self) -> Sequence[Need]:
        return (Need("1m"),)

    def scan(self, market: MarketHistory) -> SignalTable:
        return concat_signals([self._of(market.bars(symbol, "1m"), symbol) for symbol in market.symbols])

    def _of(self, bars: Bars, symbol: str) -> SignalTable:
        minutes = bars.opened_at // 60_000_000_000
        mixed = (minutes * 2_654_435_761 + sum(symbol.encode()) * 40_503) % 2**32 // 7
        rows = np.flatnonzero(mixed % 100 < self.rate.percent)
        return signal_table(
            available_at=bars.available_at[rows],
            setup_at=bars.opened_at[rows],
            symbol=symbol,
            timeframe="1m",
            pattern="restless",
            side=np.where(mixed[rows] % 2, Side.LONG.sign, Side.SHORT.sign),
            valid_until=bars.available_at[rows] + self.rate.lives_minutes * 60_000_000_000,
        )


def _prices(bar: Mapping[str, Any]) -> tuple[float, float, float, float]:
    return float(bar["open"]), float(bar["high"]), float(bar["low"]), float(bar["close"])


def _report(told: Mapping[str, Any]) -> OrderReport:
    return OrderReport(
        symbol=told["symbol"], action=Action(told["action"]), kind=OrderKind(told["kind"]),
        quantity=Decimal(told["quantity"]), status=OrderStatus(told["status"]), client_order_id=told["id"],
        venue_order_id=told["venue_id"], cumulative_quantity=Decimal(told["filled"]),
        average_price=None if told["price"] is None else Decimal(told["price"]),
        stop_price=None if told["stop_price"] is None else Decimal(told["stop_price"]),
        reduce_only=told["reduce_only"],
    )  # fmt: skip


def _position(told: Mapping[str, Any]) -> VenuePosition:
    quantity = Decimal(told["quantity"])
    side = Side.LONG if quantity > 0 else Side.SHORT
    return VenuePosition(symbol=told["symbol"], side=side, quantity=abs(quantity), entry_price=Decimal(told["price"]))


def _event(told: Mapping[str, Any]) -> BrokerEvent:
    ts, name = told["ts"], told["id"]
    match told["what"]:
        case "accepted":
            return OrderAccepted(ts=ts, client_order_id=name, venue_order_id=told["venue_id"])
        case "filled":
            return OrderFilled(
                ts=ts, client_order_id=name, cumulative_quantity=Decimal(told["filled"]),
                price=Decimal(told["price"]), cumulative_fee=Decimal(0),
            )  # fmt: skip
        case "cancelled":
            return OrderCancelled(ts=ts, client_order_id=name, reason=told["reason"])
    raise VenueError(f"an event of a kind that is not known: {told['what']}")


ABILITIES = (Capability.MARKET, Capability.STOP, Capability.SHORT, Capability.PERP)


@hookimpl
def atlas_data_providers() -> Sequence[Any]:
    """Offer the provider."""
    return [atlas.provider("loopback", lambda _options, _context: LoopbackProvider(),
                           capabilities=(Capability.HISTORY, Capability.STREAM, Capability.REAL_TIME))]  # fmt: skip


@hookimpl
def atlas_brokers() -> Sequence[Any]:
    """Offer the broker, and one for a venue whose stops hold the quantity."""

    def make(_options: Any, _context: Context) -> LoopbackBroker:
        return LoopbackBroker()

    holding = (*ABILITIES, Capability.HOLDS_QUANTITY)
    return [
        atlas.broker("loopback", make, capabilities=ABILITIES),
        atlas.broker("loopback-holding", make, capabilities=holding),
    ]


@hookimpl
def atlas_scanners() -> Sequence[Any]:
    """Offer the scanner."""
    return [atlas.scanner("restless", lambda options, _context: Restless(options), options=Rate)]


ARMED.wrap_ports()
