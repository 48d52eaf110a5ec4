"""The state directory: where it is, who may read it, and files that are replaced whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas_core.errors import AtlasError
from atlas_core.runs import Mode
from atlas_core.statedir import StateDirectory, known_states, read_json, write_json, write_text


def test_each_profile_and_mode_has_a_directory_of_its_own(tmp_path: Path) -> None:
    paper = StateDirectory.of(tmp_path, "crypto/../strat", Mode.PAPER)
    live = StateDirectory.of(tmp_path, "crypto/../strat", Mode.LIVE)
    assert paper.path != live.path
    assert paper.path.parent.parent == tmp_path / "state"
    assert live.title == "profile crypto/../strat (LIVE)"


def test_only_the_owner_may_look_into_it_whatever_the_umask(tmp_path: Path) -> None:
    state = StateDirectory.of(tmp_path, "demo", Mode.PAPER)
    before = os.umask(0)
    try:
        state.make()
        write_json(state.heartbeat, {})
    finally:
        os.umask(before)
    assert state.path.stat().st_mode & 0o777 == 0o700
    assert state.heartbeat.stat().st_mode & 0o777 == 0o600


def test_a_home_that_cannot_be_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(AtlasError, match="set ATLAS_HOME or --home"):
        StateDirectory.of(tmp_path, "demo", Mode.PAPER).make()


def test_the_known_states_are_those_that_were_made(tmp_path: Path) -> None:
    for profile, mode in (("b", Mode.PAPER), ("a", Mode.LIVE), ("a", Mode.PAPER)):
        StateDirectory.of(tmp_path, profile, mode).make()
    (tmp_path / "state" / "a" / "other").mkdir()
    assert [(state.profile, state.mode) for state in known_states(tmp_path)] == [
        ("a", Mode.LIVE), ("a", Mode.PAPER), ("b", Mode.PAPER),
    ]  # fmt: skip


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"n": 1}, durable=durable)
    write_json(path, {"n": 2}, durable=durable)
    assert read_json(path) == {"n": 2}
    assert os.listdir(tmp_path) == ["x.json"]


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_text(path, "old")

    def refuse(*_names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "nonsense", "[" * 100_000])
def test_a_file_that_cannot_be_read_holds_no_facts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert read_json(path) == {}
