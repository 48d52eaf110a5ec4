"""The records of signals whose fates were foretold: those that the engine would have written of each of them."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_core.backtest.columnar.telling import judged
from atlas_core.backtest.fates import Fate, Fates
from atlas_core.backtest.foretold import Foretold
from atlas_core.columnar import NO_LEVEL
from atlas_core.compose import OpenSystem
from atlas_core.engine.signals import (
    LIFE_CYCLE,
    NOT_TRIGGERED,
    OPENED_AT_TARGET,
    OPENED_BEYOND,
    OVER_WHEN_FOUND,
    TOOK_OTHER_SIDE,
)
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import Record, SignalArmed, VerdictReached, detected

END_REASON = "end of data"

ENDS = {
    Fate.OVER: (Outcome.EXPIRED, OVER_WHEN_FOUND),
    Fate.VOID: (Outcome.VOID_GAP, OPENED_AT_TARGET),
    Fate.OPENED_BEYOND: (Outcome.INVALIDATED, OPENED_BEYOND),
    Fate.TOOK_OTHER_SIDE: (Outcome.INVALIDATED, TOOK_OTHER_SIDE),
    Fate.EXPIRED: (Outcome.EXPIRED, NOT_TRIGGERED),
    Fate.LEFT: (Outcome.EXPIRED, END_REASON),
}


def settled_records(live: OpenSystem, foretold: Foretold) -> Iterator[list[Record]]:
    """Yield the records of each signal that the engine never sees, scanner by scanner in the order of detection."""
    for fates in foretold.fates:
        for row, fate in enumerate(fates.fate.tolist()):
            if fate not in (Fate.KNOWN, Fate.ENGAGED):
                yield _records(live, fates, row, Fate(fate))


def _records(live: OpenSystem, fates: Fates, row: int, fate: Fate) -> list[Record]:
    profile, instrument = live.system.profile.name, live.instruments[str(fates.table.symbol[row])]
    signal = fates.table.signal(row, profile, fates.label, instrument)
    found = detected(signal, signal.available_at)
    labels = [label for label, _ in live.system.parts.masking_gates]
    records: list[Record] = [found, *judged(found, labels, fates.masks, row)]
    if fate is Fate.REFUSED:
        return records
    ended_at, price, level = (int(column[row]) for column in (fates.ended_at, fates.price, fates.level))
    if fate is Fate.OVER:
        ended_at = found.ts
    else:
        records.append(SignalArmed(ts=found.ts, key=found.key))
    outcome, reason = ENDS[fate]
    value, threshold = (
        None if ticks == NO_LEVEL else float(instrument.from_ticks(ticks)) for ticks in (price, level)
    )  # fmt: skip
    ended = VerdictReached(
        ts=ended_at, key=found.key, outcome=outcome, by=LIFE_CYCLE, reason=reason, value=value, threshold=threshold
    )
    return [*records, ended]
