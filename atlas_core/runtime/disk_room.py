"""What a session does when the disk takes no more: no entries, and room for everything that makes it safer."""

from __future__ import annotations

from attrs import define
from loguru import logger

from atlas_core.errors import JournalFull
from atlas_core.journal import Journal
from atlas_core.journal.ballast import Ballast
from atlas_core.watching import RecordLog, Scribe

NO_ROOM = "the disk is full: make room, then allow entries again"


@define
class DiskRoom:
    """The ballast of one journal, and whether it had to be given up."""

    ballast: Ballast
    is_short: bool = False

    @classmethod
    def beside(cls, journal: Journal) -> DiskRoom | None:
        """Lay the ballast beside a journal; None for one that lives in memory."""
        if not journal.path.is_file():
            return None
        room = cls(Ballast.beside(journal.path))
        room.ballast.lay()
        return room

    def write(self, scribe: Scribe[RecordLog]) -> bool:
        """Write what waits; return whether the ballast had to be given up for it just now.

        Raises JournalFull when there is none left to give.
        """
        try:
            scribe.flush()
        except JournalFull as fault:
            if not self.ballast.release():
                raise
            logger.critical("{}; the ballast was given up for exits", fault)
            self.is_short = True
            scribe.flush()
            return True
        if self.is_short and self.ballast.lay():
            self.is_short = False
        return False
