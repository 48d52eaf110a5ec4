"""What a process that goes down still has to say: written aside, and delivered by the next start."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from loguru import logger

from atlas_core.model.decisions import Alert, Severity
from atlas_core.statedir import read_json, remove_durably, write_json

TITLE = "The session went down"
MOST_KEPT = 20


@frozen
class LastWords:
    """The file of last words; `say` never raises, because nothing is left that could handle it."""

    path: Path

    def say(self, text: str, now: int) -> None:
        """Keep a sentence for the next start."""
        try:
            kept = [*self._kept(), {"ts": now, "text": text}]
            write_json(self.path, {"words": kept[-MOST_KEPT:]})
        except OSError as fault:
            logger.critical("{}; it could not be kept for the next start: {}", text, fault)

    def alerts(self, now: int) -> tuple[Alert, ...]:
        """Return them as alerts; they stay until `delivered`, so that a second crash loses none."""
        return tuple(
            Alert(
                ts=now,
                severity=Severity.CRITICAL,
                title=TITLE,
                text=str(word.get("text", "")),
                key=f"last-words-{word.get('ts', 0)}",
            )
            for word in self._kept()
        )

    def delivered(self) -> None:
        """Forget them: they are in the journal now. Raises OSError."""
        remove_durably(self.path)

    def _kept(self) -> list[dict[str, object]]:
        words = read_json(self.path).get("words", [])
        return [word for word in words if isinstance(word, dict)] if isinstance(words, list) else []
