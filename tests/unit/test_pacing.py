"""A market that runs at a speed: when its bars come, and that they are the same at every speed."""

from __future__ import annotations

import asyncio

import pytest

from atlas_core.contracts import HistoryRequest
from atlas_core.errors import UsageError
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.runtime.pacing import PacedClock, Speed, paced, read_speed
from atlas_core.testing.virtual_time import run_virtual
from tests.memory import START, MemoryProvider, at, flat

ASKED = HistoryRequest(symbols=("X",), timeframe=parse_timeframe("1m"), start=START)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(("text", "factor"), [("1x", 1.0), ("60x", 60.0), ("0.5x", 0.5), ("max", None)])
def test_a_speed_is_read(text: str, factor: float | None) -> None:
    assert read_speed(text) == Speed(factor)
    assert str(Speed(factor)) == text


@pytest.mark.parametrize("text", ["", "x", "0x", "0.0x", "-1x", "fast", "1", "1e3x", "1X", "infx"])
def test_what_is_no_speed_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UsageError, match="expected a speed such as 1x, 60x"):
        read_speed(text)


def arrivals(speed: float, provider: MemoryProvider, start: int | None = START) -> list[tuple[float, int, int]]:
    """When each bar came (seconds), what the clock said then, and the bar's own time."""

    async def collect() -> list[tuple[float, int, int]]:
        clock = PacedClock(speed, loop_time)
        stream = paced(provider.stream(ASKED), clock, start)
        return [(loop_time(), clock.now(), bar.ts) async for bar in stream]

    return run_virtual(collect())


def test_each_bar_comes_when_the_clock_reaches_its_end() -> None:
    came = arrivals(1.0, MemoryProvider(flat(range(3))))
    assert came == [(60.0, at(1), at(1)), (120.0, at(2), at(2)), (180.0, at(3), at(3))]


def test_sixty_times_the_speed_takes_a_sixtieth_of_the_time() -> None:
    came = arrivals(60.0, MemoryProvider(flat(range(3))))
    assert [seconds for seconds, *_ in came] == [1.0, 2.0, 3.0]


def test_without_a_start_the_clock_begins_when_the_first_bar_opened() -> None:
    came = arrivals(1.0, MemoryProvider(flat(range(7, 9))), None)
    assert came == [(60.0, at(8), at(8)), (120.0, at(9), at(9))]


def test_a_gap_of_the_market_takes_its_time() -> None:
    provider = MemoryProvider([*flat(range(1)), *flat(range(60, 61))])
    came = arrivals(1.0, provider)
    assert [seconds for seconds, *_ in came] == [60.0, 61 * 60.0]


def test_a_slow_reader_gets_the_late_bars_at_once_and_loses_none() -> None:
    async def collect() -> list[float]:
        came = []
        async for bar in paced(MemoryProvider(flat(range(4))).stream(ASKED), PacedClock(1.0, loop_time), START):
            came.append(loop_time())
            if bar.ts == at(1):
                await asyncio.sleep(150)
        return came

    assert run_virtual(collect()) == [60.0, 210.0, 210.0, 240.0]


def test_the_clock_stands_still_until_it_is_started_and_starts_once() -> None:
    now = [5.0]
    clock = PacedClock(2.0, lambda: now[0])
    assert clock.now() == 0
    clock.start(START)
    now[0] = 35.0
    clock.start(START + 99 * MINUTE)
    assert clock.now() == START + MINUTE
    assert clock.seconds_until(START + 3 * MINUTE) == 60.0
    assert clock.seconds_until(START) == 0.0


def test_closing_it_closes_the_stream() -> None:
    provider = MemoryProvider(flat(range(9)))

    async def leave() -> None:
        stream = paced(provider.stream(ASKED), PacedClock(1.0, loop_time))
        await anext(stream)
        await stream.aclose()

    run_virtual(leave())
    assert provider.diary == ["stream closed"]
