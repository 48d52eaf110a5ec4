"""Calls plugins in threads, with a deadline: a plugin that hangs costs its caller a bounded time, once.

Python cannot end a thread from outside. A thread whose call is late is given up: it is asked to stop by an exception
raised inside of it (which ends a loop, but not a call into the system), its market is taken away, and a new thread
takes its place. The component that holds a lost thread is not called again before that thread has come back, so that
there is never more than one lost thread for each component. A call that keeps the interpreter's lock (a regular
expression that never ends) stops every thread; only the watchdog of the process helps against that.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from attrs import define, field, frozen

from atlas_core.errors import ComponentHung, ContractError, EngineError, cause_of
from atlas_core.marketdata.forming import Forming
from atlas_core.marketdata.history import BarSource
from atlas_core.model.bars import Bars
from atlas_core.model.instrument import Instrument

T = TypeVar("T")

DECIDER_SECONDS = 0.5
SCANNER_SECONDS = 60.0
GRACE_SECONDS = 0.02


@frozen
class _Outcome:
    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        if self.error is None:
            return self.value
        if isinstance(self.error, Exception):
            raise self.error
        raise ContractError(cause_of(self.error)) from self.error


@frozen
class _Job:
    ask: Callable[[], Any]
    deliver: Callable[[_Outcome], None]


class GivenUp(BaseException):
    """Raised inside a lost thread, to end it."""


class Worker:
    """One thread that runs jobs, one after the other, and hands over what each returned or raised."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.is_working = False
        # A thread that hangs must not keep the process from ending, therefore a daemon.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def identity(self) -> int | None:
        """Return the identity of the thread."""
        return self._thread.ident

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def start(self, job: _Job) -> None:
        """Run a job as soon as the ones before it are done."""
        self._jobs.put(job)

    def close(self) -> None:
        """Let the thread end after its jobs."""
        self._jobs.put(None)

    def give_up(self) -> None:
        """Ask the thread to end, by an exception where its Python code stands, or after its job.

        To be asked again while it is alive: code that takes every exception, such as a callback of the garbage
        collector that happens to run, swallows this one.
        """
        if self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(GivenUp))
        self.close()

    def _run(self) -> None:
        with suppress(GivenUp):
            while (job := self._jobs.get()) is not None:
                self.is_working = True
                outcome = _outcome_of(job.ask)
                self.is_working = False
                job.deliver(outcome)


def _outcome_of(ask: Callable[[], Any]) -> _Outcome:
    try:
        return _Outcome(ask())
    except BaseException as error:  # whatever a plugin raises is told to the caller, nothing ends the thread
        return _Outcome(error=error)


@define(eq=False)
class LostThreads:
    """The threads that were given up, by component; one that has ended is struck off."""

    _by_component: dict[str, Worker] = field(factory=dict)

    def add(self, component: str, worker: Worker) -> None:
        """Give a thread up."""
        self._by_component[component] = worker
        worker.give_up()

    def names(self) -> tuple[str, ...]:
        """Return the components whose thread has not come back; each of them is asked once more to end."""
        for component, worker in list(self._by_component.items()):
            if worker.is_working:
                worker.give_up()
            elif not worker.is_alive:
                del self._by_component[component]
        return tuple(self._by_component)

    def require_back(self, component: str) -> None:
        """Raise ComponentHung while a component still holds a lost thread."""
        if component in self._by_component and component in self.names():
            raise ComponentHung("an earlier call has not come back yet")


@define(eq=False)
class Lease:
    """Who may read, one call at a time: the thread that made the lease, and the thread `holder`."""

    holder: int | None = None
    owner: int = field(factory=threading.get_ident)
    lock: threading.Lock = field(factory=threading.Lock)

    def revoke(self) -> None:
        """Let nobody read any more; returns when nobody does."""
        with self.lock:
            self.holder = None


