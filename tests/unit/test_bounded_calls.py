"""Calls with a deadline: what a plugin that hangs costs, and what it can still reach."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from atlas_core.errors import ComponentHung, ContractError, EngineError
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.live import LiveMarket
from atlas_core.model.instrument import Instrument
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.runtime.bounded_calls import DECIDER_SECONDS, GRACE_SECONDS, BackgroundCalls, BoundedCalls, GivenUp
from tests.memory import flat

BRIEFLY = 0.05


@pytest.fixture
def calls() -> Iterator[BoundedCalls]:
    """Give calls that wait as long as it takes."""
    with BoundedCalls(seconds=30) as made:
        yield made


@pytest.fixture
def impatient() -> Iterator[BoundedCalls]:
    """Give calls that wait for hundredths of seconds."""
    with BoundedCalls(seconds=BRIEFLY) as made:
        yield made


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Give what a hanging plugin waits for; it is let go in the end."""
    event = threading.Event()
    yield event
    event.set()


def hung(calls: BoundedCalls, component: str, ask: Callable[[], object]) -> str:
    with pytest.raises(ComponentHung) as caught:
        calls(component, ask)
    return str(caught.value)


def ends(thread: threading.Thread) -> bool:
    thread.join(10)
    return not thread.is_alive()


def test_an_answer_comes_back_from_another_thread_the_same_for_every_call(calls: BoundedCalls) -> None:
    threads = [calls("gate a", threading.get_ident), calls("gate b", threading.get_ident)]
    assert threads[0] == threads[1] != threading.get_ident()


