"""The simulated venue of back-test and paper: it lives on the market data it is shown and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.errors import NotFound
from atlas_core.model.costs import BPS
from atlas_core.model.events import (
    BarClosed,
    BarOpened,
    BarPart,
    BrokerEvent,
    FundingDue,
    OrderCancelled,
    OrderRejected,
    Quote,
)
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.timeframe import DAY
from atlas_core.model.venue import VenueSnapshot
from atlas_core.model.waiting import NEVER, PassedOver, Waiting
from atlas_core.model.waiting import NOTHING as NOTHING_TO_WAIT_FOR
from atlas_core.simulation.admission import malformed, reserve_price, sells_only_what_is_owned, unaffordable
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.desk import Desk
from atlas_core.simulation.funding import funding_times
from atlas_core.simulation.holding import Holding, HoldingSnapshot
from atlas_core.simulation.ledger import Ledger
from atlas_core.simulation.market import Market
from atlas_core.simulation.matching import Matcher
from atlas_core.simulation.patience import waiting_in
from atlas_core.simulation.reports import position_of, rejected_report, report_of
from atlas_core.simulation.working import Working, working_order

if TYPE_CHECKING:
    from atlas_core.model.events import MarketEvent
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Order
    from atlas_core.model.portfolio import Account
    from atlas_core.model.venue import CarriedAccount, OrderReport

NOTHING: tuple[BrokerEvent, ...] = ()
NANOSECONDS_PER_MILLISECOND = 1_000_000


class SimulatedVenue:
    """Fills orders against bars and quotes, charges for it, and keeps the account; docs/simulation.md has each rule.

    Synchronous and pure: the same calls give the same events. `observe` must see the events of one symbol in the
    order of time, `place` the protective stop of an entry before its target. `instruments` may grow while the venue
    lives: a symbol is looked up when it is first met.
    """

    def __init__(self, instruments: Mapping[str, Instrument], starting_cash: Decimal, costs: CostOptions) -> None:
        self._instruments = instruments
        self._markets: dict[str, Market] = {}
        self._costs = costs
        self._ledger = Ledger(starting_cash, self._markets)
        self._desk = Desk(costs, self._ledger)
        self._orders: dict[str, Working] = {}
        self._rejected: dict[str, tuple[Order, OrderRejected]] = {}
        self._latency = costs.latency_ms * NANOSECONDS_PER_MILLISECOND
        self._matcher = Matcher(self._desk, costs.assumed, beyond=costs.ticks_through_limits)
        self._constant_rate = costs.funding_rate_bps / BPS

    def observe(self, event: MarketEvent) -> Sequence[BrokerEvent]:
        """Let the market move; return every fill that is certain before anybody can react.

        A symbol that the venue does not know is passed over.
        """
        market = self._markets.get(event.symbol) or self._market(event.symbol)
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
        market = self._market(order.symbol)
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
        """Cancel an order at `now`.

        For one that has already ended its end is told again, for a filled one nothing; one that the venue has never
        seen is cancelled.
        """
        working = self._orders.get(client_order_id)
        if working is None:
            gone = OrderCancelled(ts=now, client_order_id=client_order_id, reason="the venue has no such order")
            return (self._rejected[client_order_id][1] if client_order_id in self._rejected else gone,)
        if working.is_done:
            return NOTHING if working.end is None else (working.end,)
        self._desk.now = now
        market = self._markets[working.order.symbol]
        self._desk.cancel(market, working, "withdrawn")
        market.settle()
        return self._desk.drain()

    def waiting(self, symbol: str) -> Waiting:
        """Return what must happen in the market of a symbol before an event of it can cause anything."""
        market = self._markets.get(symbol)
        if market is None or market.idle:
            return NOTHING_TO_WAIT_FOR
        waiting = waiting_in(market)
        if waiting.every or not market.holding.quantity or not self._pays_constant_rate(market):
            return waiting
        after = market.funded_until
        due = next(funding_times(self._costs.funding_hours_utc, after, after + 2 * DAY), NEVER)
        return waiting.also(Waiting(at=due))

    def pass_over(self, passed: PassedOver) -> None:
        """Take note of events that cannot have caused anything, as if they had been observed."""
        market = self._market(passed.symbol)
        if market is not None:
            close = passed.last_close
            market.bar = close or market.bar
            market.seen = close if close is not None and not passed.is_opened else passed.last_event

    def account(self) -> Account:
        """Return the account marked to the last prices; margin counts positions and orders that would open one."""
        return self._ledger.account()

    def take_over(self, account: CarriedAccount, now: int) -> None:
        """Go on with an account that an earlier process left; raises NotFound for a symbol that is not listed."""
        self._ledger.cash = account.cash
        self._desk.now = now
        for held in account.positions:
            market = self._listed(held.symbol)
            market.holding.carry(held.quantity, held.cost, held.leverage)
            market.glance(BarOpened(held.seen_at, held.symbol, float(held.last_price)))
            market.funded_until = now
            market.settle()
        for carried in account.orders:
            order = carried.order
            market = self._listed(order.symbol)
            self._admit(order, market, reserve_price(order, market, self._costs), is_carried=True)
            working = self._orders[order.client_order_id]
            working.filled, working.paid, working.fee = carried.filled, carried.paid, carried.fee
            market.settle()
        self._desk.drain()  # what they caused was told when they were new

    def snapshot(self) -> VenueSnapshot:
        """Return the account with every working order and every open position."""
        orders = [working for working in self._orders.values() if not working.is_done]
        holdings = [market.holding for market in self._markets.values() if market.holding.quantity]
        return VenueSnapshot(
            account=self.account(),
            orders=tuple(report_of(working) for working in orders),
            positions=tuple(position_of(holding) for holding in holdings),
            account_id="simulated",
        )

    def report(self, client_order_id: str) -> OrderReport | None:
        """Return an order in whatever state it is, or None for one that was never placed here."""
        if client_order_id in self._rejected:
            return rejected_report(self._rejected[client_order_id][0])
        working = self._orders.get(client_order_id)
        return None if working is None else report_of(working)

    def position(self, symbol: str) -> HoldingSnapshot | None:
        """Return what is held in a symbol, or None when that is nothing; raises NotFound for an unknown one."""
        holding = self._listed(symbol).holding
        return holding.snapshot() if holding.quantity else None

    def _listed(self, symbol: str) -> Market:
        market = self._market(symbol)
        if market is None:
            raise NotFound(f"symbol: expected one of the venue's instruments, was {symbol}")
        return market

    def _market(self, symbol: str) -> Market | None:
        market = self._markets.get(symbol)
        if market is None and symbol in self._instruments:
            instrument = self._instruments[symbol]
            market = self._markets[symbol] = Market(instrument, Holding(instrument))
        return market

    def _known(self, client_order_id: str) -> Sequence[BrokerEvent] | None:
        working = self._orders.get(client_order_id)
        if working is not None:
            return working.history()
        rejected = self._rejected.get(client_order_id)
        return None if rejected is None else (rejected[1],)

    def _reject(self, order: Order, reason: str) -> Sequence[BrokerEvent]:
        event = OrderRejected(ts=self._desk.now, client_order_id=order.client_order_id, reason=reason)
        self._rejected[order.client_order_id] = (order, event)
        return (event,)

    def _admit(self, order: Order, market: Market, price: Decimal, *, is_carried: bool = False) -> None:
        """Let an order work; one that is carried over has met the past already and waits for the next event."""
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
        if not self._latency and not working.is_done and not is_carried:
            self._matcher.act_at_once(market, working)

    def _observed(self, market: Market, event: MarketEvent) -> Sequence[BrokerEvent]:
        self._desk.now = event.ts
        was_told = market.in_part and type(event) is BarClosed
        market.in_part = isinstance(event, BarPart) or (market.in_part and isinstance(event, FundingDue))
        if was_told:
            self._end_told_bar(market, event)
        elif isinstance(event, FundingDue):
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
        if not self._pays_constant_rate(market):
            return
        if market.holding.quantity:
            for time in funding_times(self._costs.funding_hours_utc, market.funded_until, until):
                self._desk.charge(market, time, self._constant_rate)
        market.funded_until = max(market.funded_until, until)

    def _pays_constant_rate(self, market: Market) -> bool:
        is_perpetual = market.instrument.kind is InstrumentKind.PERP
        return bool(self._constant_rate) and is_perpetual and not market.tape_has_funding

    def _show(self, market: Market, event: BarOpened | Quote) -> None:
        self._matcher.leave_bar(market)
        self._fund_at_constant_rate(market, event.ts)
        market.seen = event
        self._desk.expire(market, event.ts)
        self._matcher.show(market, market.print_of(event))

    def _end_told_bar(self, market: Market, bar: MarketEvent) -> None:
        """Take note of a base bar whose parts were met one by one: it fills nothing again."""
        self._matcher.leave_bar(market)
        market.glance(bar)
        self._desk.expire(market, bar.ts)

    def _close_bar(self, market: Market, bar: BarClosed) -> None:
        seen = market.seen
        quoted = isinstance(seen, Quote) and seen.ts > bar.opened_at
        if quoted:
            self._matcher.leave_bar(market)
        elif not (isinstance(seen, BarOpened) and seen.ts == bar.opened_at):
            self._show(market, BarOpened(bar.opened_at, bar.symbol, bar.open))
        self._fund_at_constant_rate(market, bar.ts - 1)
        market.glance(bar)
        if not quoted and (market.orders or market.liquidation is not None):
            self._matcher.go_through(market, bar)
        self._desk.expire(market, bar.ts)
