"""Prices between the bars: their cadence in virtual time, what is left out, and that a stop does not wait for a bar."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf, nan

import pytest
from attrs import define, field

from atlas_core import components as offer
from atlas_core.compose import System, compose
from atlas_core.contracts import Capability
from atlas_core.model.events import Quote
from atlas_core.model.records import PositionClosed, PositionOpened
from atlas_core.model.timeframe import MINUTE, SECOND
from atlas_core.runs import Mode
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.price_poll import PricePoll, fault_of
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.session import Session
from atlas_core.testing.virtual_time import VirtualClock, run_virtual
from tests.live_scene import Scene, Tape
from tests.memory import START, at, found, made, memory, profile_of, registry, script

CAN = (Capability.HISTORY, Capability.STREAM, Capability.QUOTES)


@define
class Asked:
    """Answers with a price of 100 for each symbol; some answers take `seconds`."""

    clock: VirtualClock
    seconds: Sequence[float] = ()
    calls: list[tuple[float, tuple[str, ...]]] = field(factory=list)

    async def quotes(self, symbols: Sequence[str]) -> list[Quote]:
        takes = self.seconds[len(self.calls)] if len(self.calls) < len(self.seconds) else 0.0
        self.calls.append((asyncio.get_running_loop().time(), tuple(symbols)))
        await asyncio.sleep(takes)
        return [Quote(self.clock.now(), symbol, 99.0, 101.0, 100.0) for symbol in symbols]


def polled(
    until: float,
    *,
    armed: Sequence[str] = ("A",),
    held: Sequence[str] = (),
    seconds: Sequence[float] = (),
    step: int = 0,
) -> tuple[list[tuple[float, tuple[str, ...]]], list[Quote]]:
    """Poll for a while; return when which symbols were asked for, and what was told."""

    async def main() -> tuple[list[tuple[float, tuple[str, ...]]], list[Quote]]:
        clock = VirtualClock(asyncio.get_running_loop(), START)
        provider, told = Asked(clock, seconds), []

        async def tell(quote: Quote) -> None:
            told.append(quote)

        poll = PricePoll(provider, clock, lambda: armed, lambda: held, tell, 60.0, 20.0)
        asyncio.get_running_loop().call_later(90, clock.step, step)
        try:
            async with asyncio.timeout(until):
                await poll.run()
        except TimeoutError:
            if asyncio.get_running_loop().time() < until:
                raise
        return provider.calls, told

    return run_virtual(main())


def test_what_waits_and_what_is_held_are_asked_for_each_at_its_own_pace() -> None:
    calls, told = polled(100, armed=("B", "A"), held=("C",))
    assert calls == [(0.0, ("A", "B", "C")), (20.0, ("C",)), (40.0, ("C",)), (60.0, ("A", "B", "C")), (80.0, ("C",))]
    assert len(told) == 9


def test_nobody_is_asked_while_nothing_waits_and_nothing_is_held() -> None:
    assert polled(600, armed=()) == ([], [])


def test_a_slow_answer_delays_no_later_turn_and_is_not_made_up_for() -> None:
    calls, _ = polled(130, armed=(), held=("C",), seconds=[0.0, 7.0])
    assert [seconds for seconds, _ in calls] == [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0]


def test_an_answer_that_never_comes_ends_the_turn_in_time() -> None:
    with pytest.raises(TimeoutError):
        polled(100, seconds=[1000.0])


@pytest.mark.parametrize("step", [-3600 * SECOND, 25 * 3600 * SECOND])
def test_a_clock_that_is_set_changes_no_cadence(step: int) -> None:
    calls, told = polled(200, step=step)
    assert [seconds for seconds, _ in calls] == [0.0, 60.0, 120.0, 180.0]
    assert [quote.ts - START for quote in told] == [0, MINUTE, 2 * MINUTE + step, 3 * MINUTE + step]


@pytest.mark.parametrize(
    ("quote", "fault"),
    [
        (Quote(START, "A", 99.0, 101.0, 100.0), ""),
        (Quote(START, "A", 100.0, 100.0, 0.0), ""),
        (Quote(START, "Z", 99.0, 101.0, 100.0), "nobody asked for it"),
        (Quote(START, "A", nan, 101.0, 100.0), "a number that is none"),
        (Quote(START, "A", 99.0, inf, 100.0), "a number that is none"),
        (Quote(START, "A", 0.0, 101.0, 100.0), "bid 0.0, ask 101.0, last 100.0"),
        (Quote(START, "A", 102.0, 101.0, 100.0), "bid 102.0, ask 101.0, last 100.0"),
        (Quote(START, "A", 99.0, 101.0, -1.0), "bid 99.0, ask 101.0, last -1.0"),
        (Quote(START - 2 * MINUTE, "A", 99.0, 101.0, 100.0), "it is 120 s old"),
        (Quote(START + 2 * MINUTE, "A", 99.0, 101.0, 100.0), "it is -120 s old"),
    ],
)
def test_a_price_that_cannot_be_one_is_left_out(quote: Quote, fault: str) -> None:
    assert fault_of(quote, ("A",), START) == fault


@define
class QuotedTape(Tape):
    """A market whose price falls between two bars, which only a quote tells."""

    async def quotes(self, symbols: Sequence[str]) -> list[Quote]:
        now = self.venue.now()
        price = 90.0 if at(6) + 20 * SECOND < now < at(7) else 100.0
        for symbol in symbols:
            self.venue._tell(self.venue.venue.observe(Quote(now, symbol, price, price, price)))
        return [Quote(now, symbol, price, price, price) for symbol in symbols]


@define
class QuotedScene(Scene):
    """A venue without stop orders: the stop is watched by the session itself."""

    def _system(self, loop: asyncio.AbstractEventLoop) -> System:
        provider = memory(QuotedTape((), venue=self.venue, prices=self.prices), *CAN)
        broker = made(offer.broker, "real", self.venue, Capability.MARKET, Capability.SHORT, Capability.PERP)
        tables = {"broker": 'use = "real"', "mode": "live", "more": f"{LIVE}\n[schedule]\nposition_poll_seconds = 5"}
        return compose(
            profile_of(registry(provider, broker, script(*self.signals)), **tables),
            Mode.LIVE,
            VirtualClock(loop, START),
        )


LIVE = '[live]\naccount = "A-1"'


def test_a_stop_that_the_session_watches_does_not_wait_for_the_end_of_a_bar() -> None:
    scene, boards = QuotedScene(), []

    def meanwhile(session: Session) -> None:
        board = ProgressBoard(lambda: 0.0)
        boards.append(board)
        asyncio.get_running_loop().call_later(6.5 * 60, SessionFace(session, scene.journal, board).vitals)

    scene.run(9, meanwhile=meanwhile)
    [opened], [closed] = found(scene.records, PositionOpened), found(scene.records, PositionClosed)
    assert opened.ts <= at(4)
    assert closed.rule == "stop"
    assert at(6) + 20 * SECOND < closed.ts <= at(6) + 30 * SECOND
    assert at(6) + 20 * SECOND < boards[0].as_of["poll"] <= at(6) + 30 * SECOND
