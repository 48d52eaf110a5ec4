"""An event loop that never waits: time jumps to the next thing that is due, so hours of a session take moments.

The loop has no threads and no sockets. What is given to an executor runs at once, inside the call. The same program on
it takes the same steps in every process.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.errors import AtlasError

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
Choose = Callable[[int], int]

MOST_ROUNDS_IN_AN_INSTANT = 100_000


class VirtualTimeError(AtlasError):
    """The program under test can never go on."""


class Deadlock(VirtualTimeError):
    """Nothing is due and nothing is ready: what every task waits for can never come."""


class Livelock(VirtualTimeError):
    """Callbacks call each other without end while no time passes."""


class VirtualLoop(BaseEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing is ready.

    `choose(n)` picks which of `n` ready callbacks runs next, by its index: one that draws from a seeded generator tries
    other interleavings than the loop's own order; without it they run in the order in which they became ready. Raises
    Deadlock and Livelock out of whatever runs the loop.
    """

    def __init__(self, choose: Choose | None = None) -> None:
        super().__init__()
        self._now = 0.0
        self._rounds = 0
        self._selector = self  # what the base class waits with: this loop jumps instead
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], None] = WeakKeyDictionary()
        self.set_task_factory(self._remembered)
        if choose is not None:
            self._ready = _Shuffled(choose)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Jump to the next timer instead of waiting for it; there are never any sockets."""
        if timeout is None:
            raise Deadlock(_told("every task waits and nothing is due", asyncio.all_tasks(self)))
        if timeout > 0:
            self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
            self._rounds = 0
        else:
            self._rounds += 1
            if self._rounds > MOST_ROUNDS_IN_AN_INSTANT:
                self._rounds = 0  # what cancels the tasks must still run
                raise Livelock(_told(f"time stands still at {self._now} s", asyncio.all_tasks(self)))
        return []

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """Return the tasks that are not done, oldest first; `asyncio.all_tasks` has no order that a process repeats."""
        return [task for task in self._tasks if not task.done()]

    def run_in_executor(
        self,
        executor: object,  # noqa: ARG002
        func: Callable[[*Arguments], T],
        *args: *Arguments,
    ) -> asyncio.Future[T]:
        """Call `func` at once, in this thread; the future that is returned is done."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def _remembered(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        self._tasks[task] = None
        return task

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no events but timers and callbacks."""

    def _write_to_self(self) -> None:
        """Nobody waits, so nobody is woken."""


class _Shuffled(deque[Any]):
    """Ready callbacks that leave in a chosen order."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self._choose = choose

    def popleft(self) -> Any:
        if len(self) > 1:
            self.rotate(-self._choose(len(self)))
        return super().popleft()


class VirtualClock:
    """The wall clock of a virtual loop: `start` (nanoseconds UTC) when the loop began, and as far on as the loop is.

    `step` sets it forward or back as a time server would; the loop's own time is monotonic and knows nothing of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: int) -> None:
        self._loop = loop
        self._offset = start

    def now(self) -> int:
        """Return the time in nanoseconds, UTC."""
        return self._offset + round(self._loop.time() * NANOSECONDS_PER_SECOND)

    def step(self, nanoseconds: int) -> None:
        """Set the clock by so much, forward or (below 0) back."""
        self._offset += nanoseconds


def run_virtual(main: Coroutine[Any, Any, T], choose: Choose | None = None) -> T:
    """Run `main` on a virtual loop of its own until it returns; return what it returned.

    Tasks that are left are cancelled, as by `asyncio.run`. Raises what `main` raises, Deadlock and Livelock.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(choose)) as runner:
        return runner.run(main)


def _told(what: str, tasks: set[asyncio.Task[Any]]) -> str:
    waiting = sorted(f"{task.get_name()}: {_place(task)}" for task in tasks)
    return "\n  ".join([f"{what}; unfinished tasks:", *(waiting or ["none"])])


def _place(task: asyncio.Task[Any]) -> str:
    stack = task.get_stack(limit=1)
    if not stack:
        return "not begun"
    frame = stack[-1]
    return f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
