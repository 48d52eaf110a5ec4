"""Records as stored events and back.

A payload is the record's fields in the order of its class, without `ts`, which has its own column. Each kind of
record has a version; an event of an older version is read through the steps of `UPCASTS`, so that stored events are
never rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from operator import attrgetter
from typing import Any, get_type_hints

from attrs import fields, frozen
from cattrs import Converter

from atlas_core.errors import JournalCorrupt, JournalError, JournalTooNew
from atlas_core.journal.encoding import Encoder, encode_int, encoder_for, expect_storable
from atlas_core.journal.refusals import SheetTexts, texts_of
from atlas_core.model.records import RECORD_TYPES, Record, SignalDetected, VerdictReached
from atlas_core.model.refusals import RefusedSignals, SignalSheet

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
Stored = tuple[int, str, int, str, str]
"""One event without its place: ts, kind, version, subject, payload."""

UPCASTS: Mapping[str, tuple[Upcast, ...]] = {}
"""For each kind the steps from version 1 to 2, 2 to 3 …; a kind without an entry is at version 1."""


@frozen
class _Plan:
    """How the records of one class are written and read."""

    record_type: type[Record]
    version: int
    template: str
    values: Callable[[Record], tuple[Any, ...]]
    names: tuple[str, ...]
    encoders: tuple[Encoder, ...]
    structure: Callable[[Any, Any], Record]


class Codec:
    """Writes and reads records of the given classes; immutable after it is made."""

    def __init__(
        self,
        record_types: Sequence[type[Record]] = RECORD_TYPES,
        upcasts: Mapping[str, tuple[Upcast, ...]] = UPCASTS,
    ) -> None:
        self._upcasts = upcasts
        converter = _strict_converter()
        self._by_type = {cls: _plan(cls, 1 + len(upcasts.get(cls.kind, ())), converter) for cls in record_types}
        self._by_kind = {plan.record_type.kind: plan for plan in self._by_type.values()}

    def encode(self, records: Iterable[Record]) -> list[Stored]:
        """Return records as events; raises JournalError, naming kind and field, for what cannot be written."""
        stored: list[Stored] = []
        for record in records:
            if isinstance(record, RefusedSignals):
                stored.extend(self._refused(record))
                continue
            plan = self._by_type.get(type(record))
            if plan is None:
                raise JournalError(f"expected one of the journal's records, was {record!r}")
            try:
                texts = [encode(value) for encode, value in zip(plan.encoders, plan.values(record), strict=True)]
                encode_int(record.ts)
                payload = plan.template % tuple(texts)
                expect_storable(payload)
            except (TypeError, ValueError, KeyError) as error:
                raise _refusal(plan, record, error) from error
            stored.append((record.ts, record.kind, plan.version, record.subject, payload))
        return stored

    def _texts_of(self, sheet: SignalSheet) -> SheetTexts:
        templates = (self._by_type[kind].template for kind in (SignalDetected, VerdictReached))
        try:
            return texts_of(sheet, *templates)
        except (TypeError, ValueError, KeyError):
            self.encode(RefusedSignals(ts=0, sheet=sheet, first=0, last=len(sheet.table)).unfolded())
            raise

    def _refused(self, record: RefusedSignals) -> Iterator[Stored]:
        texts, keys = self._texts_of(record.sheet), record.sheet.keys
        ts, found, ended = record.ts, self._by_type[SignalDetected], self._by_type[VerdictReached]
        for row in range(record.first, record.last):
            key = keys[row]
            yield ts, SignalDetected.kind, found.version, key, texts.detected[row]
            yield ts, VerdictReached.kind, ended.version, key, texts.verdicts[row]

    def decode(self, seq: int, stored: Stored) -> Record:
        """Return the record of event `seq`.

        Raises JournalTooNew for a kind or version that this Atlas does not know and JournalCorrupt for a payload
        that does not fit its kind.
        """
        ts, kind, version, _, payload = stored
        plan = self._by_kind.get(kind)
        if plan is None or version > plan.version:
            raise JournalTooNew(f"event {seq}: {kind} version {version} is not known to this Atlas; use a newer one")
        try:
            content = json.loads(payload)
            for upcast in self._upcasts.get(kind, ())[version - 1 :]:
                content = upcast(content)
            return plan.structure({"ts": ts, **content}, plan.record_type)
        except Exception as error:  # cattrs, JSON and upcasts each raise their own
            raise JournalCorrupt(
                f"event {seq}: expected a {kind} version {version}, was {payload} ({error})"
            ) from error


def _plan(cls: type[Record], version: int, converter: Converter) -> _Plan:
    types = get_type_hints(cls)
    names = [attribute.name for attribute in fields(cls) if attribute.name != "ts"]
    return _Plan(
        cls,
        version,
        "{" + ",".join(f'"{name}":%s' for name in names) + "}",
        _getter(names),
        tuple(names),
        tuple(encoder_for(types[name]) for name in names),
        converter.get_structure_hook(cls),
    )


def _getter(names: Sequence[str]) -> Callable[[Record], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


def _refusal(plan: _Plan, record: Record, error: Exception) -> JournalError:
    for name, encode in zip(plan.names, plan.encoders, strict=True):
        value = getattr(record, name)
        try:
            expect_storable(encode(value))
        except (TypeError, ValueError) as fault:
            return JournalError(f"cannot record {record.kind}.{name} at {record.ts}: {fault}")
        except KeyError:
            return JournalError(f"cannot record {record.kind}.{name} at {record.ts}: no such choice: {value!r}")
    return JournalError(f"cannot record {record!r}: {error}")


def _strict_converter() -> Converter:
    converter = Converter(forbid_extra_keys=True, detailed_validation=False)
    for scalar in (bool, int, float, str):
        converter.register_structure_hook(scalar, _exactly(scalar))
    converter.register_structure_hook(StrEnum, _choice)  # else the hook of `str` takes it and gives back plain text
    converter.register_structure_hook(Decimal, _decimal)
    return converter


def _exactly(scalar: type) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not scalar:
            raise ValueError(f"expected {scalar.__name__}, was {value!r}")
        return value

    return structure


def _choice(value: Any, choices: type[StrEnum]) -> StrEnum:
    return choices(value)


def _decimal(value: Any, _: Any) -> Decimal:
    if not isinstance(value, str):
        raise ValueError(f"expected a decimal as text, was {value!r}")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError(f"expected a decimal as text, was {value!r}") from None


CODEC = Codec()
"""The codec of this version of Atlas."""
