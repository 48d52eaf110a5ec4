"""The simulated venue of back-test and paper: it lives on the market data it is shown and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.errors import NotFound
from atlas_core.model.events import BarClosed, BarOpened, BrokerEvent, FundingDue, OrderCancelled, OrderRejected, Quote
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.orders import OrderKind, OrderRole
from atlas_core.simulation.admission import malformed, reserve_price, sells_only_what_is_owned, unaffordable
from atlas_core.simulation.costs import CostOptions, LimitFill
from atlas_core.simulation.desk import Desk
from atlas_core.simulation.funding import funding_times
from atlas_core.simulation.holding import Holding, HoldingSnapshot
from atlas_core.simulation.inside import BarView, Hit, follow, next_hit, reaction_hit
from atlas_core.simulation.ledger import Ledger
from atlas_core.simulation.market import Market, Print, entry_window
from atlas_core.simulation.pricing import BPS
from atlas_core.simulation.working import Stance, Working, working_order

if TYPE_CHECKING:
    from atlas_core.model.events import MarketEvent
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Order
    from atlas_core.model.portfolio import Account

NOTHING: tuple[BrokerEvent, ...] = ()
NANOSECONDS_PER_MILLISECOND = 1_000_000
AT_ONCE, STOPS_THAT_REDUCE, STOPS_THAT_OPEN, LIMITS_THAT_OPEN, LIMITS_THAT_REDUCE = range(5)


class SimulatedVenue:
    """Fills orders against bars and quotes, charges for it, and keeps the account; docs/simulation.md has each rule.

    Synchronous and pure: the same calls give the same events. `observe` must see the events of one symbol in the
    order of time, `place` the protective stop of an entry before its target.
    """

    def __init__(self, instruments: Mapping[str, Instrument], starting_cash: Decimal, costs: CostOptions) -> None:
        self._markets = {symbol: Market(instrument, Holding(instrument)) for symbol, instrument in instruments.items()}
        self._costs = costs
        self._ledger = Ledger(starting_cash, self._markets)
        self._desk = Desk(costs, self._ledger)
        self._orders: dict[str, Working] = {}
        self._rejected: dict[str, OrderRejected] = {}
        self._latency = costs.latency_ms * NANOSECONDS_PER_MILLISECOND
        self._beyond = 1 if costs.limit_fill is LimitFill.THROUGH else 0
        self._constant_rate = costs.funding_rate_bps / BPS

    def observe(self, event: MarketEvent) -> Sequence[BrokerEvent]:
        """Let the market move; return every fill that is certain before anybody can react.

        A symbol that the venue does not know is passed over.
        """
        market = self._markets.get(event.symbol)
        if market is None:
            return NOTHING
        if market.idle:
            market.glance(event)
            return NOTHING
        return self._observed(market, event)

    def place(self, order: Order, now: int) -> Sequence[BrokerEvent]:
        """Take an order at `now`; return what became of it at once.

        A second order with the same `client_order_id` is not placed: the state of the first is returned.
        """
        earlier = self._known(order.client_order_id)
        if earlier is not None:
            return earlier
        self._desk.now = now
        market = self._markets.get(order.symbol)
        if market is None:
            return self._reject(order, f"symbol: expected one of the venue's instruments, was {order.symbol}")
        reason = malformed(order, market)
        if reason is not None:
            return self._reject(order, reason)
        price = reserve_price(order, market, self._costs)
        if not order.reduce_only:
            reason = unaffordable(order, market, self._costs, self._ledger, price)
            if reason is not None:
                return self._reject(order, reason)
        self._admit(order, market, price)
        market.settle()
        return self._desk.drain()

    def withdraw(self, client_order_id: str, now: int) -> Sequence[BrokerEvent]:
        """Cancel an order at `now`; one that has already ended is restated, one never seen is gone."""
        working = self._orders.get(client_order_id)
        if working is None:
            rejected = self._rejected.get(client_order_id)
            if rejected is not None:
                return (rejected,)
            reason = "the venue has no such order"
            return (OrderCancelled(ts=now, client_order_id=client_order_id, reason=reason),)
        if working.is_done:
            return working.history()
        self._desk.now = now
        market = self._markets[working.order.symbol]
        self._desk.cancel(market, working, "withdrawn")
        market.settle()
        return self._desk.drain()

    def account(self) -> Account:
        """Return the account marked to the last prices; margin counts positions and orders that would open one."""
        return self._ledger.account()

    def position(self, symbol: str) -> HoldingSnapshot | None:
        """Return what is held in a symbol, or None when that is nothing; raises NotFound for an unknown one."""
        market = self._markets.get(symbol)
        if market is None:
            raise NotFound(f"symbol: expected one of the venue's instruments, was {symbol}")
        return market.holding.snapshot() if market.holding.quantity else None

    @property
    def fees_paid(self) -> Decimal:
        """Return all fees so far."""
        return self._ledger.fees

    @property
    def funding_paid(self) -> Decimal:
        """Return all funding so far, below 0 when more was received than paid."""
        return self._ledger.funding

    def _known(self, client_order_id: str) -> Sequence[BrokerEvent] | None:
        working = self._orders.get(client_order_id)
        if working is not None:
            return working.history()
        rejected = self._rejected.get(client_order_id)
        return None if rejected is None else (rejected,)

    def _reject(self, order: Order, reason: str) -> Sequence[BrokerEvent]:
        event = OrderRejected(ts=self._desk.now, client_order_id=order.client_order_id, reason=reason)
        self._rejected[order.client_order_id] = event
        return (event,)

    def _admit(self, order: Order, market: Market, price: Decimal) -> None:
        market.orders_taken += 1
        market.idle = False
        window = market.windows.get(order.signal_key)
        working = working_order(
            order,
            market.instrument,
            sequence=market.orders_taken,
            active_from=self._desk.now + self._latency,
            market=(window.touch if window else market.last) or 0,
            reserve_price=price,
        )
        working.clipped = order.reduce_only or sells_only_what_is_owned(order, market.instrument, self._costs)
        self._orders[order.client_order_id] = working
        self._desk.accept(market, working)
        if not self._latency and not working.is_done:
            self._act_at_once(market, working)

    # What an order does in the moment it is placed

    def _act_at_once(self, market: Market, working: Working) -> None:
        seen = market.seen
        if isinstance(seen, BarClosed):
            if working.order.kind is OrderKind.MARKET:
                self._take_touch(market, working, seen)
            else:
                self._react(market, working, seen)
        elif seen is not None and working.active_from <= seen.ts:
            self._meet(market, market.print_of(seen), working)

    def _take_touch(self, market: Market, working: Working, bar: BarClosed) -> None:
        touch = working.order.touch
        if touch is None:
            return
        ticks = market.instrument.to_ticks(touch.price)
        filled = self._desk.take(market, working, ticks)
        self._open_window(market, working, bar, ticks, upward=touch.upward, filled=filled)

    def _react(self, market: Market, working: Working, bar: BarClosed) -> None:
        order = working.order
        window = market.windows.get(order.signal_key)
        if window is None or order.role is OrderRole.ENTRY or not window.grant(order.role, order.quantity):
            return
        prices = market.tick_bar(bar)
        hit = reaction_hit(working, prices, window, self._beyond)
        if hit is not None:
            self._carry_out(market, working, hit, close=prices.close)

    def _open_window(
        self, market: Market, working: Working, bar: BarClosed, ticks: int, *, upward: bool, filled: Decimal
    ) -> None:
        if filled and market.holding.sign == working.sign:
            window = entry_window(market.tick_bar(bar), ticks, upward=upward, quantity=filled)
            market.windows[working.order.signal_key] = window

    # What an event does

    def _observed(self, market: Market, event: MarketEvent) -> Sequence[BrokerEvent]:
        self._desk.now = event.ts
        if isinstance(event, FundingDue):
            self._fund(market, event)
        elif isinstance(event, BarClosed):
            self._close_bar(market, event)
        else:
            self._show(market, event)
        market.settle()
        return self._desk.drain()

    def _fund(self, market: Market, event: FundingDue) -> None:
        if market.instrument.kind is InstrumentKind.PERP and event.ts > market.funded_until:
            self._desk.charge(market, event.ts, event.rate)
        market.glance(event)

    def _fund_at_constant_rate(self, market: Market, until: int) -> None:
        if not self._constant_rate or market.tape_has_funding or market.instrument.kind is not InstrumentKind.PERP:
            return
        if market.holding.quantity:
            for time in funding_times(self._costs.funding_hours_utc, market.funded_until, until):
                self._desk.charge(market, time, self._constant_rate)
        market.funded_until = max(market.funded_until, until)

    def _leave_bar(self, market: Market) -> None:
        """End the reactions to entries inside the last bar, and close by force what it would have closed."""
        if not market.windows:
            return
        market.windows.clear()
        if market.liquidation is not None and isinstance(market.seen, BarClosed):
            bar, side = market.tick_bar(market.seen), market.holding.sign
            if side * (market.liquidation - (bar.low if side > 0 else bar.high)) >= 0:
                self._desk.liquidate(market, market.liquidation, gapped=False)

    def _show(self, market: Market, event: BarOpened | Quote) -> None:
        self._leave_bar(market)
        self._fund_at_constant_rate(market, event.ts)
        market.seen = event
        self._desk.expire(market, event.ts)
        instant = market.print_of(event)
        for working in self._ordered(market):
            if working is None:
                self._liquidate_at(market, instant)
            elif not working.is_done and working.active_from <= event.ts:
                self._meet(market, instant, working)

    def _ordered(self, market: Market) -> Iterable[Working | None]:
        """Return the orders (None: the forced close) as a print meets them: the level nearest before it first."""
        side = market.holding.sign
        ranked: list[tuple[tuple[int, int, int], Working | None]] = []
        for working in market.orders.values():
            reduces = working.sign == -side
            group, level = AT_ONCE, 0
            if working.stance is Stance.STOP:
                group, level = (STOPS_THAT_REDUCE if reduces else STOPS_THAT_OPEN), working.sign * working.stop
            elif working.stance is Stance.LIMIT:
                group, level = (LIMITS_THAT_REDUCE if reduces else LIMITS_THAT_OPEN), 0
            ranked.append(((group, level, working.sequence), working))
        if market.liquidation is not None:
            ranked.append(((STOPS_THAT_REDUCE, -side * market.liquidation, 0), None))
        ranked.sort(key=lambda entry: entry[0])
        return [working for _, working in ranked]

    def _meet(self, market: Market, instant: Print, working: Working) -> None:
        price = instant.ask if working.sign > 0 else instant.bid
        if working.stance is Stance.MARKET:
            self._desk.take(market, working, price)
        elif working.stance is Stance.LIMIT:
            if working.limit_reached(price, self._beyond):
                self._fill_limit_at(market, working, price)
        elif working.stop_reached(instant.last):
            reference = working.stop_reference(price)
            working.trigger()
            if working.limit is None or working.limit_reached(reference, 0):
                self._desk.take(market, working, reference)
        else:
            working.trail(instant.last)
        working.resting = True

    def _fill_limit_at(self, market: Market, working: Working, price: int) -> None:
        if working.resting and isinstance(market.seen, Quote):
            self._desk.make(market, working)
        else:
            self._desk.take(market, working, price)

    def _liquidate_at(self, market: Market, instant: Print) -> None:
        level, side = market.liquidation, market.holding.sign
        if level is None or side * (level - instant.last) < 0:
            return
        price = min(level, instant.bid) if side > 0 else max(level, instant.ask)
        self._desk.liquidate(market, price, gapped=price != level)

    def _close_bar(self, market: Market, bar: BarClosed) -> None:
        seen = market.seen
        quoted = isinstance(seen, Quote) and seen.ts > bar.opened_at
        if quoted:
            self._leave_bar(market)
        elif not (isinstance(seen, BarOpened) and seen.ts == bar.opened_at):
            self._show(market, BarOpened(bar.opened_at, bar.symbol, bar.open))
        self._fund_at_constant_rate(market, bar.ts - 1)
        market.glance(bar)
        if not quoted and (market.orders or market.liquidation is not None):
            self._go_through(market, bar)
        self._desk.expire(market, bar.ts)

    def _go_through(self, market: Market, bar: BarClosed) -> None:
        view = BarView(market.tick_bar(bar), bar.opened_at, bar.ts)
        spent: set[int] = set()
        while (hit := next_hit(market, view, spent, self._beyond)) is not None:
            working = hit.working
            if working is None:
                self._desk.liquidate(market, hit.reference, gapped=hit.reference != market.liquidation)
                continue
            spent.add(working.sequence)
            upward = (working.sign > 0) == (working.stance is Stance.STOP)
            filled = self._carry_out(market, working, hit, close=view.prices.close)
            self._open_window(market, working, bar, hit.reference, upward=upward, filled=filled)
        for working in tuple(market.orders.values()):
            if working.stance is Stance.MARKET and bar.opened_at < working.active_from <= bar.ts:
                self._desk.take(market, working, view.prices.close)
        follow(market, view)

    def _carry_out(self, market: Market, working: Working, hit: Hit, *, close: int) -> Decimal:
        working.ambiguous = working.ambiguous or hit.ambiguous
        if working.stance is Stance.LIMIT:
            return self._desk.make(market, working)
        working.trigger()
        if working.limit is None or working.limit_reached(hit.reference, 0):
            return self._desk.take(market, working, hit.reference)
        if working.limit_reached(close, self._beyond):
            return self._desk.make(market, working)
        return Decimal(0)
