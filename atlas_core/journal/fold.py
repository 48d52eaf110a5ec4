"""The projection rows that one transaction touches: each read once, changed in memory, written once.

So a transaction of thousands of records stays cheap, and the result does not depend on how records were grouped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from atlas_core.journal import tables
from atlas_core.journal.tables import Table

Row = dict[str, Any]


class Rows:
    """The rows of one table that a batch touches."""

    def __init__(self, connection: sqlite3.Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._blank = table.blank
        self._by_key: dict[object, Row] = {}
        self._finished: list[tuple[Any, ...]] = []

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add whole rows, in the order of the columns, that nothing will change any more."""
        self._finished.extend(rows)

    def get(self, key: object) -> Row | None:
        """Return the row with this key, to be changed in place, or None."""
        row = self._by_key.get(key)
        if row is None:
            found = self._connection.execute(self._table.find_sql, (key,)).fetchone()
            if found is not None:
                row = self._by_key[key] = dict(zip(self._table.columns, found, strict=True))
        return row

    def put(self, key: object, row: Row) -> None:
        """Add a row or replace the one with the same key."""
        self._by_key[key] = {**self._blank, **row}

    def write(self) -> None:
        """Write all touched rows."""
        if self._finished:
            in_order = sorted(self._finished, key=itemgetter(0))  # of the key: neighbours share a page of the table
            self._connection.executemany(self._table.write_sql, in_order)
        if self._by_key:
            self._connection.executemany(self._table.write_sql, [tuple(row.values()) for row in self._by_key.values()])


class Fold:
    """The rows of every table that one transaction touches."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.alerts = Rows(connection, tables.ALERT)
        self.equity = Rows(connection, tables.EQUITY)
        self.fills = Rows(connection, tables.FILL)
        self.orders = Rows(connection, tables.ORDER)
        self.run = Rows(connection, tables.RUN)
        self.sessions = Rows(connection, tables.SESSION)
        self.signals = Rows(connection, tables.SIGNAL)
        self.trades = Rows(connection, tables.TRADE)

    def write(self) -> None:
        """Write everything that was touched."""
        for rows in vars(self).values():
            rows.write()
