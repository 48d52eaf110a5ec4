"""Gates that judge whole tables, held to judging each row by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from atlas_core.checking.findings import moment
from atlas_core.checking.market import RecordedMarket
from atlas_core.checking.running import ScanRoom, mask_answers
from atlas_core.model.signals import SignalTable
from atlas_core.profile import Profile

CUTS = 16
"""So many times a table is judged again without the rows behind a row."""

Texts = tuple[str, tuple[str, ...], str, str]


def mask_differences(
    profile: Profile, market: RecordedMarket, tables: Mapping[str, SignalTable]
) -> Iterator[tuple[str, Texts, int]]:
    """Yield label, texts and time of the first row of each gate whose answer depends on rows behind it."""
    for label, _ in ScanRoom.of(profile, market).system.parts.masking_gates:
        for table in tables.values():
            found = _first_difference(profile, market, label, table) if len(table) else None
            if found is not None:
                yield label, *found
                break


def _first_difference(
    profile: Profile, market: RecordedMarket, label: str, table: SignalTable
) -> tuple[Texts, int] | None:
    def judged(rows: SignalTable) -> list[object]:
        gates = dict(ScanRoom.of(profile, market).system.parts.masking_gates)
        return list(mask_answers(gates[label].mask(rows)))

    whole = judged(table)
    ends = np.unique(np.linspace(1, len(table), CUTS + 1, dtype=int))[:-1].tolist()
    for end in ends:
        part = judged(table.take(np.arange(end)))
        wrong = next((row for row in range(end) if part[row] != whole[row]), None)
        if wrong is not None:
            ts = int(table.available_at[wrong])
            what = f"mask of the signal {table.pattern[wrong]} of {table.symbol[wrong]}, known since {moment(ts)}"
            return (what, (), str(whole[wrong]), str(part[wrong])), ts
    return None
