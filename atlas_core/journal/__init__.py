"""The journal: what happened in a run, append-only and hash-chained in one SQLite file.

`store.Journal` writes and `reader.JournalReader` reads; `codec` turns records into text and back, `chain` links the
events, `tables` and `projections` hold what the events amount to, `deliveries` is the outbox, `schema` and `migrations`
keep old files usable.
"""

from __future__ import annotations

from atlas_core.journal.deliveries import Delivery, DeliveryState, Undelivered
from atlas_core.journal.reader import JournalReader
from atlas_core.journal.rows import (
    AlertRow,
    EquityRow,
    ExitCount,
    FillRow,
    OrderRow,
    RunRow,
    SessionRow,
    SignalRow,
    TradeRow,
    VerdictCount,
)
from atlas_core.journal.store import Journal

__all__ = [
    "AlertRow",
    "Delivery",
    "DeliveryState",
    "EquityRow",
    "ExitCount",
    "FillRow",
    "Journal",
    "JournalReader",
    "OrderRow",
    "RunRow",
    "SessionRow",
    "SignalRow",
    "TradeRow",
    "Undelivered",
    "VerdictCount",
]
