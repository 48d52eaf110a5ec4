"""One symbol at the venue: what was last seen of it, what is held in it, and the orders that work in it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from attrs import define, field

from atlas_core.model.events import BarClosed, BarOpened, BarPart, FundingDue, Quote
from atlas_core.model.instrument import ZERO, Instrument
from atlas_core.model.orders import FillBasis
from atlas_core.simulation.holding import Holding
from atlas_core.simulation.pricing import PERCENT

if TYPE_CHECKING:
    from atlas_core.model.events import MarketEvent
    from atlas_core.model.orders import OrderRole
    from atlas_core.simulation.working import Working


class TickBar(NamedTuple):
    """A bar's prices in whole ticks."""

    open: int
    high: int
    low: int
    close: int


class Print(NamedTuple):
    """One observed instant in whole ticks: buys at `ask`, sells at `bid`, stops look at `last`."""

    ts: int
    bid: int
    ask: int
    last: int


@define(eq=False)
class EntryWindow:
    """The rest of a bar after an entry was filled inside it, for the orders that protect that entry.

    `low` to `high` certainly came after `touch`; `granted` is the quantity per role that was already held against
    this bar: what comes on top is a move made at the bar's close and waits for the next bar.
    """

    touch: int
    low: int
    high: int
    quantity: Decimal
    granted: dict[OrderRole, Decimal] = field(factory=dict)

    def grant(self, role: OrderRole, quantity: Decimal) -> bool:
        """Tell whether an order of `role` is a first reaction to the entry, and remember it."""
        before = self.granted.get(role, ZERO)
        self.granted[role] = before + quantity
        return before < self.quantity


def entry_window(bar: TickBar, touch: int, *, upward: bool, quantity: Decimal) -> EntryWindow:
    """Return what certainly came after the price `touch` was first reached from below (`upward`) or from above."""
    if upward:
        return EntryWindow(touch, min(touch, bar.close), bar.high, quantity)
    return EntryWindow(touch, bar.low, max(touch, bar.close), quantity)


@define(eq=False)
class Market:
    """The state of one symbol. `idle` says that no event can cause anything: nothing held, no order, no window.

    `in_part` says that a finer bar inside a base bar was seen last.
    """

    instrument: Instrument
    holding: Holding
    orders: dict[str, Working] = field(factory=dict)
    windows: dict[str, EntryWindow] = field(factory=dict)
    seen: BarOpened | BarClosed | Quote | None = None
    bar: BarClosed | None = None
    idle: bool = True
    liquidation: int | None = None
    in_part: bool = False
    funded_until: int = 0
    tape_has_funding: bool = False
    orders_taken: int = 0
    _volume_used: Decimal = ZERO
    _volume_of: int = -1

    def glance(self, event: MarketEvent) -> None:
        """Remember an event that cannot cause anything."""
        kind = type(event)
        if kind is BarClosed or kind is BarPart:
            self.bar = self.seen = event  # type: ignore[assignment]
            self.in_part = kind is BarPart
        elif kind is FundingDue:
            self.tape_has_funding = True
            self.funded_until = max(self.funded_until, event.ts)
        else:
            self.seen = event  # type: ignore[assignment]

    def settle(self) -> None:
        """Find out whether the next event can be passed over."""
        self.idle = not (self.orders or self.windows or self.holding.quantity)

    @property
    def last(self) -> int | None:
        """Return the last price seen in whole ticks, or None before the first one."""
        seen = self.seen
        if seen is None:
            return None
        if isinstance(seen, BarClosed):
            return self.instrument.to_ticks(seen.close)
        if isinstance(seen, BarOpened):
            return self.instrument.to_ticks(seen.price)
        return self.print_of(seen).last

    @property
    def last_price(self) -> Decimal:
        """Return the last price seen, 0 before the first one."""
        last = self.last
        return ZERO if last is None else self.instrument.from_ticks(last)

    def print_of(self, event: BarOpened | Quote) -> Print:
        """Return the instant that an event shows; without a last trade the middle of the quote stands for it."""
        ticks = self.instrument.to_ticks
        if isinstance(event, BarOpened):
            price = ticks(event.price)
            return Print(event.ts, price, price, price)
        last = event.last if event.last > 0 else (event.bid + event.ask) / 2
        return Print(event.ts, ticks(event.bid), ticks(event.ask), ticks(last))

    def half_spread(self, reference: int, sign: int) -> Decimal | None:
        """Return how far a price that is taken lies from the middle of the quote; None where there is no quote.

        A stop beyond the quote is not taken from it: its spread is not known, and counts as slippage.
        """
        seen = self.seen
        if not isinstance(seen, Quote):
            return None
        quote = self.print_of(seen)
        is_quoted = reference == (quote.ask if sign > 0 else quote.bid)
        return self.instrument.from_ticks(max(0, quote.ask - quote.bid)) / 2 if is_quoted else ZERO

    @property
    def basis(self) -> FillBasis:
        """Return what a fill is decided on now."""
        if self.in_part:
            return FillBasis.DETAIL
        return FillBasis.BAR if isinstance(self.seen, BarClosed) else FillBasis.PRINT

    def tick_bar(self, bar: BarClosed) -> TickBar:
        """Return a bar's prices in whole ticks."""
        ticks = self.instrument.to_ticks
        return TickBar(ticks(bar.open), ticks(bar.high), ticks(bar.low), ticks(bar.close))

    def position_moved(self) -> None:
        """Work out the price of the forced close anew."""
        price = self.holding.liquidation_price()
        self.liquidation = None if price is None else self.instrument.to_ticks(price)

    def held_from(self) -> int:
        """Return the time after which a position that is opened now pays funding.

        A position opened inside a bar is certainly held at its end; one opened by a print is held after it.
        """
        seen = self.seen
        if seen is None:
            return 0
        return seen.ts - 1 if isinstance(seen, BarClosed) else seen.ts

    def volume_left(self, share_pct: Decimal | None) -> Decimal | None:
        """Return the quantity that the present bar still offers, None for no bound.

        At the opening the bar's own volume is not known yet: the bar before stands for it, and without one nothing
        is offered. What is taken at the opening counts against the bar itself too. Quotes carry no volume.
        """
        if share_pct is None or isinstance(self.seen, Quote):
            return None
        bar = self.bar
        if bar is None:
            return ZERO
        offered = Decimal(str(bar.volume)) * share_pct / PERCENT
        used = self._volume_used if self._volume_of == self._bar_time() else ZERO
        return max(ZERO, self.instrument.round_quantity(offered - used))

    def use_volume(self, quantity: Decimal) -> None:
        """Count what was taken from the present bar."""
        time = self._bar_time()
        self._volume_used = quantity + (self._volume_used if self._volume_of == time else ZERO)
        self._volume_of = time

    def _bar_time(self) -> int:
        seen = self.seen
        if seen is None:
            return -1
        return seen.opened_at if isinstance(seen, BarClosed) else seen.ts
