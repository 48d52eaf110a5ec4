"""The durable kill switch: while a file named KILL lies in the state directory, nothing is entered.

It works without a running session, survives restarts, and is cleared only by a person who says why. Exits, stops and
cancels go on.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import define, field, frozen

from atlas_core.clock import to_datetime
from atlas_core.statedir import read_json, remove_durably, write_json


@frozen(kw_only=True)
class KillNote:
    """Who engaged the switch, when (nanoseconds UTC, 0 for unknown) and why."""

    actor: str
    reason: str
    ts: int = 0

    def __str__(self) -> str:
        when = f" at {to_datetime(self.ts):%Y-%m-%d %H:%M:%S}Z" if self.ts else ""
        return f"killed by {self.actor}{when}: {self.reason}"


@frozen
class KillSwitch:
    """The switch of one state directory; `path` is its file."""

    path: Path

    @property
    def is_engaged(self) -> bool:
        """Tell whether entries are stopped; a directory that cannot be looked at counts as engaged, any link too."""
        try:
            os.lstat(self.path)  # what a link of that name leads to may be gone: somebody has put it there
        except FileNotFoundError:
            return not self.path.parent.is_dir()
        except OSError:
            return True
        return True

    def note(self) -> KillNote | None:
        """Return who engaged it and why, or None while it is not engaged; any file will do, `touch KILL` included."""
        if not self.is_engaged:
            return None
        facts = read_json(self.path)
        ts = facts.get("ts", 0)
        return KillNote(
            actor=str(facts.get("actor", "a file")),
            reason=str(facts.get("reason", "a file KILL was put there")),
            ts=ts if isinstance(ts, int) else 0,
        )

    def engage(self, actor: str, reason: str, now: int) -> None:
        """Stop entries for good; engaging twice keeps the first note. Raises OSError when it cannot be written."""
        if not self.path.exists():
            write_json(self.path, {"actor": actor, "reason": reason, "ts": now})

    def clear(self) -> None:
        """Allow entries again; only `atlas resume --after-kill` calls this. Raises OSError."""
        remove_durably(self.path)


@define
class EntryPermit:
    """Says whether an entry may leave now; asked before every send, so the answer is never older than the question."""

    switch: KillSwitch
    safe_mode: str = ""
    _frozen_by: dict[str, str] = field(factory=dict)

    def refusal(self) -> str:
        """Return why no entry may be sent, empty when it may."""
        if self.switch.is_engaged:
            return f"kill switch: {self.switch.note() or 'engaged'}"
        if self.safe_mode:
            return f"safe mode: {self.safe_mode}"
        return next((f"{by}: {reason}" for by, reason in self._frozen_by.items()), "")

    def freeze(self, by: str, reason: str) -> None:
        """Stop entries until `thaw(by)`, such as while the session stops."""
        self._frozen_by[by] = reason

    def thaw(self, by: str) -> None:
        """Take back what `freeze(by)` did."""
        self._frozen_by.pop(by, None)
