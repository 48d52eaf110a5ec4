"""The durable kill switch: three ways in, one way out, and closed when in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.control.kill_switch import EntryPermit, KillSwitch
from tests.memory import START


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path / "KILL")


def test_it_is_engaged_by_a_note_that_says_who_and_why(switch: KillSwitch) -> None:
    assert not switch.is_engaged
    assert switch.note() is None
    switch.engage("cli:ann", "the venue behaves oddly", START)
    assert str(switch.note()) == "killed by cli:ann at 2026-04-05 00:00:00Z: the venue behaves oddly"


def test_it_survives_whoever_engaged_it(switch: KillSwitch) -> None:
    switch.engage("cli:ann", "smoke", START)
    assert KillSwitch(switch.path).is_engaged


@pytest.mark.parametrize("content", ["", "stop it", "[]", '{"ts": "soon"}', "{"])
def test_any_file_of_that_name_engages_it(switch: KillSwitch, content: str) -> None:
    switch.path.write_text(content)
    note = switch.note()
    assert note is not None
    assert note.actor == "a file"


def test_a_link_of_that_name_that_leads_nowhere_engages_it_until_it_is_cleared(switch: KillSwitch) -> None:
    switch.path.symlink_to(switch.path.with_name("gone"))
    assert EntryPermit(switch).refusal().startswith("kill switch: killed by a file")
    switch.clear()
    assert not switch.is_engaged


def test_engaging_twice_keeps_the_first_note(switch: KillSwitch) -> None:
    switch.engage("cli:ann", "first", START)
    switch.engage("cli:bob", "second", START)
    note = switch.note()
    assert note is not None
    assert note.actor == "cli:ann"


def test_clearing_it_allows_entries_and_clearing_twice_is_fine(switch: KillSwitch) -> None:
    switch.engage("cli:ann", "smoke", START)
    switch.clear()
    switch.clear()
    assert not switch.is_engaged


def test_a_state_directory_that_is_gone_counts_as_engaged(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path / "gone" / "KILL")
    assert switch.is_engaged
    assert EntryPermit(switch).refusal().startswith("kill switch: killed by a file")


def test_a_directory_that_cannot_be_looked_into_counts_as_engaged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert KillSwitch(tmp_path / "file" / "KILL").is_engaged


def test_entries_are_refused_by_the_switch_first_then_safe_mode_then_whoever_froze_them(switch: KillSwitch) -> None:
    permit = EntryPermit(switch)
    assert permit.refusal() == ""
    permit.freeze("stopping", "SIGTERM")
    assert permit.refusal() == "stopping: SIGTERM"
    permit.safe_mode = "5 crashes within 10 minutes"
    assert permit.refusal() == "safe mode: 5 crashes within 10 minutes"
    switch.engage("cli:ann", "smoke", START)
    assert permit.refusal().startswith("kill switch: killed by cli:ann")
    switch.clear()
    permit.safe_mode = ""
    permit.thaw("stopping")
    permit.thaw("stopping")
    assert permit.refusal() == ""
