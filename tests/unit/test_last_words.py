"""What a process that goes down had to say reaches people at the next start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atlas_core.runtime.last_words import MOST_KEPT, LastWords
from tests.memory import START


def test_words_are_told_by_the_next_start_until_they_are_delivered(tmp_path: Path) -> None:
    LastWords(tmp_path / "w.json").say("the disk is full", START)
    next_start = LastWords(tmp_path / "w.json")
    assert next_start.words() == ("2026-04-05 00:00:00Z: the disk is full",)
    assert next_start.words()
    next_start.delivered()
    assert next_start.words() == ()


def test_the_words_of_several_crashes_are_kept_up_to_a_bound(tmp_path: Path) -> None:
    words = LastWords(tmp_path / "w.json")
    for number in range(MOST_KEPT + 5):
        words.say(f"crash {number}", START + number)
    assert len(words.words()) == MOST_KEPT
    assert words.words()[-1].endswith(f"crash {MOST_KEPT + 4}")


@pytest.mark.parametrize("text", ['{"words": 7}', '{"words": [1]}', "torn"])
def test_a_damaged_file_holds_no_words_and_takes_new_ones(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text)
    assert LastWords(path).words() == ()
    LastWords(path).say("again", START)
    assert len(LastWords(path).words()) == 1


def test_words_that_cannot_be_removed_end_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = LastWords(tmp_path / "w.json")
    words.say("the disk is full", START)

    def refuse(*_arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    words.delivered()


def test_saying_never_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    LastWords(tmp_path / "w.json").say("lost", START)
    LastWords(tmp_path / "no" / "w.json").say("lost", START)
