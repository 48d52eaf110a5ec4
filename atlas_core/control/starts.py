"""The starts of a session's processes, so that a crash is known and a crash loop is stopped."""

from __future__ import annotations

from attrs import frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.control.file import ControlFile

CRASHES_OF_A_LOOP = 5
LOOP_SECONDS = 600
CRASHED = "crashed"


@frozen(kw_only=True)
class Start:
    """This start: whether the process before it went down, and how many did within ten minutes."""

    id: int
    previous_crashed: bool
    crashes: int

    @property
    def is_safe_mode(self) -> bool:
        """Tell whether the session comes up without entries: it went down too often to be trusted with more."""
        return self.crashes >= CRASHES_OF_A_LOOP


@frozen
class StartLog:
    """Who started and how each ended; a start without an end is a crash."""

    file: ControlFile

    def begin(self, pid: int, now: int) -> Start:
        """Note that a process starts; the caller holds the instance lock, so an open start is one that went down.

        A process that went down without a word is counted at the time of the start that finds it.
        """
        previous = self.file.write("UPDATE start SET ended_at = ?, how = ? WHERE ended_at IS NULL", (now, CRASHED))
        since = now - LOOP_SECONDS * NANOSECONDS_PER_SECOND
        [[crashes]] = self.file.read(
            "SELECT count(*) FROM start WHERE how = ? AND ended_at BETWEEN ? AND ?", (CRASHED, since, now)
        )
        self.file.write("INSERT INTO start (began_at, pid) VALUES (?, ?)", (now, pid))
        [[start_id]] = self.file.read("SELECT max(id) FROM start")
        return Start(id=start_id, previous_crashed=previous > 0, crashes=crashes)

    def end(self, start: Start, how: str, now: int) -> None:
        """Note how a process ended: `stopped`, or `crashed` for a fault that nobody asked for."""
        self.file.write("UPDATE start SET ended_at = ?, how = ? WHERE id = ?", (now, how, start.id))
