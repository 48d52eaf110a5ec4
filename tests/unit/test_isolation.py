"""Adapters in event loops of their own: same behaviour, and one that blocks its loop blocks nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from attrs import define, field

from atlas_core.components import alerter as offer_alerter
from atlas_core.contracts import FundingProvider, HistoryRequest, Provider, QuoteProvider, StreamsQuotes
from atlas_core.errors import ComponentHung, DataError, VenueError
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.events import BarClosed
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.runtime.isolation import (
    PIPE_LENGTH,
    IsolatedAlerter,
    IsolatedProvider,
    Isolation,
    PluginLoop,
    venue_of,
)
from tests.memory import Mailbox, MemoryProvider, bar, flat, made, memory, records_of, script, system_of
from tests.systems import by_pump

REQUEST = HistoryRequest(symbols=("X",), timeframe=parse_timeframe("1m"))
ALERT = Alert(ts=1, severity=Severity.INFO, title="a")


@pytest.fixture
def other() -> Iterator[PluginLoop]:
    """Give a loop of another thread."""
    loop = PluginLoop("other")
    yield loop
    loop.close()
    loop._thread.join(10)
    assert not loop._thread.is_alive()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Give what blocks a loop; it is let go in the end."""
    event = threading.Event()
    yield event
    event.set()


def run(test: Callable[[], Awaitable[object]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


def test_calls_run_in_the_other_thread_and_bring_back_results_and_errors(other: PluginLoop) -> None:
    async def where() -> int:
        return threading.get_ident()

    async def fail() -> None:
        raise VenueError("no line")

    async def test() -> None:
        assert await other.call(where) == other._thread.ident != threading.get_ident()
        with pytest.raises(VenueError, match="no line"):
            await other.call(fail)

    run(test)


def test_a_plugin_that_asks_the_process_to_end_has_only_failed(other: PluginLoop) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def fine() -> int:
        return 5

    async def test() -> None:
        with pytest.raises(ComponentHung, match="SystemExit: 3"):
            await other.call(leave)
        assert await other.call(fine) == 5

    run(test)


def test_a_plugin_that_waits_for_a_task_that_it_cancelled_has_only_failed(other: PluginLoop) -> None:
    async def reconnect() -> None:
        reader = asyncio.ensure_future(asyncio.Event().wait())
        reader.cancel()
        await reader

    async def one_and_reconnect() -> AsyncIterator[int]:
        yield 1
        await reconnect()

    async def test() -> None:
        with pytest.raises(ComponentHung, match="CancelledError"):
            await other.call(reconnect)
        stream = other.stream(one_and_reconnect)
        assert await anext(stream) == 1
        with pytest.raises(ComponentHung, match="CancelledError"):
            async with asyncio.timeout(1):
                await anext(stream)

    run(test)


def test_a_loop_that_is_blocked_blocks_neither_this_one_nor_a_third(other: PluginLoop, gate: threading.Event) -> None:
    async def block() -> None:
        gate.wait()

    async def test() -> None:
        third = Mailbox()
        with Isolation() as isolation:
            calm = IsolatedAlerter(third, isolation.loop("third"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await other.call(block)
            await calm.send(ALERT)
        assert third.alerts == [ALERT]

    run(test)


def test_giving_up_a_call_cancels_it_in_its_loop(other: PluginLoop) -> None:
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def test() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await other.call(wait)

    run(test)
    assert ended.wait(10)


def test_a_stream_yields_the_same_in_the_same_order(other: PluginLoop) -> None:
    bars = flat(range(5 * PIPE_LENGTH))

    async def test() -> None:
        provider = IsolatedProvider(MemoryProvider(bars), other)
        assert [each async for each in provider.stream(REQUEST)] == bars

    run(test)


def test_what_a_stream_raises_is_raised_here_after_what_it_yielded(other: PluginLoop) -> None:
    async def test() -> None:
        provider = IsolatedProvider(MemoryProvider([], streamed=[bar(0), DataError("torn")]), other)
        stream = provider.stream(REQUEST)
        assert await anext(stream) == bar(0)
        with pytest.raises(DataError, match="torn"):
            await anext(stream)

    run(test)


@define
class Endless(MemoryProvider):
    """Streams without end and without ever waiting."""

    yielded: int = 0
    closed: threading.Event = field(factory=threading.Event)

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        try:
            while True:
                self.yielded += 1
                yield bar(self.yielded)
        finally:
            self.closed.set()


def test_a_stream_that_floods_runs_no_further_ahead_than_its_pipe(other: PluginLoop) -> None:
    inner = Endless([])

    async def test() -> None:
        stream = IsolatedProvider(inner, other).stream(REQUEST)
        for number in range(1, 11):
            assert await anext(stream) == bar(number)
        before = -1
        while before != inner.yielded:
            before = inner.yielded
            await asyncio.sleep(0.02)
        assert inner.yielded <= 10 + PIPE_LENGTH + 2
        await stream.aclose()  # type: ignore[attr-defined]

    run(test)
    assert inner.closed.wait(10)


def test_an_isolated_provider_offers_what_its_plugin_offers() -> None:
    class Plain(Provider):
        async def open(self) -> None: ...
        async def close(self) -> None: ...
        async def instruments(self, symbols: object) -> dict[str, object]:  # type: ignore[override]
            return {}

        async def history(self, request: object) -> dict[str, object]:  # type: ignore[override]
            return {}

        def stream(self, request: object) -> AsyncIterator[BarClosed]:
            raise NotImplementedError

    class Quoting(Plain):
        async def quotes(self, symbols: object) -> list[object]:
            return []

    class FundedAndQuoting(MemoryProvider):
        async def quotes(self, symbols: object) -> list[object]:
            return []

    class Streaming(Quoting):
        def quote_stream(self, symbols: object) -> AsyncIterator[object]:
            raise NotImplementedError

    with Isolation() as isolation:
        for made_by in (Plain, Quoting, Streaming, MemoryProvider, FundedAndQuoting):
            inner = made_by() if issubclass(made_by, Plain) else made_by([])
            outer = isolation.isolated(system_of(memory(inner), script())).provider
            assert isinstance(outer, IsolatedProvider)
            for ability in (FundingProvider, QuoteProvider, StreamsQuotes):
                assert isinstance(outer, ability) == isinstance(inner, ability), (made_by, ability)


def test_an_isolated_session_writes_the_same_journal() -> None:
    def parts() -> tuple[object, ...]:
        return memory(MemoryProvider(flat(range(50)))), script((5, "X", 1), (20, "X", -1)), mailbox

    mailbox = made(offer_alerter, "mail", Mailbox())
    direct = records_of(by_pump, system_of(*parts(), alerters=['use = "mail"']))  # type: ignore[arg-type]
    with Isolation() as isolation:
        system = isolation.isolated(system_of(*parts(), alerters=['use = "mail"']))  # type: ignore[arg-type]
        assert records_of(by_pump, system) == direct


def test_components_of_one_plugin_have_one_name_in_common() -> None:
    assert venue_of(Mailbox) == venue_of(MemoryProvider) == "plugin tests"
