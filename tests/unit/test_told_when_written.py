"""What people are told of a live session: a command is done once the journal has it, and what stops entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

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


def seen(scene: Scene, minutes: int, look: Callable[[SessionFace], object], *seconds: float) -> list[object]:
    """Run a scene for so long, and return what a look at its face showed at each of some seconds."""
    shown: list[object] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))
        for second in seconds:
            loop.call_later(second, lambda: shown.append(look(face)))

    scene.run(minutes, begin)
    return shown


def test_the_sign_of_life_tells_the_last_read_of_the_account_also_where_it_said_nothing_new() -> None:
    scene = Scene(signals=())

    def is_read_lately(face: SessionFace) -> bool:
        face.vitals()
        return scene.venue.now() - face.board.as_of["reconcile"] <= 31 * SECOND

    assert seen(scene, 4, is_read_lately, 200) == [True]


def test_the_sign_of_life_says_in_which_symbols_nothing_is_entered() -> None:
    scene = Scene()
    scene.venue.before["submit"] = lost
    blocked = seen(scene, 4, lambda face: face.vitals().blocked, 179, 182)
    assert blocked == [{}, {"X": "an order in this symbol is not settled"}]


def test_the_sign_of_life_names_a_stream_that_is_given_up_for_its_own_fault() -> None:
    class Faulty(Tape):
        async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
            raise KeyError("price")
            yield

    scene = Scene(signals=(), tape=Faulty)
    benched = seen(scene, 30, lambda face: face.vitals().benched, 30, 1_770)
    assert benched == [{"provider stream": "benched"}, {"provider stream": "given up"}]


def test_the_sign_of_life_says_that_nothing_is_entered_while_the_account_cannot_be_read() -> None:
    scene = Scene(signals=())

    def stopped(face: SessionFace) -> str:
        scene.venue.before["snapshot"] = lost
        return face.vitals().stopped

    assert seen(scene, 4, stopped, 61, 200) == ["", "the account was not read completely for too long"]
