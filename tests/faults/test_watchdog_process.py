"""A process whose loop is wedged ends by itself, says where it stood, and the next start tells people."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atlas_core.runtime.last_words import LastWords
from atlas_core.runtime.watchdog import WATCHDOG_EXIT

WEDGED = """
import asyncio, sys, threading
from pathlib import Path
from atlas_core.clock import monotonic_seconds
from atlas_core.runtime import watchdog
from atlas_core.runtime.last_words import LastWords
from atlas_core.runtime.progress import ProgressBoard

watchdog.LOOK_SECONDS = 0.1
folder, how = Path(sys.argv[1]), sys.argv[2]
board = ProgressBoard(monotonic_seconds)
words = LastWords(folder / "last-words.json")


def wedge_in_a_wait():
    threading.Event().wait(60)


def wedge_in_a_loop():
    while True:
        pass


async def main():
    board.expect("session", 0.5)
    board.beat("session")
    globals()[how]()


with watchdog.Watchdog(board, folder / "stacks.txt", lambda text: words.say(text, 1)):
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["wedge_in_a_wait", "wedge_in_a_loop"])
def test_a_wedged_loop_ends_the_process_with_its_own_code(tmp_path: Path, how: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WEDGED, str(tmp_path), how], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == WATCHDOG_EXIT, ended.stderr
    assert how in (tmp_path / "stacks.txt").read_text()
    [word] = LastWords(tmp_path / "last-words.json").words()
    assert "the watchdog ended the process: no progress of session" in word
