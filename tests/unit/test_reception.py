"""Commands of people while another process holds the file that they come in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from loguru import logger

from atlas_core.clock import SimClock
from atlas_core.control.file import Busy, ControlFile
from atlas_core.control.inbox import DONE, WAITING, Inbox, Request
from atlas_core.errors import AtlasError
from atlas_core.runtime.reception import Reception

NOW = 1_775_347_200_000_000_000


@define
class Obedient:
    """An operator that does everything and remembers it."""

    done: list[str] = field(factory=list)

    def notice_kill(self) -> None: ...

    def obey(self, request: Request) -> str:
        self.done.append(request.name)
        return f"{request.name} done"


@define
class HeldFile:
    """A control file that another process holds at the writes of these numbers."""

    file: ControlFile
    held_at: set[int]
    writes: int = 0

    def write(self, *asked: Any) -> Any:
        self.writes += 1
        if self.writes in self.held_at:
            raise Busy("held by another process")
        return self.file.write(*asked)

    def read(self, *asked: Any) -> Any:
        return self.file.read(*asked)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlFile]:
    with ControlFile(tmp_path / "control.db") as file:
        for key, name in (("1", "pause"), ("2", "kill")):
            Inbox(file).send(key, name, {}, "anna", NOW)
        yield file


def _reception(control: ControlFile, *held_at: int) -> tuple[Reception, Obedient]:
    def at_once(done: Callable[[], None]) -> None:
        done()

    operator = Obedient()
    return Reception(HeldFile(control, set(held_at)), operator, SimClock(NOW), at_once), operator  # type: ignore[arg-type]


def _statuses(control: ControlFile) -> list[str]:
    return [Inbox(control).request(number).status for number in (1, 2)]


@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_file_that_is_held_for_a_moment_loses_no_command_and_no_answer(control: ControlFile, write: int) -> None:
    reception, operator = _reception(control, write)
    reception.look()
    reception.look()
    assert operator.done == ["pause", "kill"]
    assert _statuses(control) == [DONE, DONE]


def test_what_could_not_be_taken_waits(control: ControlFile) -> None:
    reception, operator = _reception(control, 2)
    reception.look()
    assert operator.done == ["pause"]
    assert _statuses(control) == [DONE, WAITING]


@define
class BrokenFile:
    """A control file whose disk fails while it `is_broken`."""

    file: ControlFile
    is_broken: bool = True

    def write(self, *asked: Any) -> Any:
        if self.is_broken:
            raise AtlasError("the disk failed")
        return self.file.write(*asked)

    def read(self, *asked: Any) -> Any:
        return self.file.read(*asked)


def test_each_outage_of_the_file_is_logged_once_and_its_end_too(control: ControlFile) -> None:
    said: list[str] = []
    handler = logger.add(lambda message: said.append(message.record["message"]))
    broken = BrokenFile(control)
    reception = Reception(broken, Obedient(), SimClock(NOW), lambda _done: None)  # type: ignore[arg-type]
    for key, is_broken in enumerate((True, True, False, False, True, True), start=3):
        Inbox(control).send(str(key), "pause", {}, "anna", NOW)
        broken.is_broken = is_broken
        reception.look()
    logger.remove(handler)
    lost = "commands cannot be taken, the session goes on without them: the disk failed"
    assert said == [lost, "commands are taken again", lost]


def test_a_commit_that_a_reader_held_up_can_be_tried_again(tmp_path: Path) -> None:
    with ControlFile(tmp_path / "control.db", waits=0) as file:
        reader = sqlite3.connect(file.path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM command").fetchall()
        with pytest.raises(Busy):
            Inbox(file).send("1", "pause", {}, "anna", NOW)
        reader.execute("COMMIT")
        reader.close()
        assert Inbox(file).send("1", "pause", {}, "anna", NOW).status == WAITING
