"""Many runs in several processes, and what they have shown together."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from attrs import define, field, frozen

from atlas_core.children import end_with_parent
from tests.faults.coverage import SOMETIMES
from tests.faults.setup import Setup
from tests.faults.simulation import Outcome, simulate
from tests.faults.weather import KINDS

T = TypeVar("T")
R = TypeVar("R")


@frozen(kw_only=True)
class Result:
    """What one run has shown, small enough to pass between processes."""

    seed: int
    hours: float
    breaches: tuple[str, ...]
    struck: Counter[str]
    covered: Counter[str]
    crashes: int
    starts: int

    @classmethod
    def of(cls, outcome: Outcome) -> Result:
        """Keep the figures of an outcome."""
        return cls(
            seed=outcome.setup.seed,
            hours=outcome.hours,
            breaches=tuple(str(breach) for breach in outcome.breaches),
            struck=outcome.struck,
            covered=outcome.covered,
            crashes=outcome.crashes,
            starts=outcome.starts,
        )


@define
class Tally:
    """The sum of many results."""

    hours: float = 0.0
    seeds: int = 0
    crashes: int = 0
    starts: int = 0
    struck: Counter[str] = field(factory=Counter)
    covered: Counter[str] = field(factory=Counter)
    failed: list[Result] = field(factory=list)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.seeds += 1
        self.hours += result.hours
        self.crashes += result.crashes
        self.starts += result.starts
        self.struck += result.struck
        self.covered += result.covered
        if result.breaches:
            self.failed.append(result)

    def lines(self) -> Iterator[str]:
        """Return the figures for people."""
        faults, restarts = sum(self.struck.values()), self.starts - self.seeds
        yield f"{self.seeds} seeds, {self.hours:,.0f} simulated hours, {self.crashes:,} crashes, {restarts:,} restarts"
        yield f"{faults:,} faults of {len(self.struck)} kinds:"
        yield from _columns(f"{kind} {self.struck[kind]:,}" for kind in sorted(KINDS))
        yield f"rare states reached ({sum(1 for name in SOMETIMES if self.covered[name])} of {len(SOMETIMES)}):"
        yield from _columns(f"{name} {self.covered[name]:,}" for name in SOMETIMES)
        yield f"violations: {len(self.failed)} seeds"


def _columns(items: Iterable[str]) -> Iterator[str]:
    row: list[str] = []
    for item in items:
        row.append(f"  {item:38}")
        if len(row) == 3:
            yield "".join(row).rstrip()
            row = []
    if row:
        yield "".join(row).rstrip()


def run_one(setup: Setup) -> Result:
    """Run one setup; what is raised in it says under which seed."""
    try:
        return Result.of(simulate(setup))
    except Exception as error:
        error.add_note(f"in seed {setup.seed}, {setup.hours:g} h, prices from: {setup.feed}")
        raise


def results(setups: Sequence[Setup], workers: int | Executor) -> Iterator[Result]:
    """Yield the results of setups in their order."""
    yield from in_processes(run_one, setups, workers)


def _begin() -> None:
    """Let a process end with its parent, and collect what its runs leave without looking through all its modules."""
    end_with_parent()
    gc.freeze()


def processes(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes, a context manager; each of them imports everything anew."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)


def in_processes(act: Callable[[T], R], items: Sequence[T], workers: int | Executor) -> Iterator[R]:
    """Yield what `act` returns for each item, in their order, computed by so many processes or by those of a pool."""
    if isinstance(workers, Executor):
        yield from workers.map(act, items)
    elif workers <= 1:
        yield from map(act, items)
    else:
        with processes(workers) as pool:
            yield from pool.map(act, items)
