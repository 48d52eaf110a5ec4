"""Progress of the critical loops, and what the watchdog does when one stands still."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import define, field

from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.watchdog import WATCHDOG_EXIT, Watchdog, WatchdogRule


@define
class Seconds:
    """A monotonic clock that a test moves."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Ended(Exception):
    pass


@define(slots=False)
class Scene:
    """A board with one loop of 60 seconds, and a watchdog whose end is an exception."""

    stacks: Path
    seconds: Seconds = field(factory=Seconds)
    words: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.board = ProgressBoard(self.seconds)
        self.board.expect("market", 60)
        self.codes: list[int] = []
        self.dog = Watchdog(self.board, self.stacks, self.words.append, end=self._end)

    def _end(self, code: int) -> NoReturn:
        self.codes.append(code)
        raise Ended

    def pass_by(self, seconds: int, *, beating: bool = False) -> None:
        """Let time pass second by second, with a look at each."""
        for _ in range(seconds):
            self.seconds.now += 1
            if beating:
                self.board.beat("market")
            self.dog.look()


def test_a_loop_that_beats_is_never_touched(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "stacks.txt")
    scene.pass_by(10_000, beating=True)
    assert not scene.stacks.exists()
    assert scene.board.counts == {"market": 10_000}


def test_at_half_of_its_time_the_stacks_are_written_once_and_at_the_whole_the_process_ends(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "stacks.txt")
    scene.pass_by(29)
    assert not scene.stacks.exists()
    scene.pass_by(1)
    assert "test_watchdog" in scene.stacks.read_text()
    scene.stacks.unlink()
    scene.pass_by(29)
    assert not scene.stacks.exists()
    with pytest.raises(Ended):
        scene.pass_by(1)
    assert scene.codes == [WATCHDOG_EXIT]
    assert scene.words == ["the watchdog ended the process: no progress of market (100% of its time)"]


def test_a_loop_that_comes_back_and_slows_down_again_is_dumped_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "stacks.txt")
    scene.pass_by(40)
    scene.stacks.unlink()
    scene.pass_by(1, beating=True)
    scene.pass_by(40)
    assert scene.stacks.exists()
    assert scene.codes == []


def test_a_process_that_was_stopped_for_hours_gets_its_time_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "stacks.txt")
    scene.pass_by(5)
    scene.seconds.now += 8 * 3600
    scene.dog.look()
    scene.pass_by(29)
    assert scene.codes == []
    assert not scene.stacks.exists()


def test_stacks_that_cannot_be_written_keep_nobody_alive(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "gone" / "stacks.txt")
    with pytest.raises(Ended):
        scene.pass_by(60)
    assert scene.codes == [WATCHDOG_EXIT]


def test_a_loop_that_is_not_expected_is_only_counted(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "stacks.txt")
    scene.board.beat("extra")
    scene.pass_by(200, beating=True)
    assert scene.board.counts == {"market": 200, "extra": 1}
    assert scene.board.late() == {}


def test_each_loop_has_a_time_of_its_own() -> None:
    seconds = Seconds()
    board = ProgressBoard(seconds)
    board.expect("market", 60)
    board.expect("reconcile", 75)
    seconds.now += 60
    assert board.late() == {"market": 1.0}
    board.note("bar", 7)
    board.note("bar", 5)
    assert board.as_of == {"bar": 7}


def test_the_rule_forgives_only_when_it_was_itself_held_up() -> None:
    rule = WatchdogRule()
    assert rule.judge({"market": 2.0}, 0.0) == "end"
    assert rule.judge({"market": 2.0}, 11.0) == "forgive"
    assert rule.judge({"market": 2.0}, 12.0) == "end"


def test_the_thread_looks_until_it_is_left(tmp_path: Path) -> None:
    looked = threading.Event()
    board = ProgressBoard(Seconds())
    dog = Watchdog(board, tmp_path / "s", lambda _text: None)
    dog._stopped.wait = lambda _seconds: looked.set() or False  # type: ignore[method-assign,func-returns-value]
    with dog:
        assert looked.wait(5)
        dog._stopped.wait = lambda _seconds: True  # type: ignore[method-assign]
    assert dog._thread is not None
    assert not dog._thread.is_alive()
