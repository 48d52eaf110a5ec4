"""Known faults planted into the client, each of which the simulation must find.

A mutant is a context manager that changes the client while it is open. Where other layers hide the fault, `without`
names those that are switched off with it: a fault must be found even where nothing else makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.faults.changes import CHANGES

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


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Change the client as a mutant does."""
    with ExitStack() as stack:
        for part in MUTANTS[name]:
            stack.enter_context(CHANGES[part]())
        yield
