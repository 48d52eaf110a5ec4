from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.errors import JournalCorrupt, JournalError, NotFound
from atlas_core.journal import Journal, JournalReader
from atlas_core.model.records import Record
from tests.journal_samples import related_records, short_run, signal, verdict

Opener = Callable[[Path], JournalReader]


@contextmanager
def _journal_of(groups: Sequence[Sequence[Record]]) -> Iterator[Journal]:
    with Journal.in_memory() as journal:
        for group in groups:
            journal.append(group)
        yield journal


def _digest_of(records: Sequence[Record]) -> str:
    with _journal_of([records]) as journal:
        return journal.digest()


def test_a_file_is_appended_to_closed_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.db"
    records = short_run()
    with Journal.create(path) as journal:
        journal.append(records[:5])
        middle = journal.digest()
    with Journal.open(path) as journal:
        assert (journal.digest(), journal.count()) == (middle, 5)
        journal.append(records[5:])
        journal.verify(projections=True)
    with JournalReader.open(path) as reader:
        assert list(reader.records()) == records
        assert reader.digest() == _digest_of(records)


def test_an_empty_journal_has_no_digest_and_holds() -> None:
    with _journal_of([[]]) as journal:
        assert (journal.digest(), journal.count(), list(journal.records())) == ("", 0, [])
        journal.verify(projections=True)


@settings(max_examples=30, deadline=None)
@given(st.lists(related_records(), min_size=1, max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_neither_digest_nor_projections_depend_on_how_records_were_grouped(
    records: list[Record], cuts: list[int]
) -> None:
    edges = [0, *sorted(cuts), len(records)]
    groups = [records[start:end] for start, end in pairwise(edges)]
    with _journal_of(groups) as grouped, _journal_of([records]) as at_once:
        assert grouped.digest() == at_once.digest()
        assert grouped.projection_dump() == at_once.projection_dump()
        grouped.verify(projections=True)


def test_a_large_append_is_cut_into_pieces_that_nobody_can_see() -> None:
    records: list[Record] = []
    for number in range(6_000):
        records += [signal(f"k{number}", number), verdict(f"k{number}", number)]
    with _journal_of([records]) as journal, _journal_of([records[:9_999], records[9_999:]]) as pieces:
        assert journal.digest() == pieces.digest()
        assert list(journal.records()) == records
        journal.verify(projections=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([signal("a"), signal("b")], [signal("b"), signal("a")]),
        ([signal("a", 1)], [signal("a", 2)]),
        ([signal("a", score=1.0)], [signal("a", score=1.5)]),
        ([signal("a")], [signal("a"), signal("a")]),
    ],
)
def test_different_records_have_different_digests(one: list[Record], other: list[Record]) -> None:
    assert _digest_of(one) != _digest_of(other)


def test_a_record_that_cannot_be_written_takes_the_whole_append_back() -> None:
    with _journal_of([short_run()]) as journal:
        before = journal.digest(), journal.projection_dump()
        with pytest.raises(JournalError, match=r"cannot record signal_detected\.score"):
            journal.append([signal("new"), signal("worse", score=float("nan"))])
        assert (journal.digest(), journal.projection_dump()) == before
        journal.append([signal("new")])
        journal.verify(projections=True)


def test_facts_beside_the_chain_do_not_change_the_digest(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        with Journal.create(tmp_path / name, about={"run_id": f"demo-{name}"}) as journal:
            journal.append(short_run())
            digests.append(journal.digest())
            meta = journal.meta()
            assert meta["run_id"] == f"demo-{name}"
            assert meta["created_by"].startswith("atlas ")
    assert digests[0] == digests[1]


def test_rebuilding_gives_the_live_projections_byte_for_byte() -> None:
    with _journal_of([short_run()]) as journal:
        live = journal.projection_dump()
        journal._connection.execute("UPDATE trade SET net = '1000000'")
        journal._connection.execute("DROP TABLE signal")
        journal.rebuild()
        assert journal.projection_dump() == live
        assert len(live.splitlines()) == 12


def test_a_journal_is_private_and_in_one_file_when_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
        modes = [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()]
        assert modes == [0o600] * len(modes)
        assert (tmp_path / "journal.db-wal").stat().st_size > 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.db", "journal.db.lock"]


def test_the_writer_syncs_fully_and_trusts_no_schema(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "journal.db") as journal:

        def setting(name: str) -> object:
            return journal._connection.execute(f"PRAGMA {name}").fetchone()[0]

        assert setting("journal_mode") == "wal"
        assert setting("synchronous") == 2
        assert setting("foreign_keys") == 1
        assert setting("trusted_schema") == 0
        assert setting("cell_size_check") == 1


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("mine")
    with pytest.raises(JournalError, match=r"expected no file at .*, was one"):
        Journal.create(path)
    assert path.read_text() == "mine"


def test_a_second_writer_is_refused_and_told_who_holds_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        with pytest.raises(JournalError, match=f"only writer of .*, process {os.getpid()} is one already"):
            Journal.open(path)
        journal.append(short_run())
    Journal.open(path).close()


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "journal.db")
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(short_run())


_BOTH_WAYS = pytest.mark.parametrize("open_it", [Journal.open, JournalReader.open], ids=["to write", "to read"])


@_BOTH_WAYS
def test_opening_what_is_not_there_makes_nothing(tmp_path: Path, open_it: Opener) -> None:
    with pytest.raises(NotFound, match="there is no journal at"):
        open_it(tmp_path / "journal.db")
    assert list(tmp_path.iterdir()) == []


@_BOTH_WAYS
def test_a_directory_is_not_opened(tmp_path: Path, open_it: Opener) -> None:
    with pytest.raises(JournalError, match=r"expected a journal file at .*, was a directory"):
        open_it(tmp_path)


@_BOTH_WAYS
def test_an_empty_file_is_not_opened(tmp_path: Path, open_it: Opener) -> None:
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalError, match="was an empty file; delete it"):
        open_it(tmp_path / "journal.db")


