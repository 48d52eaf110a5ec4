"""A kill that a person asks of a session whose disk takes no file any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atlas_core.clock import SimClock
from atlas_core.control.file import ControlFile
from atlas_core.control.inbox import DONE, REFUSED, Inbox
from atlas_core.control.kill_switch import EntryPermit, KillSwitch
from atlas_core.runtime.operator import Operator
from atlas_core.runtime.reception import Reception

NOW = 1_775_347_200_000_000_000


def _full(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.fixture
def permit(tmp_path: Path) -> EntryPermit:
    return EntryPermit(KillSwitch(tmp_path / "KILL"))


def _ask(tmp_path: Path, permit: EntryPermit, *asked: tuple[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Let a session hear commands; return what it was told to do, and how each was answered."""
    sent: list[str] = []
    with ControlFile(tmp_path / "control.db") as file:
        operator = Operator(
            permit,
            SimClock(NOW),
            lambda: ["X"],
            lambda name, _actor, _arguments: sent.append(name),
            lambda _reason: None,
        )
        reception = Reception(file, operator, SimClock(NOW), lambda done: done())
        answers = []
        for number, (name, arguments) in enumerate(asked):
            request = Inbox(file).send(f"{number}", name, arguments, "anna", NOW)
            reception.look()
            answers.append(Inbox(file).request(request.id).status)
    return sent, answers


def test_a_kill_stops_entries_and_closes_also_where_its_file_cannot_be_written(
    tmp_path: Path, permit: EntryPermit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.control.kill_switch.write_json", _full)
    sent, answers = _ask(tmp_path, permit, ("kill", {"reason": "smoke", "flatten": True}))
    assert sent == ["halt", "wind-down"]
    assert "smoke" in permit.refusal()
    assert answers == [DONE]


def test_a_kill_without_its_file_is_released_like_any_other(
    tmp_path: Path, permit: EntryPermit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas_core.control.kill_switch.write_json", _full)
    resume = ("resume", {"reason": "looked at"})
    released = ("resume", {"reason": "looked at", "after_kill": True})
    sent, answers = _ask(tmp_path, permit, ("kill", {"reason": "smoke"}), resume, released)
    assert answers == [DONE, REFUSED, DONE]
    assert sent == ["halt", "resume"]
    assert permit.refusal() == ""


def test_a_release_whose_file_cannot_be_removed_is_refused(
    tmp_path: Path, permit: EntryPermit, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit.switch.engage("cli:anna", "smoke", NOW)
    monkeypatch.setattr("atlas_core.control.kill_switch.remove_durably", _full)
    _, answers = _ask(tmp_path, permit, ("resume", {"reason": "looked at", "after_kill": True}))
    assert answers == [REFUSED]
    assert permit.refusal()
