"""How orders meet the market: a print fills what it reaches, a closed bar fills what lies in its range."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.model.events import BarClosed, Quote
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderKind, OrderRole
from atlas_core.simulation.inside import BarView, Hit, follow, next_hit, reaction_hit
from atlas_core.simulation.market import Market, Print, TickBar, entry_window
from atlas_core.simulation.working import Stance, Working

if TYPE_CHECKING:
    from atlas_core.simulation.desk import Desk
    from atlas_core.simulation.scenarios import FillModel

AT_ONCE, STOPS_THAT_REDUCE, STOPS_THAT_OPEN, LIMITS_THAT_OPEN, LIMITS_THAT_REDUCE = range(5)


class Matcher:
    """Decides the fills and lets the desk carry them out; `beyond` is how many ticks the price must pass a limit."""

    def __init__(self, desk: Desk, model: FillModel, *, beyond: int) -> None:
        self._desk = desk
        self._model = model
        self._beyond = beyond

    def act_at_once(self, market: Market, working: Working) -> None:
        """Let an order that has just been placed meet the instant, or react to an entry inside the bar."""
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
        hit = reaction_hit(working, prices, window, self._beyond, for_us=self._model.decides_for_us)
        if hit is not None:
            self._carry_out(market, working, hit, close=prices.close)

    def _open_window(
        self, market: Market, working: Working, bar: BarClosed, ticks: int, *, upward: bool, filled: Decimal
    ) -> None:
        if filled and market.holding.sign == working.sign:
            window = entry_window(market.tick_bar(bar), ticks, upward=upward, quantity=filled)
            market.windows[working.order.signal_key] = window

    def leave_bar(self, market: Market) -> None:
        """End the reactions to entries inside the last bar, and close by force what it would have closed."""
        if not market.windows:
            return
        market.windows.clear()
        if market.liquidation is not None and isinstance(market.seen, BarClosed):
            bar, side = market.tick_bar(market.seen), market.holding.sign
            if side * (market.liquidation - (bar.low if side > 0 else bar.high)) >= 0:
                self._desk.liquidate(market, market.liquidation, gapped=False)

    def show(self, market: Market, instant: Print) -> None:
        """Let every order that has arrived meet a print."""
        for working in _by_nearness(market):
            if working is None:
                self._liquidate_at(market, instant)
            elif not working.is_done and working.active_from <= instant.ts:
                self._meet(market, instant, working)

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
            self._take_limit(market, working, price)

    def _take_limit(self, market: Market, working: Working, price: int) -> Decimal:
        """Fill a limit that the market is beyond: there, or at its own price where no gap improves it."""
        return self._desk.take(market, working, price, at_limit=not self._model.improves_limits)

    def _liquidate_at(self, market: Market, instant: Print) -> None:
        level, side = market.liquidation, market.holding.sign
        if level is None or side * (level - instant.last) < 0:
            return
        price = min(level, instant.bid) if side > 0 else max(level, instant.ask)
        self._desk.liquidate(market, price, gapped=price != level)

    def go_through(self, market: Market, bar: BarClosed) -> None:
        """Fill what a closed bar reaches, one fill after the other, protective orders first."""
        view = BarView(market.tick_bar(bar), bar.opened_at, bar.ts)
        spent: set[int] = set()
        while (hit := next_hit(market, view, spent, self._beyond, for_us=self._model.decides_for_us)) is not None:
            working = hit.working
            if working is None:
                self._desk.liquidate(market, hit.reference, gapped=hit.reference != market.liquidation)
                continue
            spent.add(working.sequence)
            upward = (working.sign > 0) == (working.stance is Stance.STOP)
            filled = self._carry_out(market, working, hit, close=view.prices.close)
            self._open_window(market, working, bar, hit.reference, upward=upward, filled=filled)
        for working in tuple(market.orders.values()):
            arrived_inside = bar.opened_at < working.active_from <= bar.ts
            if working.stance is Stance.MARKET and arrived_inside and not working.is_done:
                self._desk.take(market, working, self._late_price(working, view.prices))
        follow(market, view)

    def _late_price(self, working: Working, prices: TickBar) -> int:
        """Return where a market order fills that arrived inside the bar: at the close, or where it was worst."""
        if self._model.improves_limits:
            return prices.close
        return prices.high if working.sign > 0 else prices.low

    def _carry_out(self, market: Market, working: Working, hit: Hit, *, close: int) -> Decimal:
        working.ambiguous = working.ambiguous or hit.ambiguous
        if working.stance is Stance.LIMIT:
            if hit.takes:
                return self._take_limit(market, working, hit.reference)
            return self._desk.make(market, working)
        working.trigger()
        if working.limit is None or working.limit_reached(hit.reference, 0):
            return self._desk.take(market, working, hit.reference)
        if working.limit_reached(close, self._beyond):
            return self._desk.make(market, working)
        return ZERO


def _by_nearness(market: Market) -> Iterable[Working | None]:
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