@pytest.mark.parametrize("error", [ZeroDivisionError("no range"), ContractError("garbage"), RecursionError()])
def test_what_a_plugin_raises_is_raised_here(calls: BoundedCalls, error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        calls("gate", fail)
    assert caught.value is error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_the_process_is_only_a_broken_contract(calls: BoundedCalls, error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(ContractError, match=type(error).__name__):
        calls("gate", fail)
    assert calls("gate", lambda: 5) == 5


def test_a_call_that_hangs_ends_here_after_its_deadline_and_others_go_on(
    impatient: BoundedCalls, gate: threading.Event
) -> None:
    assert hung(impatient, "gate", gate.wait) == "no answer within 0.05 s"
    assert impatient.lost.names() == ("gate",)
    assert impatient("sizer", lambda: 5) == 5


def test_a_component_that_holds_a_lost_thread_is_not_called_again_before_it_came_back(
    impatient: BoundedCalls, gate: threading.Event
) -> None:
    hung(impatient, "gate", gate.wait)
    asked: list[int] = []
    assert hung(impatient, "gate", lambda: asked.append(1)) == "an earlier call has not come back yet"
    assert asked == []
    [thread] = [thread for thread in threading.enumerate() if thread.name == "decider"]
    gate.set()
    assert ends(thread)
    assert impatient.lost.names() == ()
    impatient("gate", lambda: asked.append(1))
    assert asked == [1]


def test_an_answer_that_comes_too_late_is_nobodys_answer(impatient: BoundedCalls, gate: threading.Event) -> None:
    def late() -> str:
        gate.wait()
        return "late"

    hung(impatient, "gate", late)
    gate.set()
    assert impatient("sizer", lambda: "sizer") == "sizer"


def test_twenty_components_that_hang_within_one_instant_cost_less_than_two_seconds(
    impatient: BoundedCalls, gate: threading.Event
) -> None:
    waits = []
    for number in range(20):
        impatient.seconds = DECIDER_SECONDS
        waits.append(impatient.deadline_seconds)
        impatient.seconds = 0
        hung(impatient, f"gate {number}", gate.wait)
    assert waits[:4] == [0.5, 0.25, 0.125, 0.0625]
    assert sum(waits) + 20 * GRACE_SECONDS < 2.0


@pytest.mark.parametrize("kind", ["loop", "loop that catches"])
def test_a_thread_that_loops_in_python_is_ended(impatient: BoundedCalls, kind: str) -> None:
    def spin() -> None:
        while True:
            pass

    def stubborn() -> None:
        with suppress(ValueError):
            spin()

    hung(impatient, "gate", spin if kind == "loop" else stubborn)
    for thread in threading.enumerate():
        if thread.name == "decider":
            assert ends(thread)
    assert impatient.lost.names() == ()


def test_a_thread_that_swallowed_the_request_to_end_is_asked_again(impatient: BoundedCalls) -> None:
    swallowed: list[type[BaseException]] = []

    def loops() -> None:
        while True:
            try:
                while True:
                    pass
            except BaseException as error:
                if swallowed:
                    raise
                swallowed.append(type(error))

    hung(impatient, "gate", loops)
    for thread in threading.enumerate():
        while thread.name == "decider" and thread.is_alive():
            impatient.lost.names()
            thread.join(0.01)
    assert swallowed == [GivenUp]
    assert impatient.lost.names() == ()


def test_leaving_ends_the_thread(calls: BoundedCalls) -> None:
    thread = calls("gate", threading.current_thread)
    with calls:
        pass
    assert ends(thread)


def test_a_lost_call_can_read_no_bars_while_others_write_them(impatient: BoundedCalls, gate: threading.Event) -> None:
    feed = BarFeed("X", parse_timeframe("1m"))
    for bar in flat(range(3)):
        feed.append(bar.opened_at, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
    bars = impatient.lease(LiveMarket({"X": feed}, {"X": Instrument("X")}))
    seen: list[object] = []
    over = threading.Event()

    def slow() -> None:
        seen.append(len(bars.bars("X", "1m")))
        with suppress(BaseException):
            gate.wait()
        try:
            bars.bars("X", "1m")
        except ComponentHung as error:
            seen.append(str(error))
        over.set()

    hung(impatient, "gate", slow)
    assert len(bars.bars("X", "1m")) == 3  # the session itself always reads
    assert impatient("sizer", lambda: len(bars.bars("X", "1m"))) == 3
    gate.set()
    assert over.wait(10)
    assert seen == [3, "this call is not waited for any more"]


def in_background(test: Callable[[BackgroundCalls], object]) -> None:
    async def run() -> None:
        with closing(BackgroundCalls()) as calls:
            await test(calls)  # type: ignore[misc]

    asyncio.run(asyncio.wait_for(run(), 30))


def test_the_loop_goes_on_while_a_scanner_works(gate: threading.Event) -> None:
    async def test(calls: BackgroundCalls) -> None:
        answer = calls.begin("scanner", gate.wait)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not answer.done()
        gate.set()
        assert await answer

    in_background(test)


def test_each_scanner_keeps_its_own_thread() -> None:
    async def test(calls: BackgroundCalls) -> None:
        first = [await calls.begin(name, threading.get_ident) for name in "aba"]
        assert first[0] == first[2] != first[1]

    in_background(test)


def test_a_scanner_is_called_once_at_a_time(gate: threading.Event) -> None:
    async def test(calls: BackgroundCalls) -> None:
        answer = calls.begin("scanner", gate.wait)
        with pytest.raises(EngineError, match="one call at a time"):
            calls.begin("scanner", gate.wait)
        gate.set()
        await answer
        await asyncio.sleep(0)
        assert not calls.is_busy("scanner")

    in_background(test)


def test_a_scanner_that_is_given_up_is_lost_until_its_thread_is_back(gate: threading.Event) -> None:
    async def test(calls: BackgroundCalls) -> None:
        calls.begin("scanner", gate.wait).cancel()
        await asyncio.sleep(0)
        assert calls.lost.names() == ("scanner",)
        with pytest.raises(ComponentHung):
            calls.begin("scanner", gate.wait)

    in_background(test)


def test_errors_of_every_kind_reach_whoever_awaits() -> None:
    async def test(calls: BackgroundCalls) -> None:
        def leave() -> None:
            raise SystemExit(3)

        with pytest.raises(ContractError, match="SystemExit: 3"):
            await calls.begin("scanner", leave)
        with pytest.raises(ZeroDivisionError):
            await calls.begin("scanner", lambda: 1 / 0)

    in_background(test)


def test_closing_after_the_loop_gives_up_what_still_runs(gate: threading.Event) -> None:
    calls = BackgroundCalls()

    async def begin() -> None:
        calls.begin("slow", gate.wait)

    asyncio.run(begin())
    calls.close()
    assert calls.lost.names() == ("slow",)


def test_closing_leaves_no_thread_behind_that_could_end(gate: threading.Event) -> None:
    before = set(threading.enumerate())

    async def test(calls: BackgroundCalls) -> None:
        await calls.begin("quick", lambda: None)
        calls.begin("slow", gate.wait)

    in_background(test)
    gate.set()
    assert all(ends(thread) for thread in set(threading.enumerate()) - before)
