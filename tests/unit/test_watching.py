from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import pytest
from attrs import define, evolve, field

from atlas_core.errors import JournalError
from atlas_core.journal import Journal
from atlas_core.model.records import PositionClosed, Record, RunFinished
from atlas_core.runs import RunSummary
from atlas_core.watching import FLUSH_AT, Scribe, Unwatched, Watch
from tests.journal_samples import short_run, signal


@define
class Notes(Watch):
    """Writes down what it was told, and how much the journal held by then."""

    journal: Journal
    told: list[list[Record]] = field(factory=list)
    written: list[int] = field(factory=list)

    def progress(self, done: int, total: int, now: int) -> None:
        raise AssertionError("a scribe knows nothing of progress")

    def records(self, records: Sequence[Record]) -> None:
        self.told.append(list(records))
        self.written.append(self.journal.count())


@pytest.fixture
def journal() -> Iterator[Journal]:
    with Journal.in_memory() as journal:
        yield journal


def test_records_wait_until_they_are_flushed(journal: Journal) -> None:
    notes = Notes(journal)
    scribe, run = Scribe(journal, notes), short_run()
    scribe.take(run[:2])
    scribe.take(run[2:5])
    assert (journal.count(), notes.told) == (0, [])
    scribe.flush()
    assert list(journal.records()) == run[:5]
    assert notes.told == [run[:5]]


def test_who_watches_learns_of_records_when_they_are_safe(journal: Journal) -> None:
    notes = Notes(journal)
    scribe = Scribe(journal, notes)
    scribe.take(short_run())
    scribe.flush()
    assert notes.written == [len(short_run())]


def test_a_flush_without_records_tells_nobody(journal: Journal) -> None:
    notes = Notes(journal)
    scribe = Scribe(journal, notes)
    scribe.take([])
    scribe.flush()
    scribe.take(short_run())
    scribe.flush()
    scribe.flush()
    assert len(notes.told) == 1


def test_a_full_ledger_is_written_without_being_asked(journal: Journal) -> None:
    scribe = Scribe(journal, Unwatched())
    many: list[Record] = [signal(f"sig-{number}", number) for number in range(FLUSH_AT - 1)]
    scribe.take(many)
    assert journal.count() == 0
    scribe.take([signal("sig-last", FLUSH_AT)])
    assert journal.count() == FLUSH_AT
    assert scribe.signals == FLUSH_AT


def test_taking_a_list_leaves_it_to_its_owner(journal: Journal) -> None:
    scribe, mine = Scribe(journal, Unwatched()), short_run()[:2]
    scribe.take(mine)
    scribe.take(short_run()[2:4])
    assert mine == short_run()[:2]


def test_the_summary_counts_signals_and_trades_and_their_net(journal: Journal) -> None:
    scribe, run = Scribe(journal, Unwatched()), short_run()
    (closed,) = (record for record in run if isinstance(record, PositionClosed))
    run.insert(run.index(closed), evolve(closed, trade_id=2, net=Decimal("-8.33")))
    for record in run:
        scribe.take([record])
    assert scribe.summary(3, Decimal("10058.33"), "end of data") == RunSummary(
        signals=2, trades=2, open_positions=3, net=Decimal("50.00"), equity=Decimal("10058.33"),
        digest=journal.digest(), reason="end of data",
    )  # fmt: skip
    assert journal.count() == len(run)
    assert isinstance(list(journal.records())[-1], RunFinished)


def test_what_the_journal_refuses_is_neither_counted_nor_told(journal: Journal) -> None:
    notes = Notes(journal)
    scribe = Scribe(journal, notes)
    scribe.take([signal("sig-1"), signal("sig-2", score=float("nan"))])
    with pytest.raises(JournalError, match=r"signal_detected\.score"):
        scribe.flush()
    assert (scribe.signals, journal.count(), notes.told) == (0, 0, [])
