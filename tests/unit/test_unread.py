"""What is written for readers who may not read: nothing waits for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import pytest

from atlas_core.cli import live_screen
from atlas_core.cli.live_screen import EventTeller, LiveScreen
from atlas_core.cli.unread import UnwaitedLog, takes_more
from tests.sample_run import START, closed, detected


@pytest.fixture
def stalled() -> Iterator[tuple[int, TextIO]]:
    """Make a pipe that is full and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
    with os.fdopen(writer, "w") as stream:
        yield reader, stream
    os.close(reader)


def test_a_log_that_nobody_reads_loses_lines_and_says_so_later(
    stalled: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, stream = stalled
    monkeypatch.setattr(sys, "stderr", stream)
    log = UnwaitedLog()
    for number in range(3):
        log(f"line {number}\n")
    os.read(reader, 1 << 20)
    log("é" * 3000 + "\n")
    log("line 4\n")
    told = os.read(reader, 1 << 20).decode()
    assert told == "(3 lines of the log are lost, nobody took them)\n" + "é" * 3000 + "\nline 4\n"


def test_a_screen_that_nobody_reads_holds_up_no_session(
    stalled: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", stalled[1])
    assert not takes_more(stalled[1])
    with LiveScreen("x", with_events=True, with_bar=False) as screen:
        screen.records([closed(1, "sig-1", START, "142.80")])
    assert len(screen.kept) == 1


def test_a_screen_that_is_read_again_shows_what_comes_then(
    stalled: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, stream = stalled
    monkeypatch.setattr(sys, "stdout", stream)
    with LiveScreen("x", with_events=True, with_bar=False) as screen:
        screen.records([closed(1, "sig-1", START, "142.80")])
        os.read(reader, 1 << 20)
        screen.records([closed(2, "sig-2", START, "142.80")])
    event, rest = os.read(reader, 1 << 20).decode().splitlines()
    assert event.endswith("trade 2")
    assert rest == "  ... 1 more events: atlas report x --what events"


def test_what_is_known_of_signals_for_the_screen_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_screen, "SETUPS_KEPT", 3)
    teller = EventTeller()
    for number in range(5):
        teller.line(detected(f"sig-{number}", START))
    assert list(teller._setup_by_key) == ["sig-2", "sig-3", "sig-4"]
