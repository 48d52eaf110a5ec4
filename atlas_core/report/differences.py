"""Where one run leaves another: the first record that differs, and who decided there."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from attrs import asdict, frozen

from atlas_core.model.records import Record

_DECIDERS = ("gate", "by", "sizer", "limit", "rule", "stop_rule", "component")
"""Fields of records that name who decided."""


@frozen
class Difference:
    """Where a run leaves a recorded one: `seq` is the event, or the one that would have come next.

    `cause` is who decided (`scanner strat`, `gate quality`, …) as far as the records tell; a side that has nothing
    there is empty. `fields` names what differs.
    """

    seq: int
    ts: int
    cause: str
    recorded: str
    replayed: str
    fields: tuple[str, ...] = ()


def difference_of(seq: int, recorded: Record | None, replayed: Record | None) -> Difference:
    """Return how two records at one place differ; at least one of them is there."""
    one = recorded or replayed
    assert one is not None
    fields = _fields(recorded, replayed)
    then, now = ("" if each is None else _shown(each, fields) for each in (recorded, replayed))
    return Difference(seq, one.ts, _cause(recorded, replayed), then, now, fields)


def first_difference(recorded: Iterable[Record], replayed: Iterable[Record]) -> Difference | None:
    """Return the first place at which two journals differ, None when they are the same."""
    for seq, (then, now) in enumerate(zip_longest(recorded, replayed), start=1):
        if then != now:
            return difference_of(seq, then, now)
    return None


def _fields(recorded: Record | None, replayed: Record | None) -> tuple[str, ...]:
    if recorded is None or replayed is None or type(recorded) is not type(replayed):
        return ()
    today = asdict(replayed, recurse=False)
    return tuple(name for name, value in asdict(recorded, recurse=False).items() if today[name] != value)


def _cause(*sides: Record | None) -> str:
    """Return who decided, as the first side that names anyone tells it."""
    for record in filter(None, sides):
        for name in _DECIDERS:
            who = getattr(record, name, "")
            if who:
                return f"{record.kind.replace('_', ' ')} by {who}"
    return f"engine, {next(filter(None, sides)).kind.replace('_', ' ')}"


def _shown(record: Record, fields: tuple[str, ...]) -> str:
    """Return a record in words: what it is about and the fields that differ, or all of them where it is another one."""
    facts = asdict(record, recurse=False)
    told = ", ".join(
        f"{name}={value}" for name, value in facts.items() if name in fields or (not fields and name != "ts")
    )
    return f"{record.kind}{f' {record.subject}' if fields and record.subject else ''}: {told}"
