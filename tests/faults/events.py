"""What happens to the world by itself while it storms: outages, people, gaps, and the death of our process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from attrs import define, field

from tests.faults.people import WAYS, People
from tests.faults.venue import VenueOrder
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.faults.host import Host

NANOSECONDS = 1_000_000_000
CLOCK_STEPS = (1, -1, 5, -5, 60, -60, 300, -300, 3_600, -3_600, 90_000)


@define
class Nature:
    """Runs one task for each kind of event; what lasts ends when the calm begins."""

    world: World
    host: Host
    people: People
    calm: asyncio.Event = field(factory=asyncio.Event)
    storm: asyncio.Event = field(factory=asyncio.Event)

    def begin(self) -> list[asyncio.Task[None]]:
        """Start the tasks of all kinds that the plan has."""
        self.storm.set()
        rates, acts = self.world.weather.plan.rates, ACTS
        return [
            asyncio.create_task(self._keep(kind, act), name=f"world {kind}")
            for kind, act in acts.items()
            if kind in rates
        ]

    def make_calm(self) -> None:
        """End the storm and all that lasts."""
        self.world.weather.is_storm = False
        self.storm.clear()
        self.calm.set()

    def make_storm(self) -> None:
        """Let faults strike again."""
        self.calm.clear()
        self.world.weather.is_storm = True
        self.storm.set()

    async def lasting(self, seconds: float) -> None:
        """Wait until the time is over or the calm begins."""
        if seconds > 0 and not self.calm.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self.calm.wait()
            except TimeoutError:
                return

    async def _keep(self, kind: str, act: Act) -> None:
        while True:
            await asyncio.sleep(self.world.weather.pause(kind) or 0)
            await self.storm.wait()
            self.world.weather.note(kind)
            if await act(self) is False:
                self.world.weather.missed(kind)

    def _drawn(self, kind: str, low: float, high: float) -> float:
        """Draw a length whose short values are as common as its long ones."""
        return float(low * (high / low) ** self.world.weather.draws(kind).random())

    async def stream_stall(self) -> None:
        self.world.is_stalled = True
        await self.lasting(self._drawn("stream-stall", 30, 2_000))
        self.world.is_stalled = False

    async def stream_disconnect(self) -> bool:
        return self.world.cut_orders()

    async def data_stall(self) -> None:
        self.world.is_silent = True
        await self.lasting(self._drawn("data-stall", 60, 2_000))
        self.world.is_silent = False

    async def data_disconnect(self) -> bool:
        return self.world.cut_data()

    async def data_backlog(self) -> None:
        """Let a connection hang, and bring all of it when it goes on."""
        self.world.is_held = True
        await self.lasting(self._drawn("data-backlog", 30, 1_500))
        self.world.release()

    async def price_stall(self) -> bool:
        self.world.is_mute = True
        await self.lasting(self._drawn("price-stall", 30, 2_000))
        self.world.is_mute = False
        return self.world.feed != "bars"

    async def price_disconnect(self) -> bool:
        return self.world.cut_prices()

    async def maintenance(self) -> None:
        self.world.venue.is_closed = True
        self.world.cut_orders()
        await self.lasting(self._drawn("venue-maintenance", 20, 4_000))
        self.world.venue.is_closed = False

    async def unreachable(self) -> None:
        self.world.is_unreachable = True
        self.world.cut_orders()
        self.world.cut_data()
        await self.lasting(self._drawn("venue-unreachable", 5, 1_000))
        self.world.is_unreachable = False

    async def manual_trade(self) -> bool:
        """Let a person trade by hand, and take it back some time later."""
        draws, venue = self.world.weather.draws("manual-trade"), self.world.venue
        symbol, sign = draws.choice(self.world.symbols), draws.choice((1, -1))
        before = venue.held(symbol)
        venue.manual_trade(symbol, sign, draws.randrange(500, 15_000))
        change = venue.held(symbol) - before
        await self.lasting(self._drawn("manual-trade", 60, 3_000))
        if change:
            venue.manual_trade(symbol, -1 if change > 0 else 1, abs(change))
        return change != 0

    async def manual_cancel(self) -> bool:
        ours: list[VenueOrder] = [order for order in self.world.venue.working.values() if order.request.client_id]
        if ours:
            self.world.venue.cancel_by_hand(self.world.weather.draws("manual-cancel").choice(ours))
        return bool(ours)

    async def foreign_order(self) -> bool:
        order = self.world.foreign_order()
        await self.lasting(self._drawn("foreign-order", 60, 3_000))
        if order is not None:
            self.world.venue.cancel_by_hand(order)
        return order is not None

    async def liquidation(self) -> bool:
        venue = self.world.venue
        if self.world.personality.holds or venue.is_closed:
            return False
        held = [symbol for symbol in self.world.symbols if venue.held(symbol)]
        if held:
            venue.liquidate(self.world.weather.draws("liquidation").choice(held))
        return bool(held)

    async def frozen_price(self) -> None:
        draws = self.world.weather.draws("frozen-price")
        self.world.market.walks[draws.choice(self.world.symbols)].frozen_steps = draws.randrange(4, 120)

    async def gap(self) -> None:
        draws = self.world.weather.draws("gap")
        walk = self.world.market.walks[draws.choice(self.world.symbols)]
        walk.ticks = max(2_000, round(walk.ticks * draws.choice((0.85, 0.95, 1.05, 1.15))))

    async def crash(self) -> bool:
        return self.host.crash()

    async def stop_and_start(self) -> bool:
        return self.host.stop()

    async def clock_step(self) -> None:
        """Set our clock wrong, and right again some time later."""
        step = self.world.weather.draws("clock-step").choice(CLOCK_STEPS) * NANOSECONDS
        self.host.step_clock(step)
        await self.lasting(self._drawn("clock-step", 60, 2_000))
        self.host.step_clock(-step)

    async def suspend(self) -> bool:
        is_up = self.host.process is not None
        self.host.suspend(round(self._drawn("suspend", 20, 7_200) * NANOSECONDS))
        return is_up

    async def operator_halt(self) -> None:
        self.people.ask("pause")
        await self.lasting(self._drawn("operator-halt", 60, 1_500))
        while not await self.people.is_done(self.people.ask("resume")):
            await asyncio.sleep(1)  # nobody is there, or the kill switch must be cleared first

    async def operator_close(self) -> None:
        symbol = self.world.weather.draws("operator-close").choice(self.world.symbols)
        self.people.ask("close", symbol=symbol)

    async def kill_file(self) -> None:
        draws = self.world.weather.draws("kill-file")
        self.people.kill(draws.choice(WAYS), flatten=draws.random() < 0.2)
        await self.lasting(self._drawn("kill-file", 60, 1_500))
        await self.people.release()


Act = Callable[[Nature], Awaitable[bool | None]]
"""What one kind does; False says that there was nothing that it could strike."""

ACTS: dict[str, Act] = {
    "stream-stall": Nature.stream_stall, "stream-disconnect": Nature.stream_disconnect,
    "data-stall": Nature.data_stall, "data-disconnect": Nature.data_disconnect,
    "data-backlog": Nature.data_backlog, "price-stall": Nature.price_stall, "price-disconnect": Nature.price_disconnect,
    "venue-maintenance": Nature.maintenance, "venue-unreachable": Nature.unreachable,
    "manual-trade": Nature.manual_trade, "manual-cancel": Nature.manual_cancel,
    "foreign-order": Nature.foreign_order, "liquidation": Nature.liquidation, "frozen-price": Nature.frozen_price,
    "gap": Nature.gap, "crash": Nature.crash, "stop-and-start": Nature.stop_and_start,
    "clock-step": Nature.clock_step, "suspend": Nature.suspend, "operator-halt": Nature.operator_halt,
    "operator-close": Nature.operator_close, "kill-file": Nature.kill_file,
}  # fmt: skip
