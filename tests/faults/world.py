"""The world outside our process: its time, its market, its venue, and the faults between it and us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from attrs import define, field

from atlas_core.testing import VirtualLoop
from tests.faults.chance import Chance
from tests.faults.market import STEPS_OF_A_BAR, Market, Minute
from tests.faults.trace import Trace
from tests.faults.venue import Personality, Refusal, Request, Venue, VenueOrder
from tests.faults.weather import Plan, Weather

BACKLOG_GAP = 0.05
START = 1_775_347_200_000_000_000  # Sunday 2026-04-05 00:00 UTC
CASH = 10_000 * 100_000
PERSONALITIES = (
    Personality("perp", same_id="refused"),
    Personality("perp in parts", same_id="returned", parts=3, latency=0.2),
    Personality("perp, ids not unique", same_id="accepted", read_lag=3.0, cancels_when_flat=False),
    Personality("perp, slow", same_id="refused", latency=1.5, parts=2, read_lag=8.0),
    Personality("spot that holds", same_id="refused", holds=True, reduce_only=False),
    Personality(
        "spot that holds on", same_id="refused", holds=True, reduce_only=False, holds_for=20.0, parts=2, read_lag=2.0
    ),
    Personality("spot, ids not unique", same_id="accepted", holds=True, reduce_only=False, latency=0.3, parts=2),
)


@define
class World:
    """Everything that goes on while our process is dead."""

    loop: VirtualLoop
    chance: Chance
    symbols: tuple[str, ...]
    personality: Personality
    plan: Plan
    feed: str = "bars"
    trace: Trace = field(init=False)
    weather: Weather = field(init=False)
    market: Market = field(init=False)
    venue: Venue = field(init=False)
    on_bars: list[Callable[[list[Minute]], None]] = field(factory=list)
    on_prices: list[Callable[[Mapping[str, int]], None]] = field(factory=list)
    on_cut_orders: list[Callable[[], None]] = field(factory=list)
    on_cut_data: list[Callable[[], None]] = field(factory=list)
    on_cut_prices: list[Callable[[], None]] = field(factory=list)
    is_unreachable: bool = False
    is_still: bool = False
    is_stalled: bool = False
    is_silent: bool = False
    is_mute: bool = False
    is_held: bool = False
    held: list[Callable[[], None]] = field(factory=list)
    _late: dict[int, tuple[asyncio.TimerHandle, Callable[[], Any]]] = field(factory=dict)
    _skipped: int = 0
    _arrivals: int = 0

    def __attrs_post_init__(self) -> None:
        self.trace = Trace(self.now)
        self.weather = Weather(self.plan, self.chance, self.trace)
        self.market = Market.of(self.chance, START, self.symbols)
        self.venue = Venue(self.personality, self.chance.stream("venue"), self.trace, self.now, CASH)
        for symbol, walk in self.market.walks.items():
            self.venue.move(symbol, walk.ticks)

    def now(self) -> int:
        """Return the world's time, nanoseconds UTC."""
        return START + self._skipped + round(self.loop.time() * 1e9)

    async def turn(self) -> None:
        """Let the market move and the venue do what is due, for ever."""
        while True:
            due = self.venue.next_due()
            at = self.market.next_at if due is None else min(self.market.next_at, due)
            if at > self.now():
                await asyncio.sleep((at - self.now()) / 1e9)
            self.venue.settle()
            if self.market.next_at <= self.now():
                self._step()

    def skip(self, nanoseconds: int) -> None:
        """Let the world go on while our process is frozen: its monotonic clock does not see this time."""
        end = self.now() + nanoseconds
        while self.market.next_at <= end:
            self._skipped += self.market.next_at - self.now()
            self.venue.settle()
            self._step(is_heard=False)
        self._skipped += end - self.now()

    def cut_orders(self) -> bool:
        """Break our connections to the venue; tell whether there were any."""
        return _tell(self.on_cut_orders)

    def cut_data(self) -> bool:
        """Break our connections to the market data, if any; what was under way in them is lost."""
        self.held.clear()
        return _tell(self.on_cut_data)

    def cut_prices(self) -> bool:
        """Break our connections over which prices are streamed, if any."""
        return _tell(self.on_cut_prices)

    def release(self) -> None:
        """Let the market data that were held up arrive, one right after the other."""
        self.is_held = False
        held, self.held = self.held, []
        for place, arrive in enumerate(held):
            self.loop.call_later(BACKLOG_GAP * place, arrive)

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        """Let something arrive in a while; in the calm it arrives at once."""
        key = self._arrivals = self._arrivals + 1

        def do() -> None:
            self._late.pop(key, None)
            with suppress(Refusal):  # nobody waits for this answer
                act()

        self._late[key] = (self.loop.call_later(seconds, do), do)

    def hurry(self) -> None:
        """Let all that is under way arrive now."""
        for handle, do in list(self._late.values()):
            handle.cancel()
            do()

    def _step(self, *, is_heard: bool = True) -> None:
        if self.is_still:
            for walk in self.market.walks.values():
                walk.frozen_steps = 1
        for symbol, price in self.market.step():
            self.venue.move(symbol, price)
        if is_heard and self.market.steps % STEPS_OF_A_BAR == 0:
            self.trace.venue("prices", by_symbol=dict(self.venue.prices))
            bars = [self.market.bars[symbol][-1] for symbol in self.symbols]
            for told in list(self.on_bars):
                told(bars)
        elif is_heard:
            for hear in list(self.on_prices):
                hear(self.venue.prices)

    def foreign_order(self) -> VenueOrder | None:
        """Let a person leave a limit order far from the price in our account."""
        if self.venue.is_closed:
            return None
        stream = self.weather.draws("foreign-order")
        symbol, name = stream.choice(self.symbols), f"web-{stream.randrange(10**9)}"
        limit = self.venue.prices[symbol] * 6 // 10
        return self.venue.place(Request(client_id=name, symbol=symbol, sign=1, kind="limit", quantity=10, limit=limit))


def _tell(listeners: list[Callable[[], None]]) -> bool:
    """Call all listeners; tell whether there were any."""
    told = list(listeners)
    for hear in told:
        hear()
    return bool(told)
