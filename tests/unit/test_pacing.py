"""A market that runs at a speed: when its bars come, and that they are the same at every speed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve

from atlas_core.contracts import HistoryRequest
from atlas_core.errors import UsageError
from atlas_core.journal import Journal
from atlas_core.model.events import FundingDue
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.runtime.pacing import PacedClock, PacedProvider, Speed, read_speed
from atlas_core.runtime.session import run_session
from atlas_core.testing.virtual_time import run_virtual
from tests.memory import START, MemoryProvider, at, flat, memory, script, system_of
from tests.systems import by_pump

M1 = parse_timeframe("1m")


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


def arrivals(speed: float, request: HistoryRequest, provider: MemoryProvider) -> list[tuple[float, int, int]]:
    """When each bar came (seconds), what the clock said then, and the bar's own time."""

    async def collect() -> list[tuple[float, int, int]]:
        clock = PacedClock(speed, loop_time)
        paced = PacedProvider(provider, clock)
        return [(loop_time(), clock.now(), bar.ts) async for bar in paced.stream(request)]

    return run_virtual(collect())


def test_each_bar_comes_when_the_clock_reaches_its_end() -> None:
    came = arrivals(1.0, HistoryRequest(symbols=("X",), timeframe=M1, start=START), MemoryProvider(flat(range(3))))
    assert came == [(60.0, at(1), at(1)), (120.0, at(2), at(2)), (180.0, at(3), at(3))]


def test_sixty_times_the_speed_takes_a_sixtieth_of_the_time() -> None:
    came = arrivals(60.0, HistoryRequest(symbols=("X",), timeframe=M1, start=START), MemoryProvider(flat(range(3))))
    assert [seconds for seconds, *_ in came] == [1.0, 2.0, 3.0]


def test_without_a_start_the_clock_begins_when_the_first_bar_opened() -> None:
    came = arrivals(1.0, HistoryRequest(symbols=("X",), timeframe=M1), MemoryProvider(flat(range(7, 9))))
    assert came == [(60.0, at(8), at(8)), (120.0, at(9), at(9))]


def test_a_gap_of_the_market_takes_its_time() -> None:
    provider = MemoryProvider([*flat(range(1)), *flat(range(60, 61))])
    came = arrivals(1.0, HistoryRequest(symbols=("X",), timeframe=M1, start=START), provider)
    assert [seconds for seconds, *_ in came] == [60.0, 61 * 60.0]


def test_a_slow_reader_gets_the_late_bars_at_once_and_loses_none() -> None:
    async def collect() -> list[float]:
        paced = PacedProvider(MemoryProvider(flat(range(4))), PacedClock(1.0, loop_time))
        came = []
        async for bar in paced.stream(HistoryRequest(symbols=("X",), timeframe=M1, start=START)):
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


def test_everything_else_of_the_provider_is_passed_on() -> None:
    due = [FundingDue(at(2), "X", Decimal("0.01"))]
    inner = MemoryProvider(flat(range(3)), due)
    request = HistoryRequest(symbols=("X",), timeframe=M1)

    async def ask() -> None:
        paced = PacedProvider(inner, PacedClock(1.0, loop_time))
        await paced.open()
        assert list(await paced.instruments(["X"])) == ["X"]
        assert len((await paced.history(request))["X"]) == 3
        assert await paced.funding(request) == due
        await paced.close()

    run_virtual(ask())
    assert inner.diary == ["provider opened", "provider closed"]


def test_a_paced_session_has_the_journal_of_one_that_runs_as_fast_as_it_can() -> None:
    due = [FundingDue(at(7), "X", Decimal("0.01"))]

    def system() -> object:
        return system_of(memory(MemoryProvider(flat(range(30)), due)), script((5, "X", 1), (12, "X", -1)))

    async def paced() -> tuple[str, float]:
        made = system()
        clock = PacedClock(1.0, loop_time)
        with Journal.in_memory() as journal:
            slow = evolve(made, provider=PacedProvider(made.provider, clock), clock=clock)  # type: ignore[attr-defined,type-var]
            return (await run_session(slow, journal)).digest, loop_time()

    digest, seconds = run_virtual(paced())
    with Journal.in_memory() as journal:
        assert by_pump(system(), journal).digest == digest  # type: ignore[arg-type]
    assert seconds == 30 * 60.0
