"""A live session on a disk that fills up: it stops its entries and goes on with everything else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from atlas_core.errors import JournalFull
from atlas_core.journal import Journal
from atlas_core.journal.ballast import Ballast
from atlas_core.model.records import PositionClosed, PositionOpened, TradingStateChanged, VerdictReached
from atlas_core.runtime.disk_room import NO_ROOM, DiskRoom
from atlas_core.runtime.session import Session
from atlas_core.watching import Scribe, Unwatched
from tests.journal_samples import signal
from tests.live_scene import Scene
from tests.memory import found


def _pages(journal: Journal) -> int:
    return int(journal._connection.execute("PRAGMA page_count").fetchone()[0])


def fill_up(journal: Journal) -> None:
    """Leave the journal no page more than it has."""
    journal._connection.execute(f"PRAGMA max_page_count = {_pages(journal)}")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A journal whose disk has room again when the ballast goes."""
    made = Journal.create(tmp_path / "journal.db")
    release = Ballast.release

    def give_up(ballast: Ballast) -> bool:
        made._connection.execute("PRAGMA max_page_count = 1000000")
        return release(ballast)

    monkeypatch.setattr(Ballast, "release", give_up)
    return made


def test_exits_go_on_and_entries_stop_when_the_disk_is_full(journal: Journal) -> None:
    signals = ((3, "X", 1), (8, "X", 1), (25, "X", 1))
    scene = Scene(journal=journal, signals=signals, prices={6: (100.0, 90.0), 7: (90.0, 90.0)})

    def later(_: Session) -> None:
        asyncio.get_running_loop().call_later(5 * 60 + 30, fill_up, journal)

    scene.run(30, later)
    assert len(found(scene.records, PositionOpened)) == 1
    assert len(found(scene.records, PositionClosed)) == 1
    [halted] = found(scene.records, TradingStateChanged)
    assert (halted.state, halted.by, halted.reason) == ("halted", "journal", NO_ROOM)
    last = found(scene.records, VerdictReached)[-1]
    assert (last.outcome, last.by) == ("refused", "limit kill_switch")
    journal.verify(projections=True)
    journal.close()


def test_without_ballast_a_full_disk_ends_the_session(journal: Journal, tmp_path: Path) -> None:
    room = DiskRoom(Ballast(tmp_path / "none"))
    scribe = Scribe(journal, Unwatched())
    fill_up(journal)
    scribe.take([signal(f"k{number}") for number in range(500)])
    with pytest.raises(JournalFull):
        room.write(scribe)
    journal.close()


def test_ballast_is_laid_again_when_there_is_room(journal: Journal) -> None:
    room = DiskRoom.beside(journal)
    assert room is not None
    assert room.ballast.is_laid
    scribe = Scribe(journal, Unwatched())
    fill_up(journal)
    scribe.take([signal(f"k{number}") for number in range(500)])
    assert room.write(scribe)
    assert room.is_short
    assert not room.ballast.is_laid
    assert not room.write(scribe)
    assert not room.is_short
    assert room.ballast.is_laid
    assert journal.count() == 500
    journal.close()


def test_a_journal_in_memory_needs_no_room() -> None:
    with Journal.in_memory() as journal:
        assert DiskRoom.beside(journal) is None
