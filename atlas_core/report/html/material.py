"""What the report of a run is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from atlas_core.model.bars import Bars
from atlas_core.model.records import Record
from atlas_core.report.evidence import NOTHING_KNOWN, Evidence
from atlas_core.report.summary import Report


@frozen(kw_only=True)
class Material:
    """One run: its figures, its records, what it was made of, and its market where that could be read again.

    `manifest` is what the run wrote at its end, `bars` are those of the run by symbol, `market_note` says why there are
    none or that they differ from those of then. `evidence` is what was proved and tried beside the run.
    """

    report: Report
    records: Sequence[Record]
    run_id: str
    digest: str
    version: str
    manifest: Mapping[str, Any] = field(factory=dict)
    bars: Mapping[str, Bars] = field(factory=dict)
    market_note: str = ""
    evidence: Evidence = NOTHING_KNOWN
