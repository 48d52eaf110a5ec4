"""One process for each state directory, and one for each account of a venue.

The lock is held on an open file for as long as the process lives; the kernel frees it when the process dies, however it
dies. What is written into the file only tells people who the holder is.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from atlas_core.clock import to_datetime
from atlas_core.errors import AlreadyRunning, AtlasError
from atlas_core.statedir import PRIVATE_DIRECTORY, PRIVATE_FILE, StateDirectory, read_json, write_json

_MACHINE_ID = Path("/etc/machine-id")
_TRIES, _BETWEEN_TRIES_SECONDS = 4, 0.05


def machine() -> str:
    """Return what identifies this machine, as far as it tells: its machine id, else its name."""
    try:
        return _MACHINE_ID.read_text(encoding="ascii").strip() or socket.gethostname()
    except OSError:
        return socket.gethostname()


@frozen(kw_only=True)
class Holder:
    """Who holds a lock; `since` is nanoseconds UTC."""

    pid: int
    host: str
    since: int
    command: str
    title: str = ""

    @classmethod
    def this_process(cls, title: str, now: int) -> Holder:
        """Return what this process tells of itself: no argument of its command line can hold a secret."""
        command = " ".join(["atlas", *sys.argv[1:]])
        return cls(pid=os.getpid(), host=socket.gethostname(), since=now, command=command, title=title)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Holder | None:
        """Return who wrote the facts, or None when they cannot be read."""
        try:
            return cls(
                pid=int(facts["pid"]), host=str(facts["host"]), since=int(facts["since"]),
                command=str(facts["command"]), title=str(facts.get("title", "")),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None

    def facts(self) -> dict[str, Any]:
        """Return what is written into the lock."""
        return {
            "pid": self.pid, "host": self.host, "since": self.since, "command": self.command, "title": self.title,
        }  # fmt: skip

    def __str__(self) -> str:
        return f'pid {self.pid} on {self.host}, since {to_datetime(self.since):%Y-%m-%d %H:%M:%S}Z, "{self.command}"'


class HeldLock:
    """An exclusive lock on a file, held from its making until `release`; a context manager."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._handle = _locked(path)
        with suppress(OSError):  # a full disk: the lock is held all the same, only its note is missing
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, _json(holder.facts()), 0)

    def release(self) -> None:
        """Let others in; releasing twice does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()


def hold_instance(state: StateDirectory, now: int) -> HeldLock:
    """Make this the only process of a state directory; raises AlreadyRunning with the other one."""
    for _ in range(_TRIES):
        try:
            return HeldLock(state.lock, Holder.this_process(state.title, now))
        except BlockingIOError:
            threading.Event().wait(_BETWEEN_TRIES_SECONDS)  # `holder_of` in another process holds it for a moment
    holder = Holder.of(read_json(state.lock))
    other = f" ({holder})" if holder else ""
    stop = f"atlas stop {state.profile} --mode {state.mode.value}"
    raise AlreadyRunning(f"already running: {state.title}{other}. Stop it: {stop}")


def holder_of(state: StateDirectory) -> Holder | None:
    """Return the process that runs a state directory now, or None; asks the kernel, not the file.

    Raises AtlasError when the directory is another user's: whether somebody runs it cannot be known then.
    """
    try:
        handle = os.open(state.lock, os.O_RDWR)
    except PermissionError as fault:
        raise AtlasError(f"expected to look into {state.path}, was refused: {fault}; ask as its user") from fault
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Holder.of(read_json(state.lock)) or Holder(pid=0, host="", since=0, command="unknown")
    finally:
        os.close(handle)
    return None


def default_runtime_directory() -> Path:
    """Return `$ATLAS_RUNTIME_DIR`, or the platform's place for what a user's processes share until a restart."""
    named = os.environ.get("ATLAS_RUNTIME_DIR")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_runtime_path

    return user_runtime_path("atlas")


def hold_account(
    state: StateDirectory, venue: str, account: str, now: int, *, directory: Path | None = None, take_over: bool = False
) -> HeldLock:
    """Make this the only process of this user that trades on an account, and note that this state directory does.

    A state directory that was copied, or one of another profile that used the account last, does not know the last
    nonce and is refused: two sets of books on one account are both wrong. `take_over` says that this is meant.
    Raises AlreadyRunning.
    """
    folder = (directory or default_runtime_directory()) / "accounts"
    name = hashlib.sha256(f"{venue}\0{account}".encode()).hexdigest()[:32]
    holder = Holder.this_process(state.title, now)
    what = f"account {account} of {venue}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_DIRECTORY)
        lock = HeldLock(folder / f"{name}.lock", holder)
    except BlockingIOError:
        other = Holder.of(read_json(folder / f"{name}.lock"))
        who = f" by {other.title or 'another session'} ({other})" if other else ""
        raise AlreadyRunning(f"{what} is traded{who}; two sessions on one account would fight: stop one") from None
    except OSError as fault:
        raise AtlasError(f"expected to write below {folder}, was refused: {fault}; set ATLAS_RUNTIME_DIR") from fault
    try:
        _renew(state, folder / f"{name}.json", what, holder, take_over)
    except BaseException:
        lock.release()
        raise
    return lock


def _renew(state: StateDirectory, shared: Path, what: str, holder: Holder, take_over: bool) -> None:
    """Compare the nonce of the state directory with the account's last one, and write the next into both.

    A process may die between the two: so the state directory also knows the nonce that the account had before.
    """
    known, own = read_json(shared), read_json(state.lease)
    here = machine()
    if not take_over:
        if own and own.get("machine") != here:
            raise AlreadyRunning(f"{what}: {state.path} was copied from another machine; {_MEANT}")
        if known and known.get("nonce") not in (own.get("nonce"), own.get("previous")):
            last = Holder.of(known)
            who = f"{last.title or 'another session'} ({last})" if last else "another session"
            raise AlreadyRunning(f"{what} was last traded by {who} from another state directory; {_MEANT}")
    text = f"{here}\0{holder.pid}\0{holder.since}\0{own.get('nonce', '')}\0{state.path}"
    facts = holder.facts() | {"nonce": hashlib.sha256(text.encode()).hexdigest(), "machine": here}
    write_json(state.lease, facts | {"previous": known.get("nonce", "")})
    write_json(shared, facts)


_MEANT = "if that is meant, and only this one shall trade: --take-account"


def _locked(path: Path) -> int:
    """Return an open handle that holds the lock of `path`; raises BlockingIOError when another process does."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _json(facts: Mapping[str, Any]) -> bytes:
    from json import dumps

    return (dumps(facts, sort_keys=True) + "\n").encode()
