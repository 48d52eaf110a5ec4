"""Where a session keeps what outlives its process: `home/state/<profile>/<mode>/`, so that paper never touches live."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_core.errors import AtlasError
from atlas_core.runs import Mode, directory_name

PRIVATE_DIRECTORY, PRIVATE_FILE = 0o700, 0o600
_STATE = "state"


@frozen
class StateDirectory:
    """The directory of one profile in one mode, and the names of what lies in it."""

    path: Path
    profile: str
    mode: Mode

    @classmethod
    def of(cls, home: Path, profile: str, mode: Mode) -> StateDirectory:
        """Return the directory of a profile's sessions; it may not exist yet."""
        return cls(home / _STATE / directory_name(profile) / mode.value, profile, mode)

    def make(self) -> None:
        """Make the directory, readable by its owner only; raises AtlasError when it cannot be made."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
            self.path.chmod(PRIVATE_DIRECTORY)
        except OSError as fault:
            remedy = "set ATLAS_HOME or --home to a directory of yours"
            raise AtlasError(f"expected to keep state in {self.path}, was refused: {fault}; {remedy}") from fault

    @property
    def title(self) -> str:
        """Return how messages call the session."""
        return f"profile {self.profile} ({self.mode.word})"

    @property
    def lock(self) -> Path:
        """The file whose lock makes one process the only one."""
        return self.path / "lock"

    @property
    def lease(self) -> Path:
        """What the directory knows of its right to trade on an account."""
        return self.path / "lease.json"

    @property
    def journal(self) -> Path:
        """The journal of a session that continues from process to process."""
        return self.path / "journal.db"

    @property
    def control(self) -> Path:
        """The file of commands, starts and scheduled runs."""
        return self.path / "control.db"

    @property
    def heartbeat(self) -> Path:
        """The last sign of life."""
        return self.path / "heartbeat.json"

    @property
    def kill_file(self) -> Path:
        """The file whose presence stops all entries."""
        return self.path / "KILL"

    @property
    def last_words(self) -> Path:
        """What a process that went down could not tell people any more."""
        return self.path / "last-words.json"

    @property
    def instruments(self) -> Path:
        """What the last session on a market that goes on traded."""
        return self.path / "instruments.json"

    @property
    def stacks(self) -> Path:
        """Where every thread stood when a loop stopped."""
        return self.path / "stacks.txt"


def known_states(home: Path) -> tuple[StateDirectory, ...]:
    """Return the state directories below a home that a session has used, by profile and mode."""
    found = []
    for path in sorted((home / _STATE).glob("*/*")):
        if path.is_dir() and path.name in list(Mode):
            profile = read_json(path / "heartbeat.json").get("profile", path.parent.name)
            found.append(StateDirectory(path, str(profile), Mode(path.name)))
    return tuple(found)


def write_json(path: Path, facts: Any, *, durable: bool = True) -> None:
    """Replace a small file in one step: a reader sees the old one or the new one, whole.

    With `durable` it is on disk when this returns. Raises OSError.
    """
    write_text(path, json.dumps(facts, indent=1, sort_keys=True) + "\n", durable=durable)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a small text file in one step, as `write_json` does; raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, PRIVATE_FILE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


@contextmanager
def set_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` whose file takes its place, durably and in one step, when nothing fails."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
        sync_directory(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Return the facts of a small file, none when it is absent, cut off or of another form."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def remove_durably(path: Path) -> None:
    """Remove a file so that it does not come back after a power cut; an absent one is fine. Raises OSError."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
