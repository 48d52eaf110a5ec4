"""What the scanners see now: the signals that can still be taken, and what would become of them."""

from __future__ import annotations

import asyncio

import numpy as np
from attrs import frozen

from atlas_core.compose import OpenSystem, System, opened
from atlas_core.contracts import MaskingGate
from atlas_core.engine.triggers import is_cancelled_at, trigger_price
from atlas_core.loading import LoadedMarket, find_signals, load
from atlas_core.model.decisions import Refuse
from atlas_core.model.signals import EntryKind, Signal, SignalTable


@frozen(kw_only=True)
class ScanRow:
    """One signal that can still be taken; `decision` is `arm`, `enter` or `refuse`, the rest says why."""

    signal: Signal
    decision: str
    by: str = ""
    reason: str = ""
    value: float | None = None
    threshold: float | None = None


def scan_latest(system: System) -> tuple[ScanRow, ...]:
    """Run the scanners up to the end of the data; return the signals still valid there, newest last.

    Only gates that judge whole tables are asked: the others judge at the moment of entry. Nothing is traded.
    """
    return asyncio.run(_scan(system))


async def _scan(system: System) -> tuple[ScanRow, ...]:
    async with opened(system) as live:
        market = await load(live)
        rows = [
            row
            for label, table in find_signals(live, market)
            for row in _rows(live, label, _still_valid(table, market))
        ]
    return tuple(sorted(rows, key=lambda row: row.signal.available_at))


def _still_valid(table: SignalTable, market: LoadedMarket) -> SignalTable:
    """Return the signals that can still be taken: in time, and no bar since has taken their trigger or their end."""
    rows = [row for row in np.flatnonzero(table.valid_until > market.end).tolist() if _is_open(table, row, market)]
    return table.take(np.array(rows, dtype=np.int64))


def _is_open(table: SignalTable, row: int, market: LoadedMarket) -> bool:
    found_at = int(table.available_at[row])
    if table.entry[row] == EntryKind.MARKET:
        return found_at == market.end
    bars = market.data.base(str(table.symbol[row]))
    since = bars.between(bars.count_available(found_at), len(bars))
    if not len(since):
        return True
    instrument = market.data.instrument(since.symbol)
    low, high = instrument.exact(float(since.low.min())), instrument.exact(float(since.high.max()))
    signal = table.signal(row, "", "", instrument)
    is_taken = trigger_price(signal, low, high, instrument.tick_size) is not None
    return not (is_taken or is_cancelled_at(signal, low) or is_cancelled_at(signal, high))


def _rows(live: OpenSystem, label: str, table: SignalTable) -> list[ScanRow]:
    profile = live.system.profile.name
    signals = [table.signal(row, profile, label, live.instruments[str(table.symbol[row])]) for row in range(len(table))]
    masks = [(name, gate.mask(table)) for name, gate in live.system.parts.gates if isinstance(gate, MaskingGate)]
    rows = []
    for row, signal in enumerate(signals):
        answers = ((name, mask.answer(row)) for name, mask in masks)
        by, answer = next(((name, answer) for name, answer in answers if isinstance(answer, Refuse)), ("", None))
        if answer is None:
            rows.append(ScanRow(signal=signal, decision="enter" if signal.entry is EntryKind.MARKET else "arm"))
        else:
            rows.append(_refused(signal, by, answer))
    return rows


def _refused(signal: Signal, by: str, answer: Refuse) -> ScanRow:
    return ScanRow(
        signal=signal,
        decision="refuse",
        by=by,
        reason=answer.reason,
        value=answer.value,
        threshold=answer.threshold,
    )
