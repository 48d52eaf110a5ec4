"""The event loop that jumps through time, and the clock on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from atlas_core.testing import Deadlock, Livelock, VirtualClock, run_virtual

DAY_SECONDS = 86_400
SECOND = 1_000_000_000


def test_sleeping_takes_virtual_time_to_the_nanosecond() -> None:
    async def main() -> float:
        for _ in range(3):
            await asyncio.sleep(30 * DAY_SECONDS)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 90 * DAY_SECONDS


def test_timers_come_in_the_order_of_time_whoever_set_them_first() -> None:
    async def main() -> list[str]:
        told: list[str] = []

        async def tell(seconds: float, word: str) -> None:
            await asyncio.sleep(seconds)
            told.append(word)

        async with asyncio.TaskGroup() as group:
            for seconds, word in ((3.0, "third"), (1.0, "first"), (2.0, "second")):
                group.create_task(tell(seconds, word))
        return told

    assert run_virtual(main()) == ["first", "second", "third"]


def test_a_deadline_passes_in_virtual_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(8.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 8.0


def test_waiting_for_what_can_never_come_is_a_deadlock_that_names_the_task() -> None:
    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(waits_for_nobody(), name="the lonely one")

    with pytest.raises(Deadlock, match=r"the lonely one: .*waits_for_nobody"):
        run_virtual(main())


def test_turning_in_circles_without_time_is_a_livelock() -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="time stands still"):
        run_virtual(main())


def test_a_long_run_of_short_sleeps_is_no_livelock() -> None:
    async def main() -> float:
        for _ in range(1_000):
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(1.0)


def test_work_for_a_thread_is_done_at_once_and_here() -> None:
    async def main() -> tuple[int, float]:
        return await asyncio.to_thread(divmod, 7, 2), asyncio.get_running_loop().time()  # type: ignore[return-value]

    assert run_virtual(main()) == ((3, 1), 0.0)


def test_what_work_for_a_thread_raises_reaches_the_one_who_asked() -> None:
    async def main() -> None:
        await asyncio.to_thread(divmod, 7, 0)

    with pytest.raises(ZeroDivisionError):
        run_virtual(main())


def drawn(seed: int) -> Callable[[int], int]:
    generator = np.random.default_rng(seed)
    return lambda count: int(generator.integers(count))


async def _race() -> str:
    told: list[str] = []

    async def tell(word: str) -> None:
        await asyncio.sleep(0)
        told.append(word)

    async with asyncio.TaskGroup() as group:
        for word in "abcdefgh":
            group.create_task(tell(word))
    return "".join(told)


def test_ready_callbacks_run_in_their_order_unless_another_is_chosen() -> None:
    assert run_virtual(_race()) == "abcdefgh"
    orders = {run_virtual(_race(), drawn(seed)) for seed in range(10)}
    assert len(orders) > 5


def test_the_same_choice_gives_the_same_order() -> None:
    assert run_virtual(_race(), drawn(3)) == run_virtual(_race(), drawn(3))


def test_the_wall_clock_follows_the_loop_and_can_be_set() -> None:
    async def main() -> list[int]:
        clock = VirtualClock(asyncio.get_running_loop(), start=1_000 * SECOND)
        readings = [clock.now()]
        await asyncio.sleep(2.5)
        readings.append(clock.now())
        clock.step(-100 * SECOND)
        readings.append(clock.now())
        await asyncio.sleep(1.0)
        return [*readings, clock.now()]

    assert run_virtual(main()) == [1_000 * SECOND, 1_002_500_000_000, 902_500_000_000, 903_500_000_000]


def test_tasks_that_are_left_are_cancelled_at_the_end() -> None:
    ended: list[str] = []

    async def lasts() -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append("cancelled")

    async def main() -> None:
        task = asyncio.create_task(lasts())
        await asyncio.sleep(1)
        assert not task.done()

    run_virtual(main())
    assert ended == ["cancelled"]
