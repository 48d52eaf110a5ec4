"""What a journal file is made of, and how files of earlier versions become like it."""

from __future__ import annotations

import hashlib

from attrs import frozen

APPLICATION_ID = 0x41544C53
"""`ATLS`: tells an Atlas journal from any other SQLite file."""


@frozen
class Step:
    """One forward step of the schema; a released step is never edited, its checksum is kept in every file.

    Statements concern the events and what stands beside them. Projections are not migrated: they are dropped and
    rebuilt from the events after the last step, so a change of a projection is a step without statements.
    """

    version: int
    name: str
    statements: tuple[str, ...] = ()

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the statements."""
        return hashlib.sha256("\x1f".join(self.statements).encode()).hexdigest()


_EVENT = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    ts INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT
"""
_EVENT_SUBJECT = "CREATE INDEX event_subject ON event (subject)"
_NO_UPDATE = """
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an event is never changed'); END
"""
_NO_DELETE = """
CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an event is never deleted'); END
"""
_MIGRATION = "CREATE TABLE migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"
_META = "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"

_DELIVERY = """
CREATE TABLE delivery (
    seq INTEGER NOT NULL REFERENCES event (seq),
    alerter TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (seq, alerter)
) STRICT, WITHOUT ROWID
"""
_DELIVERY_WAITING = "CREATE INDEX delivery_waiting ON delivery (seq) WHERE state = 'waiting'"

STEPS = (
    Step(1, "events", (_EVENT, _EVENT_SUBJECT, _NO_UPDATE, _NO_DELETE, _MIGRATION, _META)),
    Step(2, "deliveries", (_DELIVERY, _DELIVERY_WAITING)),
)
"""All steps, first to last; the last one's version is the version of this Atlas."""
