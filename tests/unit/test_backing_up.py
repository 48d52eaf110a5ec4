"""A session has its journal backed up beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from atlas_core.journal import Journal
from atlas_core.journal.backups import backups_in
from atlas_core.runtime.backing_up import BackupFailed, BackupTask, back_up_beside
from atlas_core.runtime.supervisor import Action, Restart, Supervisor, TaskFailure
from atlas_core.testing import run_virtual
from tests.journal_samples import short_run


def test_another_process_backs_a_journal_up_while_this_one_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
        asyncio.run(back_up_beside(path))
        [taken] = backups_in(tmp_path / "backups")
        asyncio.run(back_up_beside(path))
        journal.append(short_run())
    assert backups_in(tmp_path / "backups")[0] == taken


def test_a_backup_that_fails_says_why(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("no journal\n" * 1_000)
    with pytest.raises(BackupFailed, match=r"the backup of .* failed: .*was not a SQLite file"):
        asyncio.run(BackupTask(path).run())


def test_backups_are_tried_again_however_long_they_fail() -> None:
    failures: list[TaskFailure] = []

    async def fail() -> None:
        raise BackupFailed("the disk is full")

    async def session() -> None:
        async with Supervisor(lambda: 1.0, failures.append) as tasks:
            tasks.own("backups", fail, restart=Restart.ALWAYS)
            await asyncio.sleep(4 * 3_600)
            assert tasks.names() == ("backups",)

    run_virtual(session())
    assert {failure.action for failure in failures} == {Action.RESTART, Action.BENCH}
