"""Backups of a session's journal, made by a process of their own: the session waits for none."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from attrs import define

from atlas_core.errors import AtlasError

LOOK_SECONDS = 600.0


class BackupFailed(AtlasError, OSError):
    """A backup was not made; the journal itself is not in doubt, so the session goes on and people are told.

    It is the machine's fault, such as a full disk: that ends by itself, and a backup is tried until then.
    """


@define
class BackupTask:
    """Has a journal backed up once an hour, as long as it runs."""

    journal: Path

    async def run(self) -> None:
        """Look every ten minutes whether a backup is due; raises BackupFailed for one that failed."""
        while True:
            await back_up_beside(self.journal)
            await asyncio.sleep(LOOK_SECONDS)


async def back_up_beside(journal: Path) -> None:
    """Let another process back a journal up if that is due; raises BackupFailed with what it said when it failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "atlas_core", "--quiet", "backup", str(journal), "--if-due", stdout=DEVNULL, stderr=PIPE
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()  # nobody else would take its end
    if process.returncode:
        told = said.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        raise BackupFailed(f"the backup of {journal} failed: {told[-1]}")
