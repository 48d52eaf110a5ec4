"""Who is behind a record: the component whose answer it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attrs import asdict

from atlas_core.checking.comparing import RecordDifference
from atlas_core.checking.findings import ENGINE, moment
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import (
    ComponentFailed,
    ExitDecided,
    GateAnswered,
    LevelsSet,
    OrderIntended,
    Record,
    SignalDetected,
    SignalSized,
    VerdictReached,
)
from atlas_core.model.signals import FOREVER

_TELLS: dict[type[Record], tuple[str, str]] = {
    SignalDetected: ("scanner", "scanner"),
    GateAnswered: ("gate", "gate"),
    SignalSized: ("sizer", "sizer"),
    ExitDecided: ("exit rule", "rule"),
    OrderIntended: ("exit rule", "rule"),
}
_KIND_OF_OUTCOME = {Outcome.REFUSED: "gate", Outcome.SKIPPED: "sizer", Outcome.CLOSED: "exit rule"}


def component_of(record: Record, components: Iterable[str]) -> str:
    """Return which of `components` decided a record, `engine` where none of them did."""
    known = set(components)
    return next((name for name in _names(record) if name in known), ENGINE)


def _names(record: Record) -> tuple[str, ...]:
    """Return what the component would be called, the most likely name first."""
    if isinstance(record, VerdictReached):
        kind = _KIND_OF_OUTCOME.get(record.outcome)
        return (f"{kind} {record.by}",) if kind else ()
    if isinstance(record, ComponentFailed):
        return (record.component,)
    if isinstance(record, LevelsSet):
        return tuple(f"exit rule {rule}" for rule in (record.stop_rule, record.target_rule, *record.part_rules))
    kind, field = _TELLS.get(type(record), ("", ""))
    return (f"{kind} {getattr(record, field)}",) if kind else ()


def answers_of(records: Iterable[Record], components: Iterable[str]) -> Counter[str]:
    """Return how many records each component is behind."""
    names = tuple(components)
    return Counter(component_of(record, names) for record in records)


def culprit(
    one: Sequence[Record], other: Sequence[Record], found: RecordDifference, components: Sequence[str]
) -> tuple[str, Record]:
    """Return who made two sequences of records differ, and the record that tells it.

    Of two records that stand at the same place, the one that the other sequence does not have at all is the guilty one.
    """
    if found.one is None or found.other is None:
        record = found.one or found.other
        assert record is not None
        return component_of(record, components), record
    if isinstance(found.one, LevelsSet) and isinstance(found.other, LevelsSet):
        return _of_levels(found.one, found.fields, components), found.one
    if found.one.ts != found.other.ts:  # the earlier one is missing on the other side
        record = min(found.one, found.other, key=lambda each: each.ts)
        return component_of(record, components), record
    sides = ((found.one, other, found.place), (found.other, one, found.place))
    absent = [record for record, elsewhere, place in sides if not _occurs(record, elsewhere[place:])]
    candidates = absent or [found.one, found.other]
    for record in candidates:
        name = component_of(record, components)
        if name != ENGINE:
            return name, record
    return ENGINE, candidates[0]


def _of_levels(record: LevelsSet, fields: tuple[str, ...], components: Iterable[str]) -> str:
    first = fields[0] if fields else ""
    rule = record.target_rule if first.startswith("target") else record.stop_rule
    if first.startswith("part") and record.part_rules:
        rule = record.part_rules[0]
    name = f"exit rule {rule}"
    return name if name in components else ENGINE


def _occurs(record: Record, others: Sequence[Record]) -> bool:
    """Tell whether a record comes later: equal, or of the same subject at the same time with other numbers."""
    same = (type(record), record.ts, record.subject, _names(record))
    return any((type(other), other.ts, other.subject, _names(other)) == same for other in _until(others, record.ts))


def _until(records: Sequence[Record], ts: int) -> Iterable[Record]:
    for record in records:
        if record.ts > ts:
            return
        yield record


def told(record: Record | None, fields: Iterable[str] = ()) -> str:
    """Return a record in one line: what differs, or all that it says; empty for none."""
    if record is None:
        return ""
    facts = asdict(record, recurse=False)
    wanted = [name for name in fields if name in facts]
    shown = wanted or [name for name, value in facts.items() if name not in _UNTOLD and value not in _EMPTY]
    words = record.kind.replace("_", " ")
    return ": ".join(filter(None, (words, ", ".join(f"{name} {_plain(name, facts[name])}" for name in shown))))


_UNTOLD = ("ts", "key", "context", "inputs")
_EMPTY: tuple[object, ...] = (None, "", FOREVER)


def _plain(name: str, value: object) -> str:
    if isinstance(value, int) and name.endswith(("_at", "_until")):
        return moment(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{each} {_plain(each, part)}" for each, part in value.items())
    return str(value)


def both_told(found: RecordDifference, record: Record) -> tuple[str, str]:
    """Return both sides of a difference: what differs where they tell the same thing, else who has `record`."""
    if found.fields:
        return told(found.one, found.fields), told(found.other, found.fields)
    return (told(record), NOTHING) if record is found.one else (NOTHING, told(record))


NOTHING = "no such decision"
