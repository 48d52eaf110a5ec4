"""The way in for operator commands: the sender writes a row, the session answers it, the sender shows the answer.

Every row stays: who asked for what, when, and what came of it. A command is fresh for a minute, so that nothing that
was typed while no session ran is done by a later one; the same key twice is one command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.control.file import Busy, ControlFile

FRESH_SECONDS = 60
WAITING, TAKEN, DONE, REFUSED, STALE = "waiting", "taken", "done", "refused", "stale"
_COLUMNS = "id, key, name, arguments, actor, written_at, status, answer"


@frozen(kw_only=True)
class Request:
    """One command as its sender wrote it, and what became of it; times are nanoseconds UTC."""

    id: int
    key: str
    name: str
    arguments: Mapping[str, Any]
    actor: str
    written_at: int
    status: str
    answer: str

    @property
    def is_answered(self) -> bool:
        """Tell whether the session has said what became of it."""
        return self.status in (DONE, REFUSED, STALE)


@frozen
class Inbox:
    """The commands of a control file."""

    file: ControlFile

    def send(self, key: str, name: str, arguments: Mapping[str, Any], actor: str, now: int) -> Request:
        """Write a command, or find the one that has this key already; return it."""
        self.file.write(
            "INSERT INTO command (key, name, arguments, actor, written_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (key) DO NOTHING",
            (key, name, json.dumps(dict(arguments), sort_keys=True), actor, now),
        )
        return self._requests("WHERE key = ?", (key,))[0]

    def request(self, request_id: int) -> Request:
        """Return a command as it stands now."""
        return self._requests("WHERE id = ?", (request_id,))[0]

    def take(self, now: int) -> tuple[Request, ...]:
        """Take the waiting commands, oldest first; what is no longer fresh is answered as stale and not returned.

        A command that was taken by a process that then went down is not taken again: it may have had its effect. What
        cannot be taken because another process holds the file waits.
        """
        waiting = self._requests("WHERE status = ? ORDER BY id", (WAITING,))
        fresh = []
        for request in waiting:
            try:
                if self._is_taken(request, now):
                    fresh.append(request)
            except Busy:  # those before it are taken, and must be done
                break
        return tuple(fresh)

    def _is_taken(self, request: Request, now: int) -> bool:
        if is_fresh(request.written_at, now):
            self.file.write("UPDATE command SET status = ?, taken_at = ? WHERE id = ?", (TAKEN, now, request.id))
            return True
        self.answer(request.id, STALE, _stale(request, now), now)
        return False

    def withdraw(self, request_id: int, answer: str, now: int) -> Request:
        """Take a command back unless a session has taken it; return it as it stands then."""
        self.file.write(
            "UPDATE command SET status = ?, answer = ?, answered_at = ? WHERE id = ? AND status = ?",
            (STALE, answer, now, request_id, WAITING),
        )
        return self.request(request_id)

    def answer(self, request_id: int, status: str, answer: str, now: int) -> None:
        """Say what became of a command."""
        self.file.write(
            "UPDATE command SET status = ?, answer = ?, answered_at = ? WHERE id = ?", (status, answer, now, request_id)
        )

    def note(self, key: str, name: str, arguments: Mapping[str, Any], actor: str, answer: str, now: int) -> None:
        """Keep what a person did without a session, so that the audit has no gap."""
        request = self.send(key, name, arguments, actor, now)
        self.answer(request.id, DONE, answer, now)

    def latest(self, count: int = 20) -> tuple[Request, ...]:
        """Return the newest commands, the newest first."""
        return self._requests("ORDER BY id DESC LIMIT ?", (count,))

    def _requests(self, condition: str, values: Sequence[object]) -> tuple[Request, ...]:
        rows = self.file.read(f"SELECT {_COLUMNS} FROM command {condition}", values)  # noqa: S608  (our own texts)
        return tuple(_request(row) for row in rows)


def is_fresh(written_at: int, now: int) -> bool:
    """Tell whether a command may still be done; one from the future is as wrong as an old one."""
    return abs(now - written_at) <= FRESH_SECONDS * NANOSECONDS_PER_SECOND


def _stale(request: Request, now: int) -> str:
    age = (now - request.written_at) // NANOSECONDS_PER_SECOND
    return f"not done: it was {age} s old when the session read it, at most {FRESH_SECONDS} s are allowed; ask again"


def _request(row: Sequence[Any]) -> Request:
    request_id, key, name, arguments, actor, written_at, status, answer = row
    return Request(
        id=request_id, key=key, name=name, arguments=json.loads(arguments), actor=actor, written_at=written_at,
        status=status, answer=answer,
    )  # fmt: skip
