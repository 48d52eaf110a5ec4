"""What a process that goes down still has to say: written aside, and delivered by the next start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from loguru import logger

from atlas_core.clock import to_datetime
from atlas_core.statedir import read_json, remove_durably, write_json

MOST_KEPT = 20


@frozen
class LastWords:
    """The file of last words; nothing here raises: nobody is left to handle it, and no session ends for such a file."""

    path: Path

    def say(self, text: str, now: int) -> None:
        """Keep a sentence for the next start."""
        try:
            kept = [*self._kept(), {"ts": now, "text": text}]
            write_json(self.path, {"words": kept[-MOST_KEPT:]})
        except OSError as fault:
            logger.critical("{}; it could not be kept for the next start: {}", text, fault)

    def words(self) -> tuple[str, ...]:
        """Return them, oldest first; they stay until `delivered`, so that a second crash loses none."""
        return tuple(f"{to_datetime(_ts(word)):%Y-%m-%d %H:%M:%S}Z: {word.get('text', '')}" for word in self._kept())

    def delivered(self) -> None:
        """Forget them: they are in the journal now. Those that stay are told once more, which harms nobody."""
        try:
            remove_durably(self.path)
        except OSError as fault:
            logger.warning("the last words could not be removed, the next start tells them again: {}", fault)

    def _kept(self) -> list[dict[str, object]]:
        words = read_json(self.path).get("words", [])
        return [word for word in words if isinstance(word, dict)] if isinstance(words, list) else []


def _ts(word: Mapping[str, object]) -> int:
    ts = word.get("ts", 0)
    return ts if isinstance(ts, int) and 0 <= ts < 2**63 else 0
