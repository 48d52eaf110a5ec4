"""Holds the state that a journal gives against the state of the engine that wrote it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from atlas_core.engine.state import State
from atlas_core.errors import AtlasError
from atlas_core.journal import Journal
from atlas_core.journal.codec import CODEC
from atlas_core.model.record import Record
from atlas_core.runtime.session import Session

NOTES_OF_THE_MOMENT = {
    "last_price", "highest", "lowest", "bars_held", "lost_at", "is_from_touch", "is_withdrawn", "withdrawn_at",
    "asked_at", "times_asked", "is_missing", "exit_asked_at", "uncovered_since", "withdrawn_since", "is_overdue",
    "answered_at", "refusals", "refused_at", "reads_without", "instruments", "peak_equity", "day_equity",
    "moved_at",
}  # fmt: skip


def difference(session: Session, journal: Journal) -> str:
    """Return what differs between an engine's state and the fold of its journal, "" for nothing."""
    state = session.desk.engine.state
    folded = State(state.instruments)
    for record in journal.records():
        folded.apply(record)
    pairs = {name: (getattr(state, name), getattr(folded, name)) for name in _names_of(State)}
    wrong = {name: pair for name, pair in pairs.items() if not _are_alike(*pair)}
    return "; ".join(
        f"{name}: engine {_short(_facts(ours))}, journal {_short(_facts(theirs))}"
        for name, (ours, theirs) in wrong.items()
    )


def verified(disk: sqlite3.Connection, committed: Sequence[Record], *, decodes: bool) -> str:
    """Return what is wrong with a journal's file, its chain or what it holds, "" for nothing.

    The chain shows that it holds what was written, times and kinds that it holds the records that were committed. With
    `decodes` all of it is also compared with what the records give as text, and read back as records.
    """
    journal = Journal(disk, Path(":memory:"))
    try:
        journal.verify()
        told = disk.execute("SELECT ts, kind FROM event ORDER BY seq").fetchall()
        is_same = told == [(record.ts, record.kind) for record in committed]
        if is_same and decodes:
            stored = disk.execute("SELECT ts, kind, version, subject, payload FROM event ORDER BY seq").fetchall()
            is_same = stored == CODEC.encode(committed) and list(journal.records()) == list(committed)
    except AtlasError as error:
        return str(error)
    return "" if is_same else "it gives back other records than were committed"


def _are_alike(ours: Any, theirs: Any) -> bool:
    """Tell whether two values have the same facts; most of them are one and the same value of a record."""
    if ours is theirs:
        return True
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(_are_alike(ours[key], theirs[key]) for key in ours)
    names = _names_of(ours.__class__)
    if not names:
        return bool(ours == theirs)
    is_of_one_kind = ours.__class__ is theirs.__class__
    return is_of_one_kind and all(_are_alike(getattr(ours, name), getattr(theirs, name)) for name in names)


def _facts(value: Any) -> Any:
    """Return a state as plain values, without the notes that come back with the market."""
    if isinstance(value, dict):
        return {key: _facts(item) for key, item in value.items()}
    names = _names_of(value.__class__)
    return {name: _facts(getattr(value, name)) for name in names} if names else value


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    """Return what of a class counts; nothing where its values are compared whole, as those of the model are."""
    if kind.__module__.startswith("atlas_core.model."):
        return ()
    return tuple(a.name for a in getattr(kind, "__attrs_attrs__", ()) if a.name not in NOTES_OF_THE_MOMENT)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"
