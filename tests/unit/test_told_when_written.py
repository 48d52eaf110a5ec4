"""What people are told of a live session: a command is done once the journal has it, and what stops entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from atlas_core.contracts import HistoryRequest
from atlas_core.errors import JournalFull
from atlas_core.journal import Journal
from atlas_core.model.events import BarClosed
from atlas_core.model.records import OperatorActed, Record
from atlas_core.model.timeframe import SECOND
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.session import Session
from tests.live_scene import Scene, Tape, lost
from tests.memory import found


def test_nobody_is_told_that_a_command_is_done_while_the_journal_takes_nothing() -> None:
    scene = Scene()
    refusals = 3
    in_journal: list[int] = []

    def append(records: Sequence[Record]) -> range:
        nonlocal refusals
        if refusals and any(isinstance(record, OperatorActed) for record in records):
            refusals -= 1
            raise JournalFull("the disk is full")
        return Journal.append(scene.journal, records)

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))

        def halt() -> None:
            face.command("halt", "anna", {"reason": "enough"})
            face.when_written(lambda: in_journal.append(len(found(scene.records, OperatorActed))))

        loop.call_later(61, halt)

    scene.journal.append = append  # type: ignore[method-assign]
    scene.run(2, begin)
    assert refusals == 0
    assert in_journal == [1]


def test_the_sign_of_life_tells_the_last_read_of_the_account_also_where_it_said_nothing_new() -> None:
    scene = Scene(signals=())
    read_at: list[int] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))

        def look() -> None:
            face.vitals()
            read_at.append(scene.venue.now() - face.board.as_of["reconcile"])

        loop.call_later(200, look)

    scene.run(4, begin)
    assert read_at[0] <= 31 * SECOND


def test_the_sign_of_life_says_in_which_symbols_nothing_is_entered() -> None:
    scene = Scene()
    scene.venue.before["submit"] = lost
    blocked: list[object] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))
        for seconds in (179, 182):
            loop.call_later(seconds, lambda: blocked.append(face.vitals().blocked))

    scene.run(4, begin)
    assert blocked == [{}, {"X": "an order in this symbol is not settled"}]


def test_the_sign_of_life_names_a_stream_that_is_given_up_for_its_own_fault() -> None:
    class Faulty(Tape):
        async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
            raise KeyError("price")
            yield

    scene = Scene(signals=(), tape=Faulty)
    benched: list[object] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))
        for minutes in (0.5, 29.5):
            loop.call_later(minutes * 60, lambda: benched.append(face.vitals().benched))

    scene.run(30, begin)
    assert benched == [{"provider stream": "benched"}, {"provider stream": "given up"}]


def test_the_sign_of_life_says_that_nothing_is_entered_while_the_account_cannot_be_read() -> None:
    scene = Scene(signals=())
    stopped: list[str] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))
        for seconds in (61, 200):
            loop.call_later(seconds, lambda: stopped.append(face.vitals().stopped))
        loop.call_later(62, scene.venue.before.update, {"snapshot": lost})

    scene.run(4, begin)
    assert stopped == ["", "the account was not read completely for too long"]
