"""The sign of life: written whole, read by anybody, and never mistaken for news when it is old."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.control.beat import Heartbeat, health, read_heartbeat
from atlas_core.model.timeframe import SECOND
from tests.memory import START

BEAT = Heartbeat(
    sequence=4, written_at=START, began_at=START - 9 * SECOND, pid=41, host="h", profile="demo", mode="paper",
    state="running", as_of={"bar": START}, progress={"market": 3}, marks={"X": "100.5"}, equity="10000.00",
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path) -> None:
    BEAT.write(tmp_path / "heartbeat.json")
    assert read_heartbeat(tmp_path / "heartbeat.json") == BEAT


@pytest.mark.parametrize("text", ["", "{}", '{"sequence": 1}', "[]", "{"])
def test_one_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "heartbeat.json").write_text(text)
    assert read_heartbeat(tmp_path / "heartbeat.json") is None
    assert read_heartbeat(tmp_path / "nowhere.json") is None


def test_a_field_of_another_version_is_left_out(tmp_path: Path) -> None:
    BEAT.write(tmp_path / "heartbeat.json")
    text = (tmp_path / "heartbeat.json").read_text().replace('"state"', '"mood": "calm",\n"state"')
    (tmp_path / "heartbeat.json").write_text(text)
    assert read_heartbeat(tmp_path / "heartbeat.json") == BEAT


def changed(**fields: object) -> Heartbeat:
    from attrs import evolve

    return evolve(BEAT, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("beat", "age", "is_running", "expected"),
    [
        (BEAT, 2, True, ("ok", "")),
        (BEAT, 16, True, ("bad", "its last sign of life is 16 s old")),
        (None, 0, True, ("bad", "it runs and gives no sign of life")),
        (None, 0, False, ("off", "it has not run yet")),
        (BEAT, 2, False, ("bad", "it went down without saying so")),
        (changed(ended="stopped"), 99, False, ("off", "ended: stopped")),
        (changed(late={"market": 1.2}), 2, True, ("bad", "does not progress: market")),
        (changed(benched={"backups": "benched"}), 2, True, ("warn", "backups is benched")),
        (changed(benched={"a": "given up", "b": "benched"}), 2, True, ("bad", "a is given up; b is benched")),
        (
            changed(benched={"a": "benched"}, entries_stopped="safe mode"),
            2,
            True,
            ("warn", "a is benched; no entries: safe mode"),
        ),
        (changed(entries_stopped="safe mode"), 2, True, ("warn", "no entries: safe mode")),
        (changed(blocked={"X": "a", "Y": "b", "Z": "a"}), 2, True, ("warn", "no entries in X, Z: a; in Y: b")),
    ],
)
def test_health_is_judged_by_what_shows_and_by_its_age(
    beat: Heartbeat | None, age: int, is_running: bool, expected: tuple[str, str]
) -> None:
    assert health(beat, START + age * SECOND, is_running=is_running) == expected
