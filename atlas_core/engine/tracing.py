"""Finds out what the levels of an exit rule depend on: which changing facts of a position it looked at.

Rules are pure: as long as the facts that it looked at stay as they were, a rule gives the same levels again.
"""

from __future__ import annotations

from typing import Any

from attrs import fields

from atlas_core.model.portfolio import Position
from atlas_core.model.waiting import EVERYTHING, NOTHING, Waiting, waiting_for_price

CHANGING = frozenset({"highest", "lowest", "last_price", "bars_held"})
"""What a bar changes of a position; everything else changes with a fill, a charge or a record only."""


class TracedPosition(Position):
    """A position that notes which of its changing facts are looked at.

    Whoever makes another position of it looks at all of them, so that the other one need not note anything.
    """

    looked_at: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in CHANGING:
            looked_at = object.__getattribute__(self, "__dict__").get("looked_at")
            if looked_at is not None:
                looked_at.add(name)
        return object.__getattribute__(self, name)


def traced(position: Position) -> TracedPosition:
    """Return a position that notes what is looked at."""
    copy = object.__new__(TracedPosition)
    object.__setattr__(copy, "looked_at", set())
    for attribute in fields(Position):
        object.__setattr__(copy, attribute.name, getattr(position, attribute.name))
    return copy


def waiting_of(position: TracedPosition) -> Waiting:
    """Return what must happen before a rule that looked at a position could see it differently."""
    looked_at = position.looked_at
    if "last_price" in looked_at or "bars_held" in looked_at:
        return EVERYTHING
    waiting = NOTHING
    if "highest" in looked_at:
        waiting = waiting.also(waiting_for_price(position.highest, upward=True))
    if "lowest" in looked_at:
        waiting = waiting.also(waiting_for_price(position.lowest, upward=False))
    return waiting
