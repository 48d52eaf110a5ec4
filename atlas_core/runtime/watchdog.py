"""Ends a process whose critical loops stand still, because a session that hangs is worse than one that restarts.

At half of a loop's time the stacks of all threads are written, at the whole of it the process ends with an exit code of
its own, without unwinding anything: start-up is recovery. A process that was held up as a whole (suspended, stopped) is
given its time again.
"""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from attrs import define, field
from loguru import logger

from atlas_core.runtime.progress import ProgressBoard

WATCHDOG_EXIT = 10
LOOK_SECONDS = 1.0
HELD_UP_SECONDS = 10.0
"""Between two looks: more than this is no busy machine but a process that did not run."""


@define
class WatchdogRule:
    """Decides from one look at the board what to do; pure but for what it remembers of the last look."""

    _looked_at: float | None = None
    _dumped: frozenset[str] = frozenset()

    def judge(self, shares: Mapping[str, float], now: float) -> str:
        """Return `forgive`, `end`, `dump` or nothing for a look at `now` (seconds) at how much time each loop used."""
        before, self._looked_at = self._looked_at, now
        if before is not None and now - before > HELD_UP_SECONDS:
            return "forgive"
        if any(share >= 1 for share in shares.values()):
            return "end"
        slow = frozenset(loop for loop, share in shares.items() if share >= 0.5)
        is_new = bool(slow - self._dumped)
        self._dumped = slow
        return "dump" if is_new else ""


@define
class Watchdog:
    """A thread that looks at the board; `last_words` is told why before the process ends."""

    board: ProgressBoard
    stacks: Path
    last_words: Callable[[str], None]
    end: Callable[[int], NoReturn] = os._exit
    _rule: WatchdogRule = field(factory=WatchdogRule)
    _stopped: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Watchdog:
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(LOOK_SECONDS)

    def look(self) -> None:
        """Look at the board once and act on it."""
        now = self.board.monotonic()
        shares = self.board.shares(now)
        answer = self._rule.judge(shares, now)
        if answer == "forgive":
            self.board.forgive()
        elif answer == "dump":
            logger.warning("a loop is slow: {}; stacks in {}", _told(shares, 0.5), self.stacks)
            self._dump()
        elif answer == "end":
            self._dump()
            self.last_words(f"the watchdog ended the process: no progress of {_told(shares, 1)}")
            self.end(WATCHDOG_EXIT)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self.look()

    def _dump(self) -> None:
        try:
            with self.stacks.open("w", encoding="utf-8") as file:
                faulthandler.dump_traceback(file, all_threads=True)
        except OSError as fault:
            logger.error("the stacks could not be written: {}", fault)


def _told(shares: Mapping[str, float], least: float) -> str:
    return ", ".join(f"{loop} ({share:.0%} of its time)" for loop, share in shares.items() if share >= least)
