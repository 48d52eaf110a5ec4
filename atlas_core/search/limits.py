"""A time limit for each trial, held by a watch that Python code cannot hold up: what hangs is ended and told where."""

from __future__ import annotations

import faulthandler
import re
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

from attrs import define, field, frozen

from atlas_core.clock import monotonic_seconds

_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)$')
_EXPIRED = "Timeout ("
_SHORTEST_SECONDS = 0.001


@frozen(kw_only=True)
class TrialLimit:
    """How long one trial may take; below `folder` a worker process writes down where it was when its time was over.

    The process ends with that: a component that hangs, in Python or in C, cannot be stopped in another way.
    """

    seconds: float
    folder: Path

    @contextmanager
    def kept(self, part: str, number: int) -> Iterator[None]:
        """Let the process end when what is done inside takes longer."""
        path = self._path(part, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        alarm().begin(path, self.seconds)
        try:
            yield
        finally:
            alarm().end(path)

    def told(self, part: str, number: int) -> str:
        """Return why a trial was given up, empty for one whose time was not over."""
        try:
            lines = self._path(part, number).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        if not any(line.startswith(_EXPIRED) for line in lines):
            return ""
        where = _place(lines)
        return f"took longer than {self.seconds:g} s{f', it was in {where}' if where else ''}"

    def _path(self, part: str, number: int) -> Path:
        return self.folder / f"{part.replace(' ', '-') or 'trial'}-{number}.txt"


def _place(lines: list[str]) -> str:
    """Return the last frame of the thread of the first line that is no library's; empty where there is none."""
    thread = next((index for index, line in enumerate(lines[1:], 1) if line.startswith(lines[0])), len(lines))
    frames: list[tuple[str, str]] = []
    for line in lines[thread + 1 :]:
        found = _FRAME.match(line)
        if found is None:
            break
        frames.append((found["file"], f"{found['name']} ({found['file']}:{found['line']})"))
    libraries = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib"))
    own = [told for file, told in frames if not file.startswith(libraries)]
    return next(iter(own or [told for _, told in frames]), "")


@define
class Alarm:
    """The one watch of a process, set to the earliest of the ends of what its threads do."""

    _ends: dict[Path, tuple[float, IO[str]]] = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock)

    def begin(self, path: Path, seconds: float) -> None:
        """Watch over what the calling thread begins; its stack goes to `path` when its time is over."""
        with self._lock:
            file = path.open("w", encoding="utf-8")
            file.write(f"Thread {threading.get_ident():#018x}\n")
            file.flush()
            self._ends[path] = monotonic_seconds() + seconds, file
            self._set()

    def end(self, path: Path) -> None:
        """Watch over it no longer."""
        with self._lock:
            _, file = self._ends.pop(path)
            self._set()  # first: a watch that went off now would write into whatever has its number by then
            file.close()
            path.unlink(missing_ok=True)

    def _set(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._ends:
            ends, file = min(self._ends.values(), key=lambda each: each[0])
            left = max(_SHORTEST_SECONDS, ends - monotonic_seconds())
            faulthandler.dump_traceback_later(left, file=file, exit=True)


@lru_cache(maxsize=1)
def alarm() -> Alarm:
    """Return the watch of this process."""
    return Alarm()