@_BOTH_WAYS
def test_another_kind_of_file_is_not_opened(tmp_path: Path, open_it: Opener) -> None:
    (tmp_path / "journal.db").write_text("ts,open,high,low,close\n" * 100)
    with pytest.raises(JournalError, match="was not a SQLite file"):
        open_it(tmp_path / "journal.db")


@_BOTH_WAYS
def test_the_database_of_another_program_is_left_as_it_is(tmp_path: Path, open_it: Opener) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE event (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="was the SQLite file of another program"):
        open_it(path)
    assert path.read_bytes() == before


@_BOTH_WAYS
@pytest.mark.parametrize("kept", [50, 4096, 20_000])
def test_a_file_that_is_cut_off_is_not_opened(tmp_path: Path, open_it: Opener, kept: int) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.append(short_run())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(JournalError, match=r"cut off|not a SQLite file") as caught:
        open_it(path)
    assert str(path) in str(caught.value)


def test_a_reader_follows_the_writer_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal, JournalReader.open(path) as reader:
        journal.append(short_run()[:3])
        assert reader.count() == 3
        iterator = reader.records()
        first = next(iterator)
        journal.append(short_run()[3:])
        assert [first, *iterator] == short_run()[:3]
        assert reader.digest() == journal.digest()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM signal")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE event SET hash = randomblob(32) WHERE seq = 2", "event 2: expected hash"),
        ("UPDATE event SET ts = ts + 1 WHERE seq = 3", "event 3: expected hash"),
        ("UPDATE event SET subject = 'x' WHERE seq = 4", "event 4: expected hash"),
        ("UPDATE event SET kind = 'signal_armed' WHERE seq = 2", "event 2: expected hash"),
        ("UPDATE event SET version = 2 WHERE seq = 22", "event 22: expected hash"),
        ("UPDATE event SET payload = replace(payload, '1.2', '1.4') WHERE seq = 3", "event 3: expected hash"),
        ("DELETE FROM event WHERE seq = 5", "event 5: expected it next in the journal, was event 6"),
        ("DELETE FROM event WHERE seq = 1", "event 1: expected it next in the journal, was event 2"),
        ("UPDATE trade SET net = '59.330'", "projections: expected .*58.330.*, was .*59.330"),
        ("DELETE FROM trade", "projections: expected .*58.330.*, was the end"),
        ("INSERT INTO equity VALUES (9, '1', '1', '1')", "projections: expected"),
    ],
)
def test_verify_names_the_first_event_or_row_that_is_wrong(sql: str, expected: str) -> None:
    with _journal_of([short_run()]) as journal:
        journal._connection.execute("DROP TRIGGER event_is_never_changed")
        journal._connection.execute("DROP TRIGGER event_is_never_deleted")
        journal.verify(projections=True)
        journal._connection.execute(sql)
        with pytest.raises(JournalCorrupt, match=expected):
            journal.verify(projections=True)
