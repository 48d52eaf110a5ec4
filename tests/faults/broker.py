"""The broker that the session talks to: one connection of our process to the simulated venue, with faults on the wire.

A request that has left is delivered whatever becomes of our process; only the answer dies with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

from attrs import define, field

from atlas_core.contracts import Broker
from atlas_core.errors import NotReady, NotSent, OrderRefused, Throttled, VenueError
from atlas_core.model.events import (
    BrokerEvent,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    PositionLiquidated,
)
from atlas_core.model.orders import Action, Order, OrderKind, OrderStatus
from atlas_core.model.portfolio import Account
from atlas_core.model.signals import Side
from atlas_core.model.venue import OrderReport, VenuePosition, VenueSnapshot
from tests.faults.venue import Refusal, Request, VenueOrder
from tests.faults.world import World

NAMESPACE = "memory/live/memory"
TICK_PLACES, LOT_PLACES, GRAIN_PLACES = -2, -3, -5
ABSURD_WAITS = (0.0, -1.0, 1e9, 3.0, float("inf"))
STATUS = {
    "working": OrderStatus.ACKNOWLEDGED, "partial": OrderStatus.PARTIALLY_FILLED, "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED, "expired": OrderStatus.EXPIRED,
}  # fmt: skip
SUBMIT_FAULTS = (
    "submit-dropped", "submit-lost-response", "submit-reset", "submit-late", "submit-very-late",
    "submit-delivered-twice", "submit-refused", "submit-throttled", "submit-5xx-before", "submit-5xx-after",
    "submit-hangs", "submit-garbled", "submit-maintenance",
)  # fmt: skip
CANCEL_FAULTS = (
    "cancel-dropped", "cancel-lost-response", "cancel-5xx", "cancel-hangs", "cancel-throttled", "cancel-stuck",
    "cancel-raced-by-fill", "cancel-late",
)  # fmt: skip


def quantity_of(lots: int) -> Decimal:
    """Return lots as a quantity."""
    return Decimal(lots).scaleb(LOT_PLACES)


def price_of(ticks: int) -> Decimal:
    """Return ticks as a price."""
    return Decimal(ticks).scaleb(TICK_PLACES)


def money_of(grains: int) -> Decimal:
    """Return grains as money."""
    return Decimal(grains).scaleb(GRAIN_PLACES)


def average_of(cost: int, lots: int) -> Decimal:
    """Return the average price of a cost."""
    return (Decimal(cost) / lots).scaleb(TICK_PLACES)


@define
class SimBroker(Broker):
    """One process's connection; `passes` raises once that process is dead."""

    world: World
    passes: Callable[[str], None]
    streams: list[asyncio.Queue[BrokerEvent | None]] = field(factory=list)
    clean_reads: int = 3
    _reports: dict[tuple[int | str, ...], OrderReport] = field(factory=dict)

    async def open(self) -> None:
        """Begin to listen."""
        self.passes("open")
        self.world.venue.listeners.append(self._hear)
        self.world.venue.forced.append(self._forced)
        self.world.on_cut_orders.append(self.cut)

    async def close(self) -> None:
        """Stop listening; may be called twice."""
        self.forget()

    def forget(self) -> None:
        """Hear nothing more."""
        venue = self.world.venue
        for heard, mine in (
            (venue.listeners, self._hear),
            (venue.forced, self._forced),
            (self.world.on_cut_orders, self.cut),
        ):
            if mine in heard:
                heard.remove(mine)
        self.cut()

    def cut(self) -> None:
        """Break the streams."""
        for stream in self.streams:
            stream.put_nowait(None)

    # --- orders

    async def submit(self, order: Order) -> None:
        """Send an order over the faulty wire."""
        self._leave("submit-not-sent")
        request = self._request(order)
        self.world.trace.venue(
            "request", client_id=request.client_id, symbol=request.symbol, sign=request.sign, type=request.kind,
            quantity=request.quantity, stop=request.stop, limit=request.limit, reduce_only=request.reduce_only,
        )  # fmt: skip
        fault = self.world.weather.first(*SUBMIT_FAULTS)
        await self._submit(request, fault)
        self.passes("answer")

    async def _submit(self, request: Request, fault: str) -> None:
        draws = self.world.weather.draws(f"{fault}/how")
        deliver = self._delivery(request)
        match fault:
            case "":
                await self._asked(deliver)
            case "submit-dropped":
                await _forever()
            case "submit-lost-response":
                self._later(self._latency(), deliver)
                await _forever()
            case "submit-hangs":
                if draws.random() < 0.5:
                    self._later(self._latency(), deliver)
                await _forever()
            case "submit-late" | "submit-very-late":
                self._later(draws.uniform(9, 100) if fault == "submit-late" else draws.uniform(135, 240), deliver)
                await asyncio.sleep(draws.choice((0.5, 3.0, 60.0)))
                raise VenueError("504 gateway time-out")
            case "submit-delivered-twice":
                if self.world.personality.same_id != "accepted":
                    self._later(draws.uniform(0.5, 5), deliver)
                else:
                    self.world.weather.missed(fault)
                await self._asked(deliver)
            case "submit-refused":
                await self._pause()
                self.world.trace.venue("refused", client_id=request.client_id, code="422", symbol=request.symbol)
                raise OrderRefused("422 order is not acceptable")
            case "submit-throttled":
                await self._pause()
                wait = draws.choice(ABSURD_WAITS)
                self.world.trace.venue("throttled", client_id=request.client_id, wait=wait)
                raise Throttled("429 too many requests", wait)
            case "submit-5xx-before" | "submit-maintenance":
                await self._pause()
                raise NotReady("503 service unavailable")
            case "submit-5xx-after":
                await self._asked(deliver)
                raise VenueError("502 bad gateway")
            case "submit-reset":
                if draws.random() < 0.5:
                    self._later(self._latency(), deliver)
                await self._pause()
                raise ConnectionResetError("connection reset by peer")
            case "submit-garbled":
                await self._asked(deliver)
                raise ValueError("Expecting value: line 1 column 1 (char 0)")

    def _delivery(self, request: Request) -> Callable[[], Any]:
        weather = self.world.weather
        overfill = request.quantity // 10 if not request.reduce_only and weather.strikes("venue-overfill") else 0
        cuts_short = request.kind == "market" and weather.strikes("venue-cuts-short")
        expires = request.kind != "market" and weather.strikes("venue-expires")

        def deliver() -> None:
            order = self.world.venue.place(request, overfill=overfill, cuts_short=cuts_short)
            if expires:
                self._later(weather.draws("venue-expires").uniform(1, 600), lambda: self._expire(order))

        return deliver

    def _expire(self, order: VenueOrder) -> None:
        if order.is_open and not self.world.venue.is_closed:
            self.world.venue.expire(order)

    async def cancel(self, client_order_id: str) -> None:
        """Ask for a withdrawal over the faulty wire."""
        self._leave("cancel-not-sent")
        self.world.trace.venue("cancel_request", client_id=client_order_id, namespace=NAMESPACE)
        venue, fault = self.world.venue, self.world.weather.first(*CANCEL_FAULTS)
        draws = self.world.weather.draws(f"{fault}/how")

        def deliver() -> None:
            venue.cancel(client_order_id)

        match fault:
            case "":
                await self._asked(deliver)
            case "cancel-dropped":
                await _forever()
            case "cancel-lost-response":
                self._later(self._latency(), deliver)
                await _forever()
            case "cancel-hangs":
                await _forever()
            case "cancel-5xx":
                if draws.random() < 0.5:
                    await self._asked(deliver)
                raise VenueError("502 bad gateway")
            case "cancel-throttled":
                raise Throttled("429 too many requests", draws.choice(ABSURD_WAITS))
            case "cancel-stuck" | "cancel-late":
                await self._pause()
                self._later(draws.uniform(1, 20) if fault == "cancel-late" else draws.uniform(60, 1_800), deliver)
            case "cancel-raced-by-fill":
                if not venue.fill_now(client_order_id):
                    self.world.weather.missed(fault)
                await self._asked(deliver)
        self.passes("answer")

    # --- questions

    async def find(self, client_order_id: str) -> OrderReport | None:
        """Ask about one order; the answer may be as old as the venue's reads are."""
        await self._question("query")
        order = self.world.venue.by_client.get(client_order_id)
        report = None if order is None else self._report(order, self._read_at("query-lags"))
        self.world.trace.venue(
            "queried", client_id=client_order_id, status=None if report is None else str(report.status)
        )
        return report

    async def snapshot(self) -> VenueSnapshot:
        """Read the whole account, as old as the venue's reads are."""
        await self._question("snapshot")
        at, venue = self._read_at("snapshot-lags"), self.world.venue
        orders = [self._report(order, at) for order in venue.open_as_of(at)]
        listed = [report for report in orders if report is not None and not report.status.is_terminal]
        positions = [p for symbol in self.world.symbols if (p := self._position(symbol, *venue.held_as_of(symbol, at)))]
        self.clean_reads += 1
        lost, whole = "", len(listed) + len(positions)
        if self.clean_reads > 3 and (listed or positions):  # a plugin may lie once, never twice in a row
            lost = self.world.weather.first("snapshot-empty-positions", "snapshot-lost-page")
            if lost:
                self.clean_reads = 0
        if lost == "snapshot-empty-positions":
            positions = []
        elif lost == "snapshot-lost-page":
            listed = listed[: len(listed) // 2]
        if lost and len(listed) + len(positions) == whole:
            self.world.weather.missed(lost)
        held = {p.symbol: int(p.quantity.scaleb(-LOT_PLACES)) * p.side.sign for p in positions}
        self.world.trace.venue("snapshot", as_of=at, true=not lost, orders=len(listed), held=held)
        return VenueSnapshot(account=self._account(), orders=tuple(listed), positions=tuple(positions), account_id="A")

    async def _question(self, what: str) -> None:
        self.passes(what)
        self.world.trace.venue("ask", what=what)
        await self._pause()
        self.passes("answer")
        weather = self.world.weather
        if self.world.is_unreachable or self.world.venue.is_closed or weather.strikes(f"{what}-5xx"):
            raise NotReady("503 service unavailable")
        if weather.strikes(f"{what}-hangs"):
            await _forever()
        if what == "query" and weather.strikes("query-throttled"):
            raise Throttled("429 too many requests", 1.0)

    def _read_at(self, fault: str) -> int:
        lag = self.world.personality.read_lag * self.world.chance.stream("read lag").random()
        if self.world.weather.strikes(fault):
            lag = max(lag, self.world.weather.draws(fault).uniform(0, 9))
        return self.world.now() - round(lag * 1e9)

    def _report(self, order: VenueOrder, at: int) -> OrderReport | None:
        seen = order.as_of(at)
        if seen is None:
            return None
        key = order.number, *seen
        report = self._reports.get(key)
        if report is None:
            report = self._reports[key] = self._report_of(order, *seen)
        return report

    def _report_of(self, order: VenueOrder, status: str, filled: int, cost: int, fee: int) -> OrderReport:
        request = order.request
        return OrderReport(
            symbol=request.symbol,
            action=Action.BUY if request.sign > 0 else Action.SELL,
            kind=OrderKind(request.kind),
            quantity=quantity_of(request.quantity),
            status=STATUS[status],
            client_order_id=request.client_id,
            venue_order_id=str(order.number),
            cumulative_quantity=quantity_of(filled),
            average_price=average_of(cost, filled) if filled else None,
            cumulative_fee=money_of(fee),
            limit_price=None if request.limit is None else price_of(request.limit),
            stop_price=None if request.stop is None else price_of(request.stop),
            reduce_only=request.reduce_only,
        )

    def _position(self, symbol: str, lots: int, cost: int) -> VenuePosition | None:
        if not lots:
            return None
        side = Side.LONG if lots > 0 else Side.SHORT
        return VenuePosition(
            symbol=symbol, side=side, quantity=quantity_of(abs(lots)), entry_price=average_of(cost, abs(lots))
        )

    def _account(self) -> Account:
        venue = self.world.venue
        exposure = sum(abs(h.quantity) * venue.prices[s] for s, h in venue.holdings.items())
        open_profit = sum(
            h.quantity * venue.prices[s] - h.cost * (1 if h.quantity > 0 else -1) for s, h in venue.holdings.items()
        )
        equity, taken = venue.equity(), money_of(exposure)
        return Account(
            cash=money_of(equity - open_profit), equity=money_of(equity), margin_used=taken, exposure=taken
        )  # fmt: skip

    # --- the private stream

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """Yield what happens until the connection breaks."""
        self.passes("events")
        await self._pause()
        if self.world.is_unreachable or self.world.venue.is_closed:
            raise NotReady("503 service unavailable")
        stream: asyncio.Queue[BrokerEvent | None] = asyncio.Queue()
        self.streams.append(stream)
        try:
            while (event := await stream.get()) is not None:
                self.passes("event")
                yield event
        finally:
            self.streams.remove(stream)
        raise ConnectionResetError("connection closed by peer")

    def _hear(self, what: str, order: VenueOrder) -> None:
        if not self.streams:
            return
        event = self._event(what, order)
        weather = self.world.weather
        if self.world.is_stalled or weather.strikes("stream-drop"):
            return
        delay = self._latency()
        if weather.strikes("stream-reorder"):
            delay += weather.draws("stream-reorder").uniform(0, 4)
        if weather.strikes("stream-delay"):
            delay += weather.draws("stream-delay").choice((10.0, 60.0, 3_600.0))
        self._later(delay, lambda: self._push(event))
        if weather.strikes("stream-duplicate"):
            self._later(delay + weather.draws("stream-duplicate").choice((0.0, 1.0, 300.0)), lambda: self._push(event))

    def _event(self, what: str, order: VenueOrder) -> BrokerEvent:
        now, name = self.world.now(), order.request.client_id or f"web-{order.number}"
        match what:
            case "accepted":
                return OrderAccepted(ts=now, client_order_id=name, venue_order_id=str(order.number))
            case "fill":
                return OrderFilled(
                    ts=now, client_order_id=name, cumulative_quantity=quantity_of(order.filled),
                    price=average_of(order.cost, order.filled), cumulative_fee=money_of(order.fee),
                )  # fmt: skip
            case "expired":
                return OrderExpired(ts=now, client_order_id=name)
            case _:
                return OrderCancelled(ts=now, client_order_id=name, reason="cancelled at the venue")

    def _forced(self, symbol: str, lots: int, price: int, fee: int) -> None:
        event = PositionLiquidated(
            ts=self.world.now(), symbol=symbol, quantity=quantity_of(lots), price=price_of(price), fee=money_of(fee)
        )
        if not self.world.is_stalled and not self.world.weather.strikes("stream-drop"):
            self._later(self._latency(), lambda: self._push(event))

    def _push(self, event: BrokerEvent) -> None:
        for stream in self.streams:
            stream.put_nowait(event)

    # --- the wire

    def _leave(self, fault: str) -> None:
        """Let a request leave, or raise NotSent while not one byte has."""
        self.passes("call")
        if self.world.is_unreachable or self.world.weather.strikes(fault):
            raise NotSent("connection refused")

    async def _asked(self, deliver: Callable[[], Any]) -> None:
        """Deliver a request and wait for the venue's answer."""
        answered: asyncio.Future[Refusal | None] = self.world.loop.create_future()

        def arrive() -> None:
            refusal = None
            try:
                deliver()
            except Refusal as said:
                refusal = said
            self._later(self._latency(), lambda: answered.done() or answered.set_result(refusal))

        self._later(self._latency(), arrive)
        refusal = await answered
        if refusal is None or refusal.code == "duplicate":
            return
        if refusal.code == "closed":
            raise NotReady("503 market is closed")
        raise OrderRefused(str(refusal)) if refusal.code != "over" else VenueError(str(refusal))

    def _later(self, seconds: float, act: Callable[[], Any]) -> None:
        self.world.later(seconds, act)

    async def _pause(self) -> None:
        await asyncio.sleep(2 * self._latency())

    def _latency(self) -> float:
        return self.world.personality.latency * (0.5 + self.world.chance.stream("latency").random())

    def _request(self, order: Order) -> Request:
        """Return an order in the venue's own units; what does not fit them is the client's fault and noted as such."""
        numbers = {
            "quantity": (order.quantity, LOT_PLACES),
            "limit": (order.limit_price, TICK_PLACES),
            "stop": (order.stop_price, TICK_PLACES),
        }
        whole: dict[str, Any] = {}
        for name, (value, places) in numbers.items():
            units = None if value is None else value.scaleb(-places)
            if units is not None and (not units.is_finite() or units != units.to_integral_value() or units <= 0):
                self.world.trace.venue("bad_number", client_id=order.client_order_id, name=name, value=str(value))
                raise OrderRefused(f"422 {name} {value} is not on the grid")
            whole[name] = None if units is None else int(units)
        return Request(
            client_id=order.client_order_id,
            symbol=order.symbol,
            sign=1 if order.action is Action.BUY else -1,
            kind=order.kind.value,
            reduce_only=order.reduce_only,
            **whole,
        )


async def _forever() -> None:
    """Wait for an answer that never comes."""
    await asyncio.Event().wait()
