"""Seeded chance: one root seed, one stream for each name, so that a draw more in one place shifts no other."""

from __future__ import annotations

from random import Random  # noqa: TID251  (seeded below, and ten times faster than numpy for single numbers)

from attrs import define, field


@define
class Chance:
    """The named streams of one seed."""

    seed: int
    _streams: dict[str, Random] = field(factory=dict)

    def stream(self, name: str) -> Random:
        """Return the stream of a name, the same one at every call."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self.seed}/{name}")  # text seeds go through SHA-512: equal everywhere
        return self._streams[name]
