"""The simulated venue: the oracle. It matches and keeps accounts by itself and shares no code with what it tests.

Everything is whole numbers: prices in ticks, quantities in lots, money in grains (one tick times one lot). What happens
is written to the trace at once; that log, never our own state, tells what was true.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random  # noqa: TID251  (handed in, seeded)

from attrs import define, field, frozen

from tests.faults.trace import Trace

TAKER_FEE_PER_10_000 = 5
WORKING = ("working", "partial")


@frozen
class Personality:
    """How one kind of venue behaves.

    `same_id` says what happens to a second order of one client id: `refused`, `returned` (the first one) or `accepted`
    (a second order). A venue that `holds` lets nothing be sold that a working order already sells, and knows no shorts.
    `holds_for` is for how many seconds it goes on holding after a cancel, `read_lag` how old its reads may be.
    """

    name: str
    same_id: str = "refused"
    holds: bool = False
    reduce_only: bool = True
    holds_for: float = 0.0
    read_lag: float = 0.0
    cancels_when_flat: bool = True
    parts: int = 1
    latency: float = 0.05


class Refusal(Exception):
    """The venue says no; `code` is its own word."""

    def __init__(self, code: str, text: str = "") -> None:
        self.code = code
        super().__init__(text or code)


@frozen(kw_only=True)
class Request:
    """An order as it came over the wire."""

    client_id: str
    symbol: str
    sign: int
    kind: str
    quantity: int
    limit: int | None = None
    stop: int | None = None
    reduce_only: bool = False


@define
class VenueOrder:
    """An order at the venue; `cost` is the sum of price times quantity of its fills, in grains."""

    number: int
    request: Request
    accepted_at: int
    status: str = "working"
    filled: int = 0
    cost: int = 0
    fee: int = 0
    is_triggered: bool = False
    history: list[tuple[int, str, int, int, int]] = field(factory=list)

    @property
    def leaves(self) -> int:
        return max(0, self.request.quantity - self.filled)

    @property
    def is_open(self) -> bool:
        return self.status in WORKING

    def as_of(self, at: int) -> tuple[str, int, int, int] | None:
        """Return status, filled quantity, cost and fee at a time; None before the order was there."""
        for since, status, filled, cost, fee in reversed(self.history):
            if since <= at:
                return status, filled, cost, fee
        return None


@define
class Holding:
    """A position: signed lots, and the grains that were paid for what is open."""

    quantity: int = 0
    cost: int = 0


Told = Callable[[str, VenueOrder], None]


@define
class Venue:
    """One account at one venue."""

    personality: Personality
    chance: Random
    trace: Trace
    now: Callable[[], int]
    opening_cash: int
    holdings: dict[str, Holding] = field(factory=dict)
    prices: dict[str, int] = field(factory=dict)
    orders: list[VenueOrder] = field(factory=list)
    working: dict[int, VenueOrder] = field(factory=dict)
    ended: deque[VenueOrder] = field(factory=deque)
    by_client: dict[str, VenueOrder] = field(factory=dict)
    paid: int = 0
    fees: int = 0
    listeners: list[Told] = field(factory=list)
    forced: list[Callable[[str, int, int, int], None]] = field(factory=list)
    is_closed: bool = False
    holdings_history: dict[str, list[tuple[int, int, int]]] = field(factory=dict)
    _held_until: list[tuple[int, str, int]] = field(factory=list)
    _due: list[tuple[int, int, VenueOrder, int]] = field(factory=list)

    # --- what a client may ask

    def place(self, request: Request, *, overfill: int = 0, cuts_short: bool = False) -> VenueOrder:
        """Take an order; raises Refusal. An overfill fills more than was ordered, `cuts_short` less, then cancels."""
        existing = self.by_client.get(request.client_id) if request.client_id else None
        if existing is not None and self.personality.same_id != "accepted":
            self.trace.venue("duplicate", client_id=request.client_id)
            if self.personality.same_id == "returned":
                return existing
            raise Refusal("duplicate", "client order id must be unique")
        try:
            self._judge(request)
        except Refusal as refusal:
            self.trace.venue("refused", client_id=request.client_id, code=refusal.code, symbol=request.symbol)
            raise
        order = VenueOrder(len(self.orders) + 1, request, self.now())
        self.orders.append(order)
        self.working[order.number] = order
        if request.client_id:
            self.by_client.setdefault(request.client_id, order)
        self._note(order)
        self.trace.venue(
            "accepted", order=order.number, client_id=request.client_id, symbol=request.symbol, sign=request.sign,
            type=request.kind, quantity=request.quantity, stop=request.stop, limit=request.limit,
            reduce_only=request.reduce_only, position=self.held(request.symbol), price=self.prices[request.symbol],
        )  # fmt: skip
        self._tell("accepted", order)
        if request.kind == "market":
            self._take(order, overfill=overfill, cuts_short=cuts_short)
        else:
            self._look(order)
        return order

    def cancel(self, client_id: str) -> None:
        """Withdraw an order; raises Refusal when there is none, or when it is over."""
        order = self.by_client.get(client_id)
        if order is None:
            raise Refusal("unknown", f"no order {client_id}")
        if not order.is_open:
            raise Refusal("over", f"order is {order.status}")
        self._end(order, "canceled", "asked")

    def fill_now(self, client_id: str) -> bool:
        """Let a resting order fill at this moment, a cancel that is raced; tell whether there is one."""
        order = self.by_client.get(client_id)
        if order is None or not order.is_open or self.is_closed:
            return False
        self._fill(order, order.leaves, self._slipped(order))
        return True

    def expire(self, order: VenueOrder) -> None:
        """Let an order's time run out."""
        if order.is_open:
            self._end(order, "expired", "its time ran out")

    # --- what happens by itself

    def move(self, symbol: str, price: int) -> None:
        """Let the market of a symbol trade at a price."""
        self.prices[symbol] = price
        if self.is_closed or not self.working:
            return
        for order in [order for order in self.working.values() if order.request.symbol == symbol]:
            if order.is_open:
                self._look(order)

    def settle(self) -> None:
        """Do what was put off: later parts of fills, and the end of holds."""
        if self.is_closed or not (self._due or self._held_until):
            return
        now = self.now()
        due, self._due = [d for d in self._due if d[0] <= now], [d for d in self._due if d[0] > now]
        for _at, quantity, order, _number in due:
            if order.is_open and order.leaves:
                self._fill(order, min(quantity, order.leaves), self._slipped(order))
        self._held_until = [held for held in self._held_until if held[0] > now]

    def next_due(self) -> int | None:
        """Return when something is due, None for never."""
        return None if self.is_closed or not self._due else min(due[0] for due in self._due)

    def held(self, symbol: str) -> int:
        """Return the position of a symbol in signed lots."""
        holding = self.holdings.get(symbol)
        return holding.quantity if holding is not None else 0

    def held_as_of(self, symbol: str, at: int) -> tuple[int, int]:
        """Return the position of a symbol and its cost as they were at a time."""
        for since, quantity, cost in reversed(self.holdings_history.get(symbol, [])):
            if since <= at:
                return quantity, cost
        return 0, 0

    def equity(self) -> int:
        """Return the account's worth at the last prices, in grains: exact, because it needs no average."""
        return (
            self.opening_cash
            - self.paid
            - self.fees
            + sum(h.quantity * self.prices[s] for s, h in self.holdings.items())
        )

    def open_as_of(self, at: int) -> list[VenueOrder]:
        """Return the orders that may have been working at a time, a quarter of an hour back at most."""
        while self.ended and self.ended[0].history[-1][0] < self.now() - 900_000_000_000:
            self.ended.popleft()
        late = [order for order in self.ended if order.history[-1][0] > at]
        return sorted([*self.working.values(), *late], key=lambda order: order.number)

    # --- what others do to the account

    def manual_trade(self, symbol: str, sign: int, quantity: int) -> None:
        """Let a person trade by hand, without any client id."""
        try:
            self.place(Request(client_id="", symbol=symbol, sign=sign, kind="market", quantity=quantity))
        except Refusal:
            return

    def cancel_by_hand(self, order: VenueOrder) -> None:
        """Let a person withdraw one of our orders."""
        if order.is_open:
            self._end(order, "canceled", "by hand")

    def liquidate(self, symbol: str) -> None:
        """Close a position by force."""
        quantity = self.held(symbol)
        if not quantity:
            return
        price, size = self.prices[symbol], abs(quantity)
        sign = -1 if quantity > 0 else 1
        fee = self._charge(price * size)
        self._book(symbol, sign, size, price)
        self.trace.venue("liquidated", symbol=symbol, quantity=size, sign=sign, price=price, fee=fee)
        for told in self.forced:
            told(symbol, size, price, fee)
        self._when_flat(symbol)

    # --- inside

    def _judge(self, request: Request) -> None:
        if request.symbol not in self.prices:
            raise Refusal("symbol", f"unknown symbol {request.symbol}")
        if self.is_closed:
            raise Refusal("closed", "market is closed")
        price = self.prices[request.symbol]
        if request.quantity < 1:
            raise Refusal("quantity", f"quantity {request.quantity} is too small")
        for level in (request.limit, request.stop):
            if level is not None and not price // 2 <= level <= price * 2:
                raise Refusal("band", f"price {level} is out of band around {price}")
        if request.kind == "stop" and request.stop is None:
            raise Refusal("stop", "a stop needs its price")
        position = self.held(request.symbol)
        if self.personality.holds and request.sign < 0 and request.quantity > (free := self._free(request.symbol)):
            raise Refusal("insufficient", f"insufficient quantity: requested {request.quantity}, available {free}")
        if request.reduce_only and self.personality.reduce_only and position * request.sign >= 0:
            raise Refusal("nothing", "reduce-only order with nothing to reduce")

    def _free(self, symbol: str) -> int:
        selling = sum(o.leaves for o in self.working.values() if o.request.symbol == symbol and o.request.sign < 0)
        now = self.now()
        return self.held(symbol) - selling - sum(q for until, s, q in self._held_until if s == symbol and until > now)

    def _look(self, order: VenueOrder) -> None:
        """Trigger or fill a resting order at the present price."""
        request, price = order.request, self.prices[order.request.symbol]
        if request.kind == "stop" and not order.is_triggered:
            assert request.stop is not None
            if (price - request.stop) * request.sign >= 0:
                order.is_triggered = True
                self.trace.venue("triggered", order=order.number, client_id=request.client_id, price=price)
                self._take(order)
        elif request.kind == "limit" and request.limit is not None and (request.limit - price) * request.sign >= 0:
            self._fill(order, order.leaves, request.limit)

    def _take(self, order: VenueOrder, *, overfill: int = 0, cuts_short: bool = False) -> None:
        """Fill an order at the market, at once or in parts."""
        total = order.request.quantity
        if cuts_short and total > 1:
            self._fill(order, total // 2, self._slipped(order))
            if order.is_open:
                self._end(order, "canceled", "nobody takes the rest")
            return
        parts = min(self.personality.parts, total) if self.chance.random() < 0.5 else 1
        first = total // parts
        for number in range(1, parts):
            delay = round(self.chance.uniform(0.2, 8.0) * number * 1e9)
            quantity = first if number < parts - 1 else total - first * (parts - 1)
            self._due.append((self.now() + delay, quantity, order, order.number))
        self._fill(order, first + overfill, self._slipped(order))

    def _slipped(self, order: VenueOrder) -> int:
        return max(1, self.prices[order.request.symbol] + order.request.sign * self.chance.randrange(0, 3))

    def _fill(self, order: VenueOrder, quantity: int, price: int) -> None:
        request = order.request
        position = self.held(request.symbol)
        if request.reduce_only and self.personality.reduce_only:
            quantity = min(quantity, abs(position)) if position * request.sign < 0 else 0
        elif self.personality.holds and request.sign < 0:
            quantity = min(quantity, max(position, 0))
        if quantity <= 0:
            self._end(order, "canceled", "nothing to reduce")
            return
        order.filled += quantity
        order.cost += price * quantity
        fee = self._charge(price * quantity)
        order.fee += fee
        order.status = "filled" if order.filled >= request.quantity else "partial"
        self._note(order)
        if order.status == "filled":
            self._leave(order)
        self._book(request.symbol, request.sign, quantity, price)
        self.trace.venue(
            "fill", order=order.number, client_id=request.client_id, symbol=request.symbol, sign=request.sign,
            quantity=quantity, price=price, fee=fee, total=order.filled, ordered=request.quantity,
            position=self.held(request.symbol),
        )  # fmt: skip
        self._tell("fill", order)
        if order.is_open and request.reduce_only and self.personality.reduce_only and not self.held(request.symbol):
            self._end(order, "canceled", "nothing to reduce")
        if self.held(request.symbol) == 0:
            self._when_flat(request.symbol)

    def _book(self, symbol: str, sign: int, quantity: int, price: int) -> None:
        holding = self.holdings.setdefault(symbol, Holding())
        self.paid += sign * quantity * price
        before = holding.quantity
        if before * sign >= 0:
            holding.cost += quantity * price
        else:
            closed = min(quantity, abs(before))
            holding.cost -= holding.cost * closed // abs(before)
            holding.cost += (quantity - closed) * price
        holding.quantity = before + sign * quantity
        self.holdings_history.setdefault(symbol, []).append((self.now(), holding.quantity, holding.cost))

    def _charge(self, notional: int) -> int:
        fee = -(-notional * TAKER_FEE_PER_10_000 // 10_000)
        self.fees += fee
        return fee

    def _end(self, order: VenueOrder, status: str, why: str) -> None:
        order.status = status
        self._note(order)
        self._leave(order)
        request = order.request
        if self.personality.holds and request.sign < 0 and order.leaves and self.personality.holds_for:
            until = self.now() + round(self.chance.uniform(0, self.personality.holds_for) * 1e9)
            self._held_until.append((until, request.symbol, order.leaves))
        self.trace.venue(
            status, order=order.number, client_id=request.client_id, symbol=request.symbol, total=order.filled, why=why
        )
        self._tell(status, order)

    def _when_flat(self, symbol: str) -> None:
        """Withdraw what could only reduce a position that is gone."""
        if not self.personality.cancels_when_flat:
            return
        for order in [o for o in self.working.values() if o.request.symbol == symbol and o.request.reduce_only]:
            if order.is_open and self.held(symbol) == 0 and not (order.is_triggered or order.request.kind == "market"):
                self._end(order, "canceled", "the position is gone")

    def _leave(self, order: VenueOrder) -> None:
        if self.working.pop(order.number, None) is not None:
            self.ended.append(order)

    def _note(self, order: VenueOrder) -> None:
        order.history.append((self.now(), order.status, order.filled, order.cost, order.fee))

    def _tell(self, what: str, order: VenueOrder) -> None:
        for told in list(self.listeners):
            told(what, order)
