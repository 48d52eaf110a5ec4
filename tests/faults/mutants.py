"""Known faults planted into the client, each of which the simulation must find.

A mutant is a context manager that changes the client while it is open. Where other layers hide the fault, `without`
names those that are switched off with it: a fault must be found even where nothing else makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.faults.changes import CHANGES

UNJUDGED = "without judging protection"
NOTICED = (
    "stop for the ordered quantity", "stop for twice the quantity", "no stop for 1 in 8", "stops withdrawn at restart",
)  # fmt: skip
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


NEEDS: dict[str, tuple[str, ...]] = {
    "data may be old": ("data-stall",),
    "entries ignore live entries": ("submit-lost-response", "submit-late", "more symbols than positions"),
    "entries sent however old": ("submit-throttled",),
    "exit does not wait for its stop": ("holding venue", "exits by rule"),
    "exit on the wrong side": ("exits by rule",),
    "halt forgotten at restart": ("operator-halt", "crash"),
    "halt not obeyed": ("operator-halt",),
    "handed over for ever": ("cancel-stuck", "submit-lost-response", "holding venue", "exits by rule"),
    "kill read from memory": ("kill-file", "submit-throttled", "submit-not-sent"),
    "late bars are fresh": ("bar-late",),
    "late fill on the next trade, orphans stay": ("cancel-dropped", "cancel-stuck", "exits by rule"),
    "left-overs do not block": ("cancel-stuck", "cancel-dropped", "submit-lost-response"),
    "no limit on positions": ("more symbols than positions",),
    "old prices count": ("quote-stale", "streamed prices"),
    "orders of a read ignored": ("submit-very-late",),
    "orphans stay, no surplus check": ("crash-before-call", "stops outlive positions"),
    "overdue withdrawal told to nobody": ("cancel-stuck",),
    "overfill cut off": ("venue-overfill",),
    "prices in any order, however old": ("quote-reordered", "streamed prices"),
    "proof without a read": ("submit-dropped", "snapshot-5xx", "snapshot-hangs"),
    "reads may be old": ("snapshot-5xx", "snapshot-hangs"),
    "second exit beside the first": ("operator-close", "submit-lost-response", "exits by rule"),
    "signals never expire": ("crash",),
    "stop not released, orphans stay": ("stops outlive positions",),
    "stops withdrawn at restart, unjudged": ("crash", "stop-and-start"),
    "strays left alone": ("submit-very-late",),
    "streamed prices unheard": ("streamed prices",),
    "surplus stays": ("crash-before-call",),
    "throttle not obeyed": ("submit-throttled",),
    "unanswered orders explain nothing": ("stream-drop", "submit-5xx-after"),
    "wild prices count": ("quote-spike", "streamed prices"),
}
"""The faults of the weather, and the traits of venue and system, that make a mutant show itself."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Change the client as a mutant does."""
    with ExitStack() as stack:
        for part in MUTANTS[name]:
            stack.enter_context(CHANGES[part]())
        yield
