"""Writing for readers who may not read: a pipe that is full, or a terminal that is held, must not hold up a session."""

from __future__ import annotations

import select
import sys
from typing import TextIO

from attrs import define

_CHARACTERS = select.PIPE_BUF // 4
"""So many fit into what a pipe that takes anything takes at once: no character needs more than four bytes."""


def takes_more(stream: TextIO) -> bool:
    """Tell whether something can be written now without waiting for a reader; a stream in memory always takes it."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), select.POLLOUT)
    except (OSError, ValueError):
        return True
    return bool(poll.poll(0))


@define
class UnwaitedLog:
    """Writes lines to stderr as long as it takes them, and tells with the next one how many it did not take."""

    _lost: int = 0

    def __call__(self, line: str) -> None:
        """Write a line that ends as one, or count it as lost; raises OSError."""
        told = f"({self._lost} lines of the log are lost, nobody took them)\n{line}" if self._lost else line
        for start in range(0, len(told), _CHARACTERS):
            if not takes_more(sys.stderr):
                self._lost += 1
                return
            sys.stderr.write(told[start : start + _CHARACTERS])
            sys.stderr.flush()
        self._lost = 0
