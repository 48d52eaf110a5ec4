"""What a person is told of a command: that it is done once the journal has it, also where that takes a while."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from atlas_core.errors import JournalFull
from atlas_core.journal import Journal
from atlas_core.model.records import OperatorActed, Record
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.session import Session
from tests.live_scene import Scene
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
