"""Whether a journal can be trusted: the file, the chain of events, and the projections against the events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from atlas_core.errors import JournalCorrupt
from atlas_core.journal.chain import GENESIS, check
from atlas_core.journal.codec import Codec
from atlas_core.journal.files import connect_scratch
from atlas_core.journal.projections import create_projections, project
from atlas_core.journal.tables import TABLES

_CHUNK = 10_000


def verify_file(connection: sqlite3.Connection, path: Path, *, indexes: bool) -> None:
    """Raise JournalCorrupt when SQLite finds the file damaged; `indexes` are compared with their tables on request."""
    check_name = "integrity_check" if indexes else "quick_check"
    found = [str(row[0]) for row in connection.execute(f"PRAGMA {check_name}(3)")]
    if found != ["ok"]:
        raise JournalCorrupt(f"{path} is damaged: {'; '.join(found)}; restore it from a backup")


def verify_chain(connection: sqlite3.Connection, last: int | None = None) -> int:
    """Raise JournalCorrupt at the first event that is missing or does not continue the chain; return how many did.

    With `last` only so many events at the end are looked at, and the hash of the one before them is believed.
    """
    before, believed = 0, GENESIS
    if last is not None:
        newest = connection.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        anchor = connection.execute("SELECT seq, hash FROM event WHERE seq = ?", (newest - last,)).fetchone()
        before, believed = anchor or (0, GENESIS)
    rows = connection.execute(
        "SELECT seq, ts, CAST(kind AS BLOB), version, CAST(subject AS BLOB), CAST(payload AS BLOB), hash "
        "FROM event WHERE seq > ? ORDER BY seq",
        (before,),
    )
    return sum(1 for _ in check(rows, before, believed))


def rebuild_projections(source: sqlite3.Connection, target: sqlite3.Connection, codec: Codec) -> None:
    """Drop the projections of `target` and fold the events of `source` into new ones."""
    create_projections(target)
    last = 0
    while chunk := source.execute(
        "SELECT seq, ts, kind, version, subject, payload FROM event WHERE seq > ? ORDER BY seq LIMIT ?", (last, _CHUNK)
    ).fetchall():
        project(target, chunk[0][0], [codec.decode(seq, tuple(stored)) for seq, *stored in chunk])
        last = chunk[-1][0]


def verify_projections(connection: sqlite3.Connection, codec: Codec) -> None:
    """Raise JournalCorrupt, naming table and row, when a projection is not what the events give."""
    rebuilt = connect_scratch()
    try:
        rebuild_projections(connection, rebuilt, codec)
        for wanted, found in zip_longest(dump_lines(rebuilt), dump_lines(connection)):
            if wanted != found:
                raise JournalCorrupt(
                    f"projections: expected {wanted or 'no more rows'}, was {found or 'the end'}; rebuild them from "
                    "the events"
                )
    finally:
        rebuilt.close()


def dump_lines(connection: sqlite3.Connection) -> Iterator[str]:
    """Return every projection row as one line of JSON, tables by name, rows by primary key."""
    for table in sorted(TABLES, key=lambda table: table.name):
        for row in connection.execute(f'{table.read_sql} ORDER BY "{table.key}"'):
            yield json.dumps([table.name, *row], separators=(",", ":"))
