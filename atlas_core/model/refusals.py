"""Signals that a gate refused as they were found, kept together: a back-test finds hundreds of thousands of them.

They are what they would be one by one: each a `SignalDetected` and a `VerdictReached`, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field, frozen

from atlas_core.model.decisions import GateMask, Outcome
from atlas_core.model.instrument import Instrument
from atlas_core.model.record import Record
from atlas_core.model.records import VerdictReached, detected
from atlas_core.model.signals import SignalTable, signal_keys

EVENTS_OF_A_REFUSAL = 2


@define(eq=False)
class SignalSheet:
    """Signals of one scanner, judged by the masking gates: `masks` are theirs, in the profile's order.

    `keys` are the identities of the rows; `is_first` tells whether no row before it, of its instant, has the same one.
    `memo` is for whoever wants to keep what was worked out of a sheet.
    """

    table: SignalTable
    profile: str
    scanner: str
    instruments: Mapping[str, Instrument]
    masks: Sequence[tuple[str, GateMask]]
    keys: list[str] = field(init=False)
    timeframes: list[str] = field(init=False)
    is_first: list[bool] = field(init=False)
    passed_first: list[bool] = field(init=False)
    memo: dict[str, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.keys = signal_keys(self.table, self.profile, self.scanner)
        self.timeframes = self.table.timeframe.tolist()
        self.is_first = _first_of_instant(self.table.available_at.tolist(), self.keys)
        self.passed_first = np.asarray(self.masks[0][1].passed, dtype=bool).tolist()


def _first_of_instant(times: Sequence[int], keys: Sequence[str]) -> list[bool]:
    first, seen, now = [], set[str](), None
    for time, key in zip(times, keys, strict=True):
        if time != now:
            seen, now = set(), time
        first.append(key not in seen)
        seen.add(key)
    return first


@frozen(kw_only=True, eq=False)
class RefusedSignals(Record):
    """The rows `first` to `last` (exclusive) of a sheet, found at `ts` and refused by its first gate."""

    kind = "refused_signals"
    sheet: SignalSheet
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    def unfolded(self) -> Iterator[Record]:
        """Yield the records of each signal."""
        sheet = self.sheet
        gate, mask = sheet.masks[0]
        for row in range(self.first, self.last):
            instrument = sheet.instruments[str(sheet.table.symbol[row])]
            signal = sheet.table.signal(row, sheet.profile, sheet.scanner, instrument)
            answer = mask.answer(row)
            yield detected(signal, self.ts)
            yield VerdictReached(
                ts=self.ts,
                key=signal.key,
                outcome=Outcome.REFUSED,
                by=gate,
                reason=answer.reason,
                value=answer.value,
                threshold=answer.threshold,
            )


def unfolded(records: Iterable[Record]) -> list[Record]:
    """Return records one by one: what is kept together comes apart."""
    apart: list[Record] = []
    for record in records:
        if isinstance(record, RefusedSignals):
            apart.extend(record.unfolded())
        else:
            apart.append(record)
    return apart


def events_of(record: Record) -> int:
    """Return how many events a record is in a journal."""
    return EVENTS_OF_A_REFUSAL * len(record) if isinstance(record, RefusedSignals) else 1


def numbered(records: Iterable[Record], first: int) -> Iterator[tuple[int, Record]]:
    """Yield records with the numbers of their first events."""
    for record in records:
        yield first, record
        first += events_of(record)
