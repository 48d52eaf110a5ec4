"""What was observed, in its true order: the venue's own log (V), our journal (J) and facts of the process (P)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field

from atlas_core.model.records import OrderIntended, Record

NOISE = ("limit_checked", "gate_answered", "signal_sized", "ask", "signal_detected", "signal_armed")
_IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
VENUE, JOURNAL, PROCESS = "V", "J", "P"


@define
class Entry:
    """One observation; `at` is the world's time in nanoseconds, whatever our clock said."""

    at: int
    source: str
    kind: str
    data: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    @property
    def record(self) -> Record:
        """The record of an entry of the journal."""
        record: Record = self.data["record"]
        return record

    def line(self, start: int = 0) -> str:
        """Return the entry for people, with the seconds since `start`."""
        if self.source == JOURNAL:
            told = repr(self.record)
        else:
            told = " ".join(f"{name}={value}" for name, value in self.data.items())
        return f"{(self.at - start) / 1e9:12.3f} {self.source} {self.kind:18} {told}"


@define
class Trace:
    """The observations of one simulated run; append-only. `hear` is told of each."""

    now: Callable[[], int]
    entries: list[Entry] = field(factory=list)
    hear: Callable[[Entry], None] | None = None

    def venue(self, kind: str, **data: Any) -> None:
        """Note what the venue saw or did."""
        self._add(Entry(self.now(), VENUE, kind, data))

    def journal(self, record: Record) -> None:
        """Note a record whose commit has returned."""
        self._add(Entry(self.now(), JOURNAL, record.kind, {"record": record}))

    def process(self, kind: str, **data: Any) -> None:
        """Note a start, a crash, a fault that was injected, the beginning of the calm."""
        self._add(Entry(self.now(), PROCESS, kind, data))

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self.hear is not None:
            self.hear(entry)

    def lines(self, first: int, last: int) -> list[str]:
        """Return entries for people: identities are named by what they are for, the noise is left out."""
        names = {
            record.client_order_id: f"<{record.role} {record.symbol} {record.attempt} {record.client_order_id[:4]}>"
            for entry in self.entries
            if isinstance(entry.data.get("record"), OrderIntended) and (record := entry.data["record"])
        }
        start = self.entries[0].at
        return [
            f"{index} {_named(entry.line(start), names)}"
            for index, entry in enumerate(self.entries[first:last], first)
            if entry.kind not in NOISE
        ]

    def digest(self) -> str:
        """Return a hash of everything observed; equal runs have equal ones in every process."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(entry.line().encode())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def _named(line: str, names: dict[str, str]) -> str:
    return _IDENTITY.sub(lambda found: names.get(found[0], found[0]), line)
