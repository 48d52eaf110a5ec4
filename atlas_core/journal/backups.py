"""Copies of a journal that were opened and checked before they count, which of them are kept, and the way back.

A backup is made from a snapshot by a connection that only reads, so a session goes on meanwhile; made by a process of
its own it does not even share the interpreter.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.errors import NotFound
from atlas_core.journal.files import make_private_directory, restoring_path, sync_directory
from atlas_core.journal.lock import WriterLock
from atlas_core.journal.reader import JournalReader
from atlas_core.model.timeframe import DAY, HOUR

HOURS_KEPT = 24
DAYS_KEPT = 30
_NAME = re.compile(r"journal-(\d{8}T\d{6})Z\.db")
_TIME = "%Y%m%dT%H%M%S"


@frozen
class Backup:
    """A copy of a journal and when it was taken (nanoseconds UTC)."""

    path: Path
    taken_at: int


@frozen
class TakenBackup:
    """A new backup: how many events it holds, the last one's hash, and its size in bytes."""

    path: Path
    events: int
    digest: str
    size: int


def take_backup(journal: Path, directory: Path, now: int) -> TakenBackup:
    """Copy a journal, check the copy, and only then give it its name; remove the backups that are not kept.

    Raises NotFound and JournalError, JournalCorrupt when the copy (and so the journal) cannot be believed; no backup
    is made or removed then.
    """
    make_private_directory(directory)
    target = directory / f"journal-{to_datetime(now):{_TIME}}Z.db"
    with JournalReader.open(journal) as reader:
        events, digest = reader.back_up(target)
    _remove_what_is_not_kept(directory)
    return TakenBackup(target, events, digest, target.stat().st_size)


def _remove_what_is_not_kept(directory: Path) -> None:
    taken = backups_in(directory)
    kept = kept_times(each.taken_at for each in taken)
    for backup in taken:
        if backup.taken_at not in kept:
            backup.path.unlink(missing_ok=True)


def backups_in(directory: Path) -> tuple[Backup, ...]:
    """Return the backups of a directory, oldest first."""
    found = []
    for path in sorted(directory.glob("journal-*.db")):
        match = _NAME.fullmatch(path.name)
        if match:
            moment = datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
            found.append(Backup(path, from_datetime(moment)))
    return tuple(found)


def is_due(directory: Path, now: int) -> bool:
    """Tell whether there is none of this hour; one of a clock that was ahead holds up no other."""
    return all(now // HOUR != backup.taken_at // HOUR for backup in backups_in(directory))


def kept_times(taken_at: Iterable[int]) -> frozenset[int]:
    """Return which backups are kept: the last one of each of 24 hours and of each of 30 days (UTC) that have one."""
    times = sorted(taken_at)
    kept: set[int] = set()
    for span, count in ((HOUR, HOURS_KEPT), (DAY, DAYS_KEPT)):
        last_of = {ts // span: ts for ts in times}
        kept.update(sorted(last_of.values())[-count:])
    return frozenset(kept)


def restore_backup(backup: Path, journal: Path, now: int) -> Path | None:
    """Put a checked backup in the place of a journal; return where the replaced one went, with its log, if any.

    It can be cut off anywhere: the journal is refused until it was done again. Raises JournalError while a process
    writes to the journal, NotFound and JournalCorrupt when the backup is not there or cannot be believed.
    """
    with JournalReader.open(backup) as reader:
        reader.verify(projections=True)
    make_private_directory(journal.parent)
    lock = WriterLock(journal)
    try:
        waiting = restoring_path(journal)
        _copy(backup, waiting)
        replaced = _move_aside(journal, now)
        waiting.replace(journal)
        sync_directory(journal.parent)
    finally:
        lock.release()
    return replaced


def _copy(backup: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    with backup.open("rb") as source, open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        os.fsync(copy.fileno())
    partial.replace(target)
    sync_directory(target.parent)


def _move_aside(journal: Path, now: int) -> Path | None:
    """Move a journal away together with its log: one without the other is a damaged one, and the next one's poison."""
    replaced = journal.with_name(f"{journal.name}.replaced-{to_datetime(now):{_TIME}}Z")
    journal.with_name(journal.name + "-shm").unlink(missing_ok=True)
    log = journal.with_name(journal.name + "-wal")
    if log.exists():
        log.replace(replaced.with_name(replaced.name + "-wal"))
    if not journal.exists():
        return None
    journal.replace(replaced)
    return replaced


def newest_backup(directory: Path) -> Backup:
    """Return the newest backup; raises NotFound."""
    found = backups_in(directory)
    if not found:
        raise NotFound(f"there is no backup in {directory}; make one: atlas backup")
    return found[-1]
