"""Known faults planted into the client, each of which the simulation must find.

A mutant is a context manager that changes the client while it is open. Where other layers hide the fault, `without`
names those that are switched off with it: a fault must be found even where nothing else makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from attrs import frozen

from tests.faults.campaign import in_processes
from tests.faults.changes import CHANGES
from tests.faults.setup import Setup
from tests.faults.simulation import simulate

Change = Callable[[], AbstractContextManager[Any]]

UNJUDGED = "without judging protection"
ONLY_TOGETHER = ("stop for the ordered quantity", "stop for twice the quantity", "no stop for 1 in 8")
"""Alone the client notices these itself and tells people, which is all that the invariant asks."""

MUTANTS: dict[str, tuple[str, ...]] = {
    name: (name,) for name in CHANGES if not name.startswith("without ") and name not in ONLY_TOGETHER
} | {
    **{f"{name}, unjudged": (name, UNJUDGED) for name in ONLY_TOGETHER},
    "no reconcile, no questions": ("no reconcile", "without questions"),
    "liquidation ignored, no reconcile": ("liquidation ignored", "no reconcile"),
    "orphans stay, no surplus check": ("orphans stay", "surplus stays"),
    "late fill on the next trade, orphans stay": (
        "late fill on the next trade", "left-overs do not block", "orphans stay",
    ),
    "no alarm, cancelled stop not replaced": ("no alarm", "cancelled stop not replaced", "without ticks of protection"),
}  # fmt: skip
"""The changes that make up each mutant: one, or one with a layer that would have hidden it."""

QUICK = (
    "commands before the commit", "time-out is a refusal", "blind resend", "entries ignore live entries",
    "not found is a refusal", "stop for the ordered quantity, unjudged", "exit without reduce-only",
    "no stop for 1 in 8, unjudged",
)  # fmt: skip


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
        setup = Setup.drawn(seed, hours)
        outcome = simulate(setup, planted(name))
        if outcome.breaches and not simulate(setup).breaches:
            return Death(name, seed, str(outcome.breaches[0]), tried)
    return Death(name, None, tried=len(seeds))


def _hunted(task: tuple[str, Sequence[int], float]) -> Death:
    return hunt(*task)


def deaths(names: Sequence[str], seeds: Sequence[int], hours: float, workers: int) -> Iterator[Death]:
    """Yield how each mutant died."""
    yield from in_processes(_hunted, [(name, seeds, hours) for name in names], workers)