@define(eq=False)
class BoundedCalls:
    """Calls deciders for the engine: each in a worker thread, which the caller waits for up to a deadline.

    The deadline halves with every component that holds a lost thread: twenty components that hang within one instant
    cost less than two seconds together. Use it as a context manager.
    """

    seconds: float = DECIDER_SECONDS
    lost: LostThreads = field(factory=LostThreads)
    _answers: SimpleQueue[_Outcome] = field(factory=SimpleQueue)
    _worker: Worker | None = None
    _reading: Lease = field(factory=Lease)

    def __enter__(self) -> BoundedCalls:
        return self

    def __exit__(self, *details: object) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __call__(self, component: str, ask: Callable[[], T], /) -> T:
        """Return what `ask` returns; raises what it raises, and ComponentHung when it takes too long."""
        self.lost.require_back(component)
        worker = self._worker
        if worker is None:
            worker = self._worker = Worker("decider")
        self._reading.holder = worker.identity
        worker.start(_Job(ask, self._answers.put))
        seconds = self.deadline_seconds
        outcome = self._wait(seconds)
        if outcome is None:
            self._give_up(component, worker)
            raise ComponentHung(f"no answer within {seconds:g} s")
        return outcome.result()  # type: ignore[no-any-return]

    @property
    def deadline_seconds(self) -> float:
        """Return how long the next call is waited for."""
        return max(GRACE_SECONDS, self.seconds / 2.0 ** len(self.lost.names()))

    def lease(self, source: BarSource) -> LeasedBars:
        """Return bars that a decider can read as long as its call is waited for, and not later."""
        return LeasedBars(source, self._reading)

    def _wait(self, seconds: float) -> _Outcome | None:
        """Wait for the answer; once more briefly, for the case that the process stood still and not the plugin."""
        for timeout in (seconds, GRACE_SECONDS):
            with suppress(Empty):
                return self._answers.get(timeout=timeout)
        return None

    def _give_up(self, component: str, worker: Worker) -> None:
        self._reading.revoke()
        self._answers = SimpleQueue()  # what comes too late has no reader
        self._worker = None
        self.lost.add(component, worker)


@frozen
class LeasedBars(BarSource):
    """Bars for the one thread that holds the lease: a thread that was given up cannot read while others write."""

    _source: BarSource
    _lease: Lease

    def instrument(self, symbol: str) -> Instrument:
        """Return the tick, lot and kind of a symbol."""
        return self._source.instrument(symbol)

    def bars(self, symbol: str, timeframe: str) -> Bars:
        """Return closed bars, oldest first; raises ComponentHung in a thread that was given up."""
        with self._lease.lock:
            self._require_lease()
            return self._source.bars(symbol, timeframe)

    def formed_until(self, symbol: str, timeframe: str, at: int) -> Forming:
        """Return the current bar of a timeframe at `at`; raises ComponentHung in a thread that was given up."""
        with self._lease.lock:
            self._require_lease()
            return self._source.formed_until(symbol, timeframe, at)

    def _require_lease(self) -> None:
        if threading.get_ident() not in (self._lease.holder, self._lease.owner):
            raise ComponentHung("this call is not waited for any more")


@define(eq=False)
class BackgroundCalls:
    """Calls scanners beside the event loop: each in a thread of its own, while everything else goes on.

    A thread is made when a component is called for the first time, kept for its next calls, and ends with `close`.
    """

    seconds: float = SCANNER_SECONDS
    lost: LostThreads = field(factory=LostThreads)
    _workers: dict[str, Worker] = field(factory=dict)
    _busy: dict[str, asyncio.Future[Any]] = field(factory=dict)

    def is_busy(self, component: str) -> bool:
        """Tell whether a component still works on its last call."""
        return component in self._busy

    def begin(self, component: str, ask: Callable[[], T]) -> asyncio.Future[T]:
        """Start a call; the future that is returned gets what `ask` returns or raises. Give it up by `cancel`.

        Raises ComponentHung while the component holds a lost thread, and EngineError while it is busy.
        """
        if self.is_busy(component):
            raise EngineError(f"{component}: expected one call at a time, the last one is not done")
        self.lost.require_back(component)
        loop = asyncio.get_running_loop()
        answer = self._busy[component] = loop.create_future()

        def deliver(outcome: _Outcome) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for this any more
                loop.call_soon_threadsafe(_settle, answer, outcome)

        worker = self._workers.get(component)
        if worker is None:
            worker = self._workers[component] = Worker(component)
        answer.add_done_callback(lambda answer: self._done(component, answer))
        worker.start(_Job(ask, deliver))
        return answer

    def close(self) -> None:
        """Give up what still runs, and let the other threads end."""
        for component, answer in list(self._busy.items()):
            self.lost.add(component, self._workers.pop(component))
            if not answer.get_loop().is_closed():
                answer.cancel()
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _done(self, component: str, answer: asyncio.Future[Any]) -> None:
        del self._busy[component]
        if not answer.cancelled():
            answer.exception()  # whoever asked may be gone; an error that nobody takes is not worth a message
        elif component in self._workers:
            self.lost.add(component, self._workers.pop(component))


def _settle(answer: asyncio.Future[Any], outcome: _Outcome) -> None:
    if answer.done():
        return
    try:
        answer.set_result(outcome.result())
    except Exception as error:
        answer.set_exception(error)
