"""A trading system for the simulation: pure deciders whose answers follow from the seed, wrapped in faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import nan
from typing import Any
from zlib import crc32

from attrs import define

from atlas_core.contracts import Alerter, LevelRule, MarketHistory, MarketNow, Need, Scanner, Sizer
from atlas_core.errors import VenueError
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Alert, Approve, Exit, GateAnswer, Levels, OrderPlan, Refuse, Scale
from atlas_core.model.portfolio import Account, Portfolio, Position
from atlas_core.model.signals import Signal, SignalTable, no_signals, signal_table
from tests.faults.world import World

GARBAGE: tuple[Any, ...] = (None, True, "yes", float("nan"), {"answer": "yes"}, 10**400, [])
MINUTE = 60 * 10**9


def lot_of(*facts: object) -> float:
    """Return a number of [0, 1) that follows from facts: the same in every process."""
    return crc32("/".join(map(str, facts)).encode()) / 2**32


@define
class SeededScanner(Scanner):
    """Signals at the market or at a trigger, at a rate per bar and symbol; it looks at the newest bars only."""

    world: World
    rate: float
    has_shorts: bool

    def needs(self) -> Sequence[Need]:
        return (Need("1m", 3),)

    def scan(self, market: MarketHistory) -> SignalTable:
        weather = self.world.weather
        if self.world.is_still:
            return no_signals()
        if weather.strikes("scanner-raises"):
            raise RuntimeError("the scanner broke")
        if weather.strikes("scanner-garbage"):
            garbage: SignalTable = weather.draws("scanner-garbage").choice(GARBAGE)
            return garbage
        rate = 1.0 if weather.strikes("scanner-floods") else self.rate
        newest = [bars for symbol in market.symbols if len(bars := market.bars(symbol, "1m"))]
        rows = [bars for bars in newest if self._lot(bars) < rate]
        return self._table(rows) if rows else no_signals()

    def _lot(self, bars: Bars, what: str = "") -> float:
        return lot_of(self.world.chance.seed, bars.symbol, int(bars.available_at[-1]), what)

    def _table(self, rows: list[Bars]) -> SignalTable:
        """Return the signals of the newest bar of some symbols: the session takes no others."""
        kinds = [self._lot(bars, "kind") for bars in rows]
        sides = [-1 if self.has_shorts and kind * 10 % 1 < 0.5 else 1 for kind in kinds]
        is_stop = [kind < 0.5 for kind in kinds]
        levels = [float(bars.close[-1]) * (1 + 0.0005 * side) for bars, side in zip(rows, sides, strict=True)]
        known = [int(bars.available_at[-1]) for bars in rows]
        return signal_table(
            available_at=known,
            setup_at=[int(bars.opened_at[-1]) for bars in rows],
            symbol=[bars.symbol for bars in rows],
            timeframe="1m",
            pattern="seeded",
            side=sides,
            entry=["stop" if stops else "market" for stops in is_stop],
            trigger=[round(level * 100) / 100 if stops else nan for level, stops in zip(levels, is_stop, strict=True)],
            valid_until=[at + (20 if stops else 3) * MINUTE for at, stops in zip(known, is_stop, strict=True)],
        )


@define
class SeededGate:
    """Lets most signals pass."""

    world: World

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        weather = self.world.weather
        if weather.strikes("gate-raises"):
            raise RuntimeError("the gate broke")
        if weather.strikes("gate-garbage"):
            answer: GateAnswer = weather.draws("gate-garbage").choice((*GARBAGE, Scale(Decimal("NaN"), "?")))
            return answer
        lot = lot_of(signal.key, "gate")
        if lot < 0.05:
            return Refuse("drawn", lot, 0.05)
        return Scale(Decimal("0.5"), "drawn") if lot < 0.15 else Approve("drawn", lot, 0.05)


@define
class SeededSizer(Sizer):
    """One to three units."""

    world: World

    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        weather = self.world.weather
        if weather.strikes("sizer-raises"):
            raise RuntimeError("the sizer broke")
        if weather.strikes("sizer-garbage"):
            wrong = OrderPlan(
                symbol=signal.symbol, quantity=Decimal(weather.draws("sizer-garbage").choice(("NaN", "-3", "Infinity")))
            )
            plan: OrderPlan = weather.draws("sizer-garbage").choice((*GARBAGE, wrong))
            return plan
        if weather.strikes("sizer-huge"):
            return OrderPlan(symbol=signal.symbol, quantity=Decimal(10**6))
        quantity = Decimal(round(3_000 + 9_000 * lot_of(signal.key, "size"))).scaleb(-3)
        return OrderPlan(symbol=signal.symbol, quantity=quantity)


@define
class SeededExits(LevelRule):
    """A stop that trails in half of the runs, a target, and now and then a close at the market."""

    world: World
    stop_pct: Decimal
    target_pct: Decimal
    is_trailing: bool
    leaves_at: float

    def levels(self, position: Position) -> Levels:
        weather = self.world.weather
        if weather.strikes("exit-raises"):
            raise RuntimeError("the exit rule broke")
        if weather.strikes("exit-garbage"):
            answer: Levels = weather.draws("exit-garbage").choice((*GARBAGE, Levels(stop=Decimal("NaN"))))
            return answer
        sign = position.side.sign
        best = position.highest if sign > 0 else position.lowest
        origin = best if self.is_trailing else position.entry_price
        return Levels(
            stop=origin * (1 - self.stop_pct * sign), target=position.entry_price * (1 + self.target_pct * sign)
        )

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        if self.world.is_still:
            return None
        lot = lot_of(position.trade_id, position.symbol, position.bars_held, self.world.chance.seed)
        return Exit("drawn", lot, self.leaves_at) if lot < self.leaves_at else None


@define
class SimAlerter(Alerter):
    """Counts what it is told; may raise or hang."""

    world: World
    passes: Callable[[str], None]

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End."""

    async def send(self, alert: Alert) -> None:
        self.passes("alert")
        if self.world.weather.strikes("alerter-raises"):
            raise VenueError("the chat is down")
        if self.world.weather.strikes("alerter-hangs"):
            await asyncio.Event().wait()
        self.world.trace.process("alert", severity=str(alert.severity), title=alert.title, key=alert.key)
