"""Records of a run that nobody needs to keep on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, field

from atlas_core.model.records import Record


@define
class MemoryRecords:
    """Takes what a run decides, for results only: no file, no hash chain, no projection."""

    kept: list[Record] = field(factory=list)

    def append(self, records: Sequence[Record]) -> range:
        """Keep records; return their numbers."""
        first = len(self.kept) + 1
        self.kept += records
        return range(first, first + len(records))

    def records(self) -> Iterator[Record]:
        """Yield what was kept, in its order."""
        return iter(self.kept)

    def digest(self) -> str:
        """Return nothing: there is no chain."""
        return ""
