"""An event loop that never waits: time jumps to the next thing that is due, so hours of a session take moments.

The loop has no threads and no sockets. What is given to an executor runs at once, inside the call. The same program on
it takes the same steps in every process.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.errors import AtlasError

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
Choose = Callable[[int], int]

MOST_ROUNDS_IN_AN_INSTANT = 100_000
RESOLUTION = 1e-9
"""Seconds by which timers may differ and still be due together, as on the clock of the machine."""

FEWEST_TO_SIFT = 100


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

    _stopping: bool  # of the base class

    def __init__(self, choose: Choose | None = None) -> None:
        super().__init__()
        self._now = 0.0
        self._rounds = 0
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[tuple[float, _Timer]] = []
        self._cancelled_timers = 0
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], None] = WeakKeyDictionary()
        self.set_task_factory(self._remembered)
        self._choose = choose

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """Arrange for a call in the next round."""
        handle = _Call(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Arrange for a call in `delay` seconds."""
        when = self._now + delay
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, (when, timer))
        return timer

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Arrange for a call at a time of this loop."""
        timer = _Timer(when, callback, args, self, context)
        heappush(self._scheduled, (when, timer))
        return timer

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

    def _run_once(self) -> None:
        """Run rounds until the loop is to stop: what the base class does one call at a time, without its waiting."""
        ready, choose = self._ready, self._choose
        while True:
            scheduled = self._scheduled
            if scheduled and (scheduled[0][1]._cancelled or len(scheduled) > FEWEST_TO_SIFT):
                self._drop_cancelled()
                scheduled = self._scheduled
            if ready or self._stopping or not self._jump():
                self._rounds += 1
                if self._rounds > MOST_ROUNDS_IN_AN_INSTANT:
                    self._rounds = 0  # what cancels the tasks must still run
                    raise Livelock(_told(f"time stands still at {self._now} s", asyncio.all_tasks(self)))
            end = self._now + RESOLUTION
            while scheduled and scheduled[0][0] < end:
                timer = heappop(scheduled)[1]
                timer.is_waiting = False
                ready.append(timer)
            for _ in range(len(ready)):
                if choose is not None and len(ready) > 1:
                    ready.rotate(-choose(len(ready)))
                handle: Any = ready.popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        told = {"message": f"Exception in callback {handle!r}", "exception": error, "handle": handle}
                        self.call_exception_handler(told)
            handle = None
            if self._stopping:
                return

    def _jump(self) -> bool:
        """Let time be that of the next timer instead of waiting for it; tell whether time has passed."""
        if not self._scheduled:
            raise Deadlock(_told("every task waits and nothing is due", asyncio.all_tasks(self)))
        due = self._scheduled[0][0]
        if due <= self._now:
            return False
        self._now, self._rounds = due, 0
        return True

    def _drop_cancelled(self) -> None:
        """Forget cancelled timers that are next, or all of them where they are the most."""
        scheduled = self._scheduled
        if len(scheduled) > FEWEST_TO_SIFT and self._cancelled_timers > len(scheduled) / 2:
            self._scheduled = [entry for entry in scheduled if not entry[1]._cancelled]
            heapify(self._scheduled)
            self._cancelled_timers = 0
            return
        while scheduled and scheduled[0][1]._cancelled:
            heappop(scheduled)
            self._cancelled_timers -= 1

    def _write_to_self(self) -> None:
        """Nobody waits, so nobody is woken."""


class _Call(asyncio.Handle):
    """A call that is to be made; made without asking for the loop's debug mode, which takes longer than the rest."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class _Timer(asyncio.TimerHandle):
    """A call that waits for its time."""

    __slots__ = ("is_waiting",)
    _cancelled: bool
    _loop: VirtualLoop

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        self._when = when
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self.is_waiting = True

    def cancel(self) -> None:
        """Let it not be called; the loop forgets it at its time, or before."""
        if not self._cancelled:
            self._loop._cancelled_timers += self.is_waiting
            self._cancelled = True


class VirtualClock:
    """The wall clock of a virtual loop: `start` (nanoseconds UTC) when the loop began, and as far on as the loop is.

    `step` sets it forward or back as a time server would; the loop's own time is monotonic and knows nothing of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, start: int) -> None:
        self._loop = loop
        self._offset = start
        self._slept = 0

    def now(self) -> int:
        """Return the time in nanoseconds, UTC."""
        return self._offset + round(self._loop.time() * NANOSECONDS_PER_SECOND)

    def elapsed_seconds(self) -> float:
        """Return the virtual seconds that have passed, with those that the machine slept."""
        return self._loop.time() + self._slept / NANOSECONDS_PER_SECOND

    def step(self, nanoseconds: int) -> None:
        """Set the clock by so much, forward or (below 0) back."""
        self._offset += nanoseconds

    def sleep(self, nanoseconds: int) -> None:
        """Let the machine have slept for so long: the loop does not know it."""
        self._offset += nanoseconds
        self._slept += nanoseconds


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
