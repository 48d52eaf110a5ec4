"""Reading a journal: its events as records, its projections as typed rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from atlas_core.errors import JournalCorrupt, NotFound
from atlas_core.journal import deliveries, tables, verification
from atlas_core.journal.codec import CODEC, Codec
from atlas_core.journal.deliveries import Undelivered
from atlas_core.journal.files import connect_reader, faults_of
from atlas_core.journal.migrations import back_up, expect_current
from atlas_core.journal.rows import (
    AlertRow,
    EquityRow,
    ExitCount,
    FillRow,
    OrderRow,
    RunRow,
    SessionRow,
    SignalRow,
    TradeRow,
    VerdictCount,
)
from atlas_core.journal.tables import Table
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import Record

_CHUNK = 2_000
_AFTER_ANY_TEXT = "\U0010ffff"
_ORDERS_OF_SIGNAL = (
    f'SELECT {tables.ORDER.selection}, signal.trade_id FROM "order" '  # noqa: S608  (names of our tables)
    'LEFT JOIN signal ON signal.key = "order".signal_key WHERE "order".signal_key = ? ORDER BY "order".seq'
)
AnyRow = TypeVar("AnyRow")


class JournalReader:
    """A journal to read from; a context manager.

    It never blocks the writer for long: each question is one short transaction, and long answers are read in pieces.
    Every method raises JournalCorrupt for a damaged file.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, codec: Codec = CODEC) -> None:
        self.path = path
        self._connection = connection
        self._codec = codec

    @classmethod
    def open(cls, path: Path | str, *, codec: Codec = CODEC) -> Self:
        """Open a journal file for reading.

        Raises NotFound when there is no file, JournalTooNew when a newer Atlas wrote it, JournalError when it is not
        a journal or of an older version, JournalCorrupt when it is cut off.
        """
        path = Path(path)
        connection = connect_reader(path)
        try:
            with faults_of(path):
                expect_current(connection, path)
        except BaseException:
            connection.close()
            raise
        return cls(connection, path, codec)

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    # --- events

    def count(self) -> int:
        """Return the number of events."""
        return int(self._all("SELECT coalesce(max(seq), 0) FROM event")[0][0])

    def digest(self) -> str:
        """Return the hash of the last event, which covers all events before it; empty without events."""
        rows = self._all("SELECT hash FROM event ORDER BY seq DESC LIMIT 1")
        return bytes(rows[0][0]).hex() if rows else ""

    def records(
        self,
        kinds: Collection[str] | None = None,
        subject: str | Sequence[str] | None = None,
        *,
        after: int = 0,
        until: int | None = None,
    ) -> Iterator[Record]:
        """Yield the records that were there when the first one was asked for, in order, a few thousand at a time.

        `kinds` keeps records of these kinds, `subject` those about one subject or several (a signal key, a client
        order id, a trade number, a component); `after` leaves out the events up to this one, `until` those behind.
        """
        conditions = ["seq > ?", "seq <= ?"]
        values: list[str] = []
        for column, wanted in (("kind", kinds), ("subject", [subject] if isinstance(subject, str) else subject)):
            if wanted is not None:
                conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        sql = (
            "SELECT seq, ts, kind, version, subject, payload FROM event "  # noqa: S608  (marks only)
            f"WHERE {' AND '.join(conditions)} ORDER BY seq LIMIT {_CHUNK}"
        )
        last_seq, end = after, self.count() if until is None else until
        while chunk := self._all(sql, (last_seq, end, *values)):
            for seq, *stored in chunk:
                yield self._codec.decode(seq, tuple(stored))
            last_seq = chunk[-1][0]

    def meta(self) -> Mapping[str, str]:
        """Return the facts beside the chain, such as the run's name; they may differ between equal runs."""
        return dict(self._all("SELECT key, value FROM meta ORDER BY key"))

    def verify(self, *, projections: bool = False) -> None:
        """Check file, numbering and hash chain, and on request all indexes and the projections against the events.

        Raises JournalCorrupt with the first event or row that is wrong, what was expected and what it was. A cut-off
        end leaves a shorter, whole chain: compare `digest()` with one kept elsewhere to notice it.
        """
        with self._snapshot():
            verification.verify_file(self._connection, self.path, indexes=projections)
            verification.verify_chain(self._connection)
            if projections:
                verification.verify_projections(self._connection, self._codec)

    def back_up(self, target: Path) -> tuple[int, str]:
        """Write a compact copy of the journal to `target`; return the number of its events and the last one's hash.

        The writer goes on meanwhile. The copy has its name only after it was opened, checked by SQLite, its chain
        followed, and its end compared with the journal; raises JournalCorrupt otherwise, and JournalError when it
        cannot be written.
        """
        found: list[tuple[int, str]] = []
        back_up(self._connection, self.path, target, lambda copy: found.append(self._expect_copy(copy)))
        return found[0]

    def _expect_copy(self, copy: Path) -> tuple[int, str]:
        with JournalReader.open(copy, codec=self._codec) as other:
            other.verify_file()
            count, digest = other.verify_chain(), other.digest()
        rows = self._all("SELECT hash FROM event WHERE seq = ?", (count,))
        if digest != (bytes(rows[0][0]).hex() if rows else ""):
            raise JournalCorrupt(f"{copy}: expected the copy to end as {self.path} does at event {count}")
        return count, digest

    def verify_file(self) -> None:
        """Let SQLite check every page and index; raises JournalCorrupt."""
        with self._snapshot():
            verification.verify_file(self._connection, self.path, indexes=True)

    def verify_chain(self) -> int:
        """Follow the hash chain from the first event on and return their number; raises JournalCorrupt."""
        with self._snapshot():
            return verification.verify_chain(self._connection)

    def verify_projections(self) -> None:
        """Compare the projections with what the events give; raises JournalCorrupt."""
        with self._snapshot():
            verification.verify_projections(self._connection, self._codec)

    def projection_dump(self) -> bytes:
        """Return all projections as canonical text: equal journals give equal bytes."""
        with self._snapshot():
            return "\n".join(verification.dump_lines(self._connection)).encode()

    # --- projections

    def run(self) -> RunRow:
        """Return what the run was and how it ended; raises NotFound when none was started."""
        rows = self._typed(RunRow, [row[1:] for row in self._all(tables.RUN.read_sql)])
        if not rows:
            raise NotFound(f"{self.path} holds no run yet")
        return rows[0]

    def sessions(self) -> tuple[SessionRow, ...]:
        """Return the processes that wrote this journal, first to last."""
        return self._rows(tables.SESSION, SessionRow, {}, "number")

    def signals(
        self, *, outcome: Outcome | None = None, by: str | None = None, symbol: str | None = None
    ) -> tuple[SignalRow, ...]:
        """Return signals in the order of their detection, all or those with this outcome, decider and symbol."""
        where = {"outcome": outcome, "verdict_by": by, "symbol": symbol}
        return self._rows(tables.SIGNAL, SignalRow, where, "seq")

    def signal(self, key: str) -> SignalRow:
        """Return the signal with this key or the only one whose key begins so; raises NotFound."""
        condition = f"{tables.SIGNAL.read_sql} WHERE key >= ? AND key < ? ORDER BY key LIMIT 3"
        rows = self._typed(SignalRow, self._all(condition, (key, key + _AFTER_ANY_TEXT)))
        if not rows:
            raise NotFound(f"there is no signal {key!r} among the {self.signal_count()} of {self.path}")
        if len(rows) > 1 and rows[0].key != key:
            examples = ", ".join(row.key for row in rows)
            raise NotFound(f"expected the key of one signal, was {key!r}, with which several begin: {examples}")
        return rows[0]

    def signal_count(self) -> int:
        """Return the number of signals."""
        return int(self._all("SELECT count(*) FROM signal")[0][0])

    def verdict_counts(self) -> tuple[VerdictCount, ...]:
        """Return how many signals ended how and by whose decision, most frequent first; undecided ones are left out."""
        rows = self._all(
            "SELECT outcome, verdict_by, count(*) FROM signal WHERE outcome IS NOT NULL GROUP BY outcome, verdict_by "
            "ORDER BY count(*) DESC, outcome, verdict_by"
        )
        return self._typed(VerdictCount, rows)

    def trades(self, *, state: str | None = None, symbol: str | None = None) -> tuple[TradeRow, ...]:
        """Return trades by number, all or the `open` or `closed` ones, of all symbols or one."""
        return self._rows(tables.TRADE, TradeRow, {"state": state, "symbol": symbol}, "trade_id")

    def trade(self, trade_id: int) -> TradeRow:
        """Return one trade; raises NotFound."""
        found = self._rows(tables.TRADE, TradeRow, {"trade_id": trade_id}, "trade_id")
        if not found:
            count = self._all("SELECT count(*) FROM trade")[0][0]
            raise NotFound(f"there is no trade {trade_id} among the {count} of {self.path}")
        return found[0]

    def exit_counts(self) -> tuple[ExitCount, ...]:
        """Return how many trades each rule closed for each reason and what they made, most frequent first."""
        sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for rule, reason, net in self._all("SELECT rule, reason, net FROM trade WHERE state = 'closed'"):
            count, total = sums.get((rule, reason), (0, Decimal(0)))
            sums[rule, reason] = count + 1, total + Decimal(net)
        rows = [ExitCount(rule, reason, count, net) for (rule, reason), (count, net) in sums.items()]
        return tuple(sorted(rows, key=lambda row: (-row.count, row.rule, row.reason)))

    def orders_of(self, owner: int | str) -> tuple[OrderRow, ...]:
        """Return the orders of a trade (its number) or a signal (its key) in the order of their intention."""
        key = self.trade(owner).signal_key if isinstance(owner, int) else owner
        rows = self._all(_ORDERS_OF_SIGNAL, (key,))
        return self._typed(OrderRow, rows)

    def fills_of(self, client_order_id: str) -> tuple[FillRow, ...]:
        """Return the fills of one order in the order of their booking."""
        return self._rows(tables.FILL, FillRow, {"client_order_id": client_order_id}, "seq")

    def equity(self) -> tuple[EquityRow, ...]:
        """Return the marks of the account by time."""
        return self._rows(tables.EQUITY, EquityRow, {}, "ts")

    def alerts(self) -> tuple[AlertRow, ...]:
        """Return the messages for people in order."""
        return self._rows(tables.ALERT, AlertRow, {}, "seq")

    def undelivered(self, alerters: Collection[str] | None = None) -> tuple[Undelivered, ...]:
        """Return what still waits for these alerters (labels), or for any, in the order in which it was raised."""
        return deliveries.waiting(self._all(deliveries.WAITING_SQL), alerters)

    # --- SQLite

    def _rows(
        self, table: Table, row_type: type[AnyRow], where: Mapping[str, object], order: str
    ) -> tuple[AnyRow, ...]:
        given = {column: value for column, value in where.items() if value is not None}
        condition = " AND ".join(f'"{column}" = ?' for column in given)
        sql = f'{table.read_sql}{f" WHERE {condition}" if given else ""} ORDER BY "{order}"'
        return self._typed(row_type, self._all(sql, tuple(given.values())))

    def _typed(self, row_type: type[AnyRow], rows: list[Any]) -> tuple[AnyRow, ...]:
        try:
            return tuple(row_type(*row) for row in rows)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise JournalCorrupt(f"{self.path}: expected rows of {row_type.__name__}: {error}; verify it") from error

    def _all(self, sql: str, values: tuple[object, ...] = ()) -> list[Any]:
        with faults_of(self.path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        with faults_of(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")
