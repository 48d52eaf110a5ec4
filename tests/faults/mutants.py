"""Known faults planted into the client, each of which the simulation must find.

A mutant is a context manager that changes the client while it is open. Where other layers hide the fault, `without`
names those that are switched off with it: a fault must be found even where nothing else makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from typing import Any

from attrs import frozen

from tests.faults.campaign import in_processes
from tests.faults.changes import CHANGES
from tests.faults.setup import Setup
from tests.faults.simulation import simulate

Change = Callable[[], AbstractContextManager[Any]]

UNJUDGED = "without judging protection"
NOTICED = ("stop for the ordered quantity", "stop for twice the quantity", "no stop for 1 in 8")
"""Alone the client notices these itself and tells people, which is all that the invariant asks."""

HIDDEN = (
    *NOTICED, "late fill on the next trade", "liquidation ignored", "one answer is a proof", "stop not released",
    "orphans stay", "prices in any order",
)  # fmt: skip
"""Alone another layer makes up for these: each is planted only with that layer switched off."""

MUTANTS: dict[str, tuple[str, ...]] = {
    name: (name,) for name in CHANGES if not name.startswith("without ") and name not in HIDDEN
} | {
    **{f"{name}, unjudged": (name, UNJUDGED) for name in NOTICED},
    "one answer is a proof, without a span": ("one answer is a proof", "proof without a span"),
    "prices in any order, however old": ("prices in any order", "old prices count"),
    "no reconcile, no questions": ("no reconcile", "without questions"),
    "liquidation ignored, no reconcile": ("liquidation ignored", "no reconcile"),
    "stop not released, orphans stay": ("stop not released", "orphans stay"),
    "orphans stay, no surplus check": ("orphans stay", "surplus stays"),
    "late fill on the next trade, orphans stay": (
        "late fill on the next trade", "left-overs do not block", "orphans stay",
    ),
    "no alarm, cancelled stop not replaced": ("no alarm", "cancelled stop not replaced", "without ticks of protection"),
}  # fmt: skip
"""The changes that make up each mutant: one, or one with a layer that would have hidden it."""

SEARCHED = (
    "data may be old", "late bars are fresh", "old prices count", "prices in any order, however old",
    "entries ignore live entries", "entries sent however old", "exit does not wait for its stop",
    "exit on the wrong side", "fees not booked", "handed over for ever", "kill read from memory",
    "late fill on the next trade, orphans stay", "left-overs do not block", "no limit on positions",
    "orders of a read ignored", "orphans stay, no surplus check", "overdue withdrawal told to nobody",
    "overfill cut off", "proof without a read", "reads may be old", "records lost on their way",
    "second exit beside the first",
    "signals never expire", "stop not released, orphans stay",
    "stops withdrawn at restart", "strays left alone", "surplus stays",
    "throttle not obeyed", "unanswered orders explain nothing",
)  # fmt: skip
"""Mutants that take long: they show themselves in rare states only, or send orders without end."""

QUICK = tuple(name for name in MUTANTS if name not in SEARCHED)


@frozen
class Death:
    """Where a mutant died: the first seed that found it, None when it lived."""

    name: str
    seed: int | None
    breach: str = ""
    tried: int = 0

    def line(self) -> str:
        """Return the death for people."""
        if self.seed is None:
            return f"ALIVE  {self.name} after {self.tried} seeds"
        return f"died   {self.name} at seed {self.seed}: {self.breach[:110]}"


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Change the client as a mutant does."""
    with ExitStack() as stack:
        for part in MUTANTS[name]:
            stack.enter_context(CHANGES[part]())
        yield


def hunt(name: str, seeds: Sequence[int], hours: float) -> Death:
    """Run a mutant over seeds until an invariant breaks that holds without it."""
    for tried, seed in enumerate(seeds, 1):
        outcome = simulate(Setup.drawn(seed, hours), planted(name), stops_at_breach=True)
        if outcome.breaches and _holds(seed, hours):
            return Death(name, seed, str(outcome.breaches[0]), tried)
    return Death(name, None, tried=len(seeds))


@lru_cache
def _holds(seed: int, hours: float) -> bool:
    """Tell whether the client as it is holds every invariant under a seed."""
    return not simulate(Setup.drawn(seed, hours)).breaches


def _hunted(task: tuple[str, Sequence[int], float]) -> Death:
    return hunt(*task)


def deaths(names: Sequence[str], seeds: Sequence[int], hours: float, workers: int) -> Iterator[Death]:
    """Yield how each mutant died."""
    yield from in_processes(_hunted, [(name, seeds, hours) for name in names], workers)
