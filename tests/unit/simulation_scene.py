"""A small stage for tests of the simulated venue: minute bars of one symbol, and short words for orders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from atlas_core.model.events import BarClosed, BarOpened, BrokerEvent, FundingDue, OrderFilled, Quote
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.orders import Action, Order, OrderKind, OrderRole, Touch
from atlas_core.simulation.costs import CostOptions
from atlas_core.simulation.venue import SimulatedVenue

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
SYMBOL = "X"

_DECIMALS = ("limit_price", "stop_price", "trail_offset", "leverage")


def instrument(symbol: str = SYMBOL, **changes: Any) -> Instrument:
    """Return a perpetual with a tick of 0.01, a lot of 0.01 and a leverage of up to 100."""
    settings: dict[str, Any] = {
        "kind": InstrumentKind.PERP,
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.01"),
        "max_leverage": Decimal(100),
    }
    return Instrument(symbol, **(settings | changes))


def costs(**settings: Any) -> CostOptions:
    """Return costs from plain numbers."""
    exact: dict[str, Any] = {
        name: Decimal(str(value)) if type(value) in (int, float) else value for name, value in settings.items()
    }
    if "latency_ms" in settings:
        exact["latency_ms"] = settings["latency_ms"]
    return CostOptions(**exact)


def order(name: str, action: Action, kind: OrderKind, quantity: Any = 1, **settings: Any) -> Order:
    """Return an order; `touch` is (price, upward)."""
    for key in _DECIMALS:
        if key in settings:
            settings[key] = Decimal(str(settings[key]))
    if "touch" in settings:
        price, upward = settings["touch"]
        settings["touch"] = Touch(Decimal(str(price)), upward)
    defaults: dict[str, Any] = {"symbol": SYMBOL, "role": OrderRole.ENTRY, "signal_key": "signal"}
    return Order(
        client_order_id=name, action=action, kind=kind, quantity=Decimal(str(quantity)), **(defaults | settings)
    )


def buy(name: str = "entry", quantity: Any = 1, **settings: Any) -> Order:
    """Return a market order to buy."""
    return order(name, Action.BUY, OrderKind.MARKET, quantity, **settings)


def sell(name: str = "entry", quantity: Any = 1, **settings: Any) -> Order:
    """Return a market order to sell."""
    return order(name, Action.SELL, OrderKind.MARKET, quantity, **settings)


def protective_stop(
    price: Any, quantity: Any = 1, *, name: str = "stop", action: Action = Action.SELL, **more: Any
) -> Order:
    """Return a reduce-only stop in the group of the signal."""
    settings = {"role": OrderRole.STOP, "reduce_only": True, "oco_group": "signal"} | more
    return order(name, action, OrderKind.STOP, quantity, stop_price=price, **settings)


def target(price: Any, quantity: Any = 1, *, name: str = "target", action: Action = Action.SELL, **more: Any) -> Order:
    """Return a reduce-only limit in the group of the signal."""
    settings = {"role": OrderRole.TARGET, "reduce_only": True, "oco_group": "signal"} | more
    return order(name, action, OrderKind.LIMIT, quantity, limit_price=price, **settings)


class Stage:
    """A venue and its time: every bar lasts one minute and begins where the one before ended."""

    def __init__(self, of: Instrument | None = None, cash: Any = 1_000_000, start: int = 0, **settings: Any) -> None:
        self.instrument = of or instrument()
        self.venue = SimulatedVenue({self.instrument.symbol: self.instrument}, Decimal(str(cash)), costs(**settings))
        self.now = start
        self._opening: float | None = None

    def place(self, *orders: Order) -> list[BrokerEvent]:
        """Place orders now; return everything that came of them."""
        return [event for placed in orders for event in self.venue.place(placed, self.now)]

    def opens(self, price: float) -> Sequence[BrokerEvent]:
        """Show the first print of the next bar."""
        self._opening = price
        return self.venue.observe(BarOpened(self.now, self.instrument.symbol, price))

    def closes(self, high: float, low: float, close: float, volume: float = 1_000.0) -> Sequence[BrokerEvent]:
        """Show the rest of the bar that was opened."""
        assert self._opening is not None
        bar = BarClosed(self.now + MINUTE, self.instrument.symbol, self.now, self._opening, high, low, close, volume)
        self.now += MINUTE
        return self.venue.observe(bar)

    def bar(self, opening: float, high: float, low: float, close: float, volume: float = 1_000.0) -> list[BrokerEvent]:
        """Show a whole bar, first its opening, then the rest."""
        return [*self.opens(opening), *self.closes(high, low, close, volume)]

    def flat_bar(self, price: float = 100.0, volume: float = 1_000.0) -> list[BrokerEvent]:
        """Show a bar that does not move."""
        return self.bar(price, price, price, price, volume)

    def quote(self, bid: float, ask: float, last: float = 0.0) -> Sequence[BrokerEvent]:
        """Show a quote one second later."""
        self.now += MINUTE // 60
        return self.venue.observe(Quote(self.now, self.instrument.symbol, bid, ask, last))

    def funding(self, rate: Any, at: int | None = None) -> Sequence[BrokerEvent]:
        """Show a funding time."""
        time = self.now if at is None else at
        return self.venue.observe(FundingDue(time, self.instrument.symbol, Decimal(str(rate))))

    def enter(
        self, quantity: Any = 1, price: float = 100.0, action: Action = Action.BUY, **settings: Any
    ) -> OrderFilled:
        """Open a position at the opening of the next bar and leave the bar open."""
        self.flat_bar(price)
        accepted = self.place(order("entry", action, OrderKind.MARKET, quantity, **settings))
        assert len(accepted) == 1, accepted
        return filled(self.opens(price), "entry")

    @property
    def held(self) -> Decimal:
        """Return the signed quantity held."""
        position = self.venue.position(self.instrument.symbol)
        return Decimal(0) if position is None else position.quantity


def fills(events: Sequence[BrokerEvent]) -> list[OrderFilled]:
    """Return the fills among events."""
    return [event for event in events if isinstance(event, OrderFilled)]


def filled(events: Sequence[BrokerEvent], name: str) -> OrderFilled:
    """Return the one fill of an order."""
    (fill,) = [event for event in fills(events) if event.client_order_id == name]
    return fill


def names(events: Sequence[BrokerEvent]) -> list[tuple[str, str]]:
    """Return what happened to which order (or symbol), in order."""
    return [(type(event).__name__, getattr(event, "client_order_id", getattr(event, "symbol", ""))) for event in events]
