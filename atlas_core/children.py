"""Processes that this one begins, and that must not go on without it."""

from __future__ import annotations

import threading
from multiprocessing import connection, parent_process
from os import _exit


def end_with_parent() -> None:
    """Let this process end at once when the one that began it ends, however that comes about.

    A worker of a pool that nobody empties any more would otherwise wait for its next task for ever.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    _exit(1)
