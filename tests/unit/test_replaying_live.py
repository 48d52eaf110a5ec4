"""Sessions on a venue that answers later, decided again from their tapes: lost answers, fills told late, a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from atlas_core.errors import NotReady
from atlas_core.journal import Journal
from atlas_core.model.records import OrderMoved, PositionClosed, SessionResumed
from atlas_core.runtime.instrument_memory import InstrumentFile
from atlas_core.runtime.recording import TapeRecorder, read_tape, tapes_in
from atlas_core.runtime.replaying import ReplayResult, replay
from tests.live_scene import Scene, lost
from tests.memory import found
from tests.unit.test_arrival import AwayTape, back_at
from tests.unit.test_replaying import rewritten

FALLS = {6: (100.0, 90.0), 7: (90.0, 90.0)}


def recorded(directory: Path, **changes: object) -> Scene:
    journal = Journal.create(directory / "journal.db")
    recorder = lambda: TapeRecorder.beside(journal.path, journal.count() + 1)  # noqa: E731
    return Scene(journal=journal, recorder=recorder, **changes)  # type: ignore[arg-type]


def replayed(scene: Scene, tape: Path) -> ReplayResult:
    loop = asyncio.new_event_loop()
    try:
        return replay(tape, scene.journal, scene._system(loop))
    finally:
        loop.close()


def deaf(scene: Scene) -> None:
    scene.venue.is_deaf = True


def losing_answers(scene: Scene) -> None:
    scene.venue.after["submit"] = lost


def losing_requests(scene: Scene) -> None:
    scene.venue.before["submit"] = lost


@pytest.mark.parametrize("fault", [bool, deaf, losing_answers, losing_requests])
def test_a_live_session_is_decided_again_whatever_its_venue_did(
    tmp_path: Path, fault: Callable[[Scene], object]
) -> None:
    scene = recorded(tmp_path, prices=FALLS)
    fault(scene)
    scene.run(10)
    [tape] = tapes_in(tmp_path)
    result = replayed(scene, tape)
    assert result.difference is None
    assert (result.is_whole, result.compared) == (True, scene.journal.count())
    assert found(scene.records, OrderMoved)
    scene.journal.close()


def test_each_session_that_goes_on_has_a_tape_of_its_own(tmp_path: Path) -> None:
    scene = recorded(tmp_path, prices=FALLS)
    scene.run(5)
    first_end = scene.journal.count()
    scene.run(5, start=6)
    first, second = tapes_in(tmp_path)
    assert found(scene.records, SessionResumed)
    assert found(scene.records, PositionClosed)
    result = replayed(scene, first)
    assert (result.difference, result.last_seq) == (None, first_end)
    result = replayed(scene, second)
    assert result.difference is None
    assert (result.first_seq, result.last_seq) == (first_end + 1, scene.journal.count())
    scene.journal.close()


def test_what_a_session_of_the_next_day_begins_with_is_no_part_of_the_one_before(tmp_path: Path) -> None:
    scene = recorded(tmp_path)
    scene.run(5)
    first_end = scene.journal.count()
    scene.run(1, start=24 * 60 + 6)
    result = replayed(scene, tapes_in(tmp_path)[0])
    assert (result.difference, result.is_whole, result.last_seq) == (None, True, first_end)
    scene.journal.close()


def test_a_tape_ahead_of_a_journal_that_the_next_session_continued_is_no_difference(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = recorded(tmp_path / "whole")
    whole.run(5)
    entries = [entry for entry in read_tape(tapes_in(tmp_path / "whole")[0]) if entry[0] != "pause"]
    scene = recorded(tmp_path / "cut", venue=whole.venue)
    scene.journal.append(whole.records[:-5])
    first = rewritten(tapes_in(tmp_path / "whole")[0], entries, tmp_path / "cut")
    scene.run(1, start=6)
    result = replayed(scene, first)
    assert (result.difference, result.is_whole, result.last_seq) == (None, False, len(whole.records) - 5)
    whole.journal.close()
    scene.journal.close()


def test_the_answers_of_the_venue_are_on_the_tape(tmp_path: Path) -> None:
    scene = recorded(tmp_path)
    losing_answers(scene)
    scene.run(6)
    names = {entry[1] for entry in read_tape(tapes_in(tmp_path)[0]) if entry[0] == "event"}
    assert {"AccountRead", "BarClosed", "OrderUnknown", "SignalsFound", "Tick"} <= names
    scene.journal.close()


def test_a_session_that_met_its_market_late_is_decided_again(tmp_path: Path) -> None:
    fails: dict[str, Exception] = {}
    memory, tape = InstrumentFile(tmp_path / "instruments.json"), partial(AwayTape, fails=fails)
    scene = recorded(tmp_path, memory=memory, tape=tape, prices={14: (100.0, 90.0)})
    scene.run(6)
    fails["open"] = NotReady("503")
    scene.run(18, back_at(12, fails), start=7)
    _, late = tapes_in(tmp_path)
    assert found(scene.records, PositionClosed)
    result = replayed(scene, late)
    assert result.difference is None
    assert (result.is_whole, result.last_seq) == (True, scene.journal.count())
    scene.journal.close()
