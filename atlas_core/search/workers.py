"""Who makes the trials: this process, a pool of processes, or a cluster, all behind one executor each."""

from __future__ import annotations

import multiprocessing
import os
import sys
from abc import abstractmethod
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from attrs import define, field

from atlas_core.errors import AtlasError, MissingExtra, UsageError
from atlas_core.search.ledger import Trial
from atlas_core.search.worker import Assignment, Task, Workbench, begin_worker, make_trial

WAITING_FOR_EACH = 2
"""Trials that are handed out for each worker: one that runs and one that waits, so that nobody idles."""

CONNECT_SECONDS = 15


class Workers(Protocol):
    """Makes trials, some at a time."""

    @abstractmethod
    def describe(self) -> str:
        """Return who works, in words."""

    @abstractmethod
    def capacity(self) -> int:
        """Return how many trials should be handed out at once."""

    @abstractmethod
    def submit(self, task: Task) -> Future[Trial]:
        """Hand out a trial."""

    @abstractmethod
    def is_death(self, fault: BaseException) -> bool:
        """Tell whether a fault means that the process died which made the trial."""

    @abstractmethod
    def renew(self, *, alone: bool) -> None:
        """Begin again after a death; `alone` makes one trial at a time, so that the next death has one cause."""

    @abstractmethod
    def close(self, *, at_once: bool = False) -> None:
        """Let the workers go; `at_once` does not wait for what they are doing."""


@define
class ThisProcess(Workers):
    """Makes each trial when it is handed out: nothing to start, nothing to send."""

    bench: Workbench

    def describe(self) -> str:
        """Return the words for this process."""
        return "this process"

    def capacity(self) -> int:
        """Return one."""
        return 1

    def submit(self, task: Task) -> Future[Trial]:
        """Make the trial."""
        future: Future[Trial] = Future()
        try:
            future.set_result(self.bench.trial(task))
        except Exception as fault:
            future.set_exception(fault)
        return future

    def is_death(self, fault: BaseException) -> bool:
        """Tell that nobody else can die here."""
        del fault
        return False

    def renew(self, *, alone: bool) -> None:
        """Do nothing."""

    def close(self, *, at_once: bool = False) -> None:
        """Do nothing."""


@define
class ProcessPool(Workers):
    """Processes of this machine, which are not forked from this one: its threads and locks stay its own."""

    assignment: Assignment
    count: int
    _executor: ProcessPoolExecutor = field(init=False)
    _is_alone: bool = False

    def __attrs_post_init__(self) -> None:
        self._executor = self._made(self.count)

    def describe(self) -> str:
        """Return the number of processes."""
        return f"{self.count} process{'es' if self.count > 1 else ''}"

    def capacity(self) -> int:
        """Return two for each process, or one after a death."""
        return 1 if self._is_alone else self.count * WAITING_FOR_EACH

    def submit(self, task: Task) -> Future[Trial]:
        """Send a trial to the pool."""
        try:
            return self._executor.submit(make_trial, self.assignment, task)
        except BrokenProcessPool as fault:  # a worker died between two trials
            future: Future[Trial] = Future()
            future.set_exception(fault)
            return future

    def is_death(self, fault: BaseException) -> bool:
        """Tell whether the pool broke because a process was gone."""
        return isinstance(fault, BrokenProcessPool)

    def renew(self, *, alone: bool) -> None:
        """Make a new pool."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._is_alone = alone
        self._executor = self._made(1 if alone else self.count)

    def close(self, *, at_once: bool = False) -> None:
        """End the processes."""
        if at_once:
            for process in multiprocessing.active_children():
                process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _made(self, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(count, mp_context=process_context(), initializer=begin_worker)


def process_context() -> Any:
    """Return how processes are started: from a server that has everything imported, where the system has that."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["atlas_core.search.worker"])
    return context


def usable_processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@define
class Cluster(Workers):
    """The workers of a Dask scheduler, on this machine or on others."""

    assignment: Assignment
    address: str
    _client: Any = field(init=False)
    _executor: Executor = field(init=False)
    _threads: int = 0
    _is_alone: bool = False

    def __attrs_post_init__(self) -> None:
        self._client = _connected(self.address)
        self._executor = self._client.get_executor(pure=False)
        self._count_threads()

    def describe(self) -> str:
        """Return the cluster's size and address."""
        return f"{self._threads} workers at {self.address}"

    def capacity(self) -> int:
        """Return two for each thread of the cluster, or one after a death."""
        return 1 if self._is_alone else self._threads * WAITING_FOR_EACH

    def _count_threads(self) -> None:
        self._threads = max(1, sum(self._client.nthreads().values()))

    def submit(self, task: Task) -> Future[Trial]:
        """Send a trial to the scheduler."""
        return self._executor.submit(make_trial, self.assignment, task)

    def is_death(self, fault: BaseException) -> bool:
        """Tell whether the scheduler gave a trial up because its workers died."""
        from distributed.scheduler import KilledWorker

        return isinstance(fault, KilledWorker)

    def renew(self, *, alone: bool) -> None:
        """Go on with the workers that are left: the scheduler knows them."""
        self._is_alone = alone
        self._count_threads()

    def close(self, *, at_once: bool = False) -> None:
        """Leave the cluster, which then drops what nobody waits for; it goes on for others."""
        self._executor.shutdown(wait=not at_once)
        self._client.close()


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise MissingExtra("--cluster", ["distributed"], 'install it: pip install "atlas-trading[research]"') from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except ValueError as fault:
        raise UsageError(f"expected the address of a scheduler such as tcp://host:8786, was {address!r}") from fault
    except OSError as fault:
        raise AtlasError(f"expected a Dask scheduler at {address}, could not reach it: {fault}") from fault
    if not client.nthreads():
        client.close()
        raise AtlasError(f"expected workers at the scheduler {address}, there are none; start: dask worker {address}")
    return client
