"""What becomes of a journal when its process, its disk or its bytes fail."""

from __future__ import annotations

import os
import signal as signals
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_core.errors import JournalCorrupt, JournalError, JournalFull, JournalLocked
from atlas_core.journal import Journal, JournalReader
from tests.journal_samples import START, short_run, signal, verdict

_WRITER = """
import sys
from pathlib import Path
from atlas_core.journal import Journal
from tests.journal_samples import signal, verdict

path = Path(sys.argv[1])
with Journal.open(path) as journal:
    number = journal.count()
    while True:
        group = [record for i in range(number, number + 5) for record in (signal(f"k{i}", i), verdict(f"k{i}", i))]
        journal.append(group)
        number += len(group)
        print(number, flush=True)
"""

_WRITER_AT_ITS_LIMIT = """
import resource, sys
from pathlib import Path
from atlas_core.errors import JournalFull
from atlas_core.journal import Journal
from tests.journal_samples import short_run, signal

path = Path(sys.argv[1])
journal = Journal.create(path)
journal.append(short_run())
size = path.with_name(path.name + "-wal").stat().st_size
many = [signal(f"k{i}") for i in range(200)]
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, resource.RLIM_INFINITY))
try:
    journal.append(many)
except JournalFull as error:
    print(error)
print(journal.count())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(journal.append(many))
"""


def _python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_killing_the_writer_again_and_again_loses_nothing_that_append_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path).close()
    for cycle in range(0, 15, 3):
        with subprocess.Popen(
            _python(_WRITER, str(path)), stdout=subprocess.PIPE, text=True, env=_environment()
        ) as writer:
            assert writer.stdout is not None
            for _ in range(1 + cycle):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signals.SIGKILL)
            rest = writer.stdout.read().splitlines(keepends=True)
        acknowledged = max([acknowledged, *(int(line) for line in rest if line.endswith("\n"))])
        with JournalReader.open(path) as reader:
            assert reader.count() >= acknowledged
            assert reader.count() % 10 == 0
            assert reader.signal_count() == reader.count() // 2
    with Journal.open(path) as journal:
        journal.verify(projections=True)


def _closed_journal(path: Path) -> bytes:
    with Journal.create(path) as journal:
        journal.append(short_run())
    return path.read_bytes()


def _flipped(content: bytes, at: int, mask: int) -> bytes:
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_a_flipped_byte_anywhere_in_a_payload_is_found(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "journal.db"
    content = _closed_journal(path)
    connection = sqlite3.connect(path)
    payloads = connection.execute("SELECT seq, payload FROM event").fetchall()
    connection.close()
    for seq, payload in payloads:
        start = content.index(payload.encode())
        for offset in range(0, len(payload), 1 if seq == 3 else 37):
            path.write_bytes(_flipped(content, start + offset, mask))
            with JournalReader.open(path) as reader, pytest.raises(JournalCorrupt, match=f"event {seq}: expected hash"):
                reader.verify()


def _everything(path: Path) -> tuple[object, ...]:
    with JournalReader.open(path) as reader:
        reader.verify(projections=True)
        by_subject = [list(reader.records(subject=row.key)) for row in reader.signals()]
        return list(reader.records()), reader.digest(), reader.projection_dump(), by_subject, reader.orders_of(1)


def test_a_flipped_byte_anywhere_in_the_file_is_found_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    content = _closed_journal(path)
    expected = _everything(path)
    found = 0
    for at in range(0, len(content), 419):
        path.write_bytes(_flipped(content, at, 0xFF))
        try:
            assert _everything(path) == expected
        except JournalError:
            found += 1
    assert found > 15


def test_a_full_disk_takes_the_append_back_and_leaves_the_journal_readable(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
        before = journal.digest(), journal.projection_dump()
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        many = [record for i in range(500) for record in (signal(f"k{i}", i), verdict(f"k{i}", i))]
        with pytest.raises(JournalFull, match="the disk is full; nothing of this append was kept"):
            journal.append(many)
        assert (journal.digest(), journal.projection_dump()) == before
        with JournalReader.open(path) as reader:
            assert list(reader.records()) == short_run()
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        journal.append(many)
        journal.verify(projections=True)


def test_a_limit_on_the_size_of_files_is_a_full_disk_and_passes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    script = _python(_WRITER_AT_ITS_LIMIT, str(path))
    result = subprocess.run(script, capture_output=True, text=True, env=_environment(), check=True)
    refusal, count, kept = result.stdout.splitlines()
    assert "the disk is full; nothing of this append was kept" in refusal
    assert (count, kept) == ("22", "range(23, 223)")
    with Journal.resume(path, now=START) as journal:
        journal.verify(projections=True)
        assert list(journal.records())[:22] == short_run()


def test_a_stranger_holding_the_file_fails_the_append_quickly_and_only_this_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        stranger = sqlite3.connect(path, isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked, match="is locked by another program"):
            journal.append(short_run())
        stranger.execute("ROLLBACK")
        stranger.close()
        journal.append(short_run())
        journal.verify(projections=True)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE event SET payload = '{}' WHERE seq = 3",
        "UPDATE event SET seq = 99 WHERE seq = 3",
        "DELETE FROM event WHERE seq = 22",
        "DELETE FROM event",
        "REPLACE INTO event SELECT seq, ts, kind, version, subject, '{}', hash FROM event WHERE seq = 3",
    ],
)
def test_the_file_itself_refuses_to_change_or_delete_an_event(tmp_path: Path, sql: str) -> None:
    with Journal.create(tmp_path / "journal.db") as journal:
        journal.append(short_run())
        with pytest.raises(sqlite3.IntegrityError, match="the journal is append-only"):
            journal._connection.execute(sql)
        journal.verify(projections=True)


def test_an_event_that_a_stranger_added_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _closed_journal(path)
    with sqlite3.connect(path) as stranger:
        stranger.execute("INSERT INTO event VALUES (23, 1, 'signal_armed', 1, 'k', '{\"key\":\"k\"}', randomblob(32))")
    stranger.close()
    with JournalReader.open(path) as reader, pytest.raises(JournalCorrupt, match="event 23: expected hash"):
        reader.verify()
