"""Every trial that was ever made, in one file that only grows: what a result must be measured against."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from atlas_core.errors import AtlasError
from atlas_core.search.space import Setting

LEDGER_NAME = "trials.db"
VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS data (
    identity TEXT NOT NULL, origin TEXT NOT NULL, symbol TEXT NOT NULL,
    begins INTEGER NOT NULL, ends INTEGER NOT NULL, PRIMARY KEY (identity, symbol)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
    id INTEGER PRIMARY KEY, made_at INTEGER NOT NULL, sweep TEXT NOT NULL, part TEXT NOT NULL, number INTEGER NOT NULL,
    data TEXT NOT NULL, system TEXT NOT NULL, settings TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    seconds REAL NOT NULL, figures TEXT NOT NULL, curve TEXT NOT NULL, UNIQUE (sweep, part, number)
);
CREATE INDEX IF NOT EXISTS trials_of_data ON trials (data);
CREATE TRIGGER IF NOT EXISTS trials_stay BEFORE DELETE ON trials
    BEGIN SELECT RAISE(ABORT, 'a trial that was made stays'); END;
CREATE TRIGGER IF NOT EXISTS trials_stay_as_they_are BEFORE UPDATE ON trials
    BEGIN SELECT RAISE(ABORT, 'a trial that was made stays as it is'); END;
"""
_OF_A_SWEEP = """
SELECT part, number, data, system, settings, status, reason, seconds, figures FROM trials
WHERE sweep = ? AND (? IS NULL OR part = ?) ORDER BY part, number
"""
_THE_SAME_DATA = """
    SELECT other.identity FROM data AS other JOIN data AS own ON own.identity = ?1
    WHERE other.identity = own.identity OR (
        other.origin = own.origin AND other.symbol = own.symbol AND other.begins < own.ends AND own.begins < other.ends
    )
"""
_ON_THE_SAME_DATA = f"""
SELECT trial.system, json_extract(trial.figures, '$.sharpe') FROM trials AS trial
WHERE trial.status = 'finished' AND trial.data IN ({_THE_SAME_DATA}) ORDER BY trial.data <> ?1, trial.id
"""  # noqa: S608
_SWEEPS_ON_THE_SAME_DATA = f"SELECT DISTINCT sweep FROM trials WHERE data IN ({_THE_SAME_DATA})"  # noqa: S608


Curve = tuple[tuple[int, float], ...]
"""The equity by day: nanoseconds UTC and money."""


class TrialStatus(StrEnum):
    """How a trial ended."""

    FINISHED = "finished"
    INVALID = "invalid"
    FAILED = "failed"


@frozen(kw_only=True)
class DataOfSymbol:
    """The bars of one symbol that a trial ran on; times in nanoseconds UTC."""

    symbol: str
    begins: int
    ends: int


@frozen(kw_only=True)
class DataSet:
    """The data of a trial: `identity` is a digest of the bars, `origin` says where they come from."""

    identity: str
    origin: str
    symbols: tuple[DataOfSymbol, ...]


NO_DATA = DataSet(identity="", origin="", symbols=())


@frozen(kw_only=True)
class Trial:
    """One combination of settings and what came of it; `part` names the window of a walk-forward.

    `system` is the digest of profile and settings, `figures` holds the metrics by name (None for what does not exist)
    and `curve` the equity by day; one that was read from the ledger has none: thousands of them would fill the memory.
    """

    number: int
    settings: tuple[Setting, ...]
    status: TrialStatus
    part: str = ""
    reason: str = ""
    data: DataSet = NO_DATA
    system: str = ""
    figures: Mapping[str, float | None] = field(factory=dict)
    curve: Curve = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells the trials of one sweep apart."""
        return self.part, self.number


class Ledger:
    """The file of all trials below one home; a trial is kept when `add` has returned, also if the process dies then.

    Several sweeps may write to it at the same time.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def at(cls, home: Path) -> Self:
        """Open the ledger below `home`, making it where there is none; raises AtlasError when it cannot be had."""
        path = home / "sweeps" / LEDGER_NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
            # A commit is in the machine's memory when it returns: only a power cut can take the last trials back.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {max(version, VERSION)}")
        except (OSError, sqlite3.Error) as fault:
            raise AtlasError(f"expected to keep trials in {path}, was refused: {fault}") from fault
        if version > VERSION:
            raise AtlasError(f"expected a ledger of version {VERSION} in {path}, was {version}: a newer Atlas wrote it")
        return cls(connection, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, sweep: str, trials: Sequence[Trial], made_at: int) -> None:
        """Keep trials; one that the sweep has already stays as it is. Raises AtlasError when the disk refuses."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                for trial in trials:
                    self._add(sweep, trial, made_at)
        except sqlite3.Error as fault:
            raise AtlasError(f"expected to keep a trial in {self._path}, was refused: {fault}") from fault

    def _add(self, sweep: str, trial: Trial, made_at: int) -> None:
        data = trial.data
        self._connection.executemany(
            "INSERT OR IGNORE INTO data VALUES (?, ?, ?, ?, ?)",
            [(data.identity, data.origin, one.symbol, one.begins, one.ends) for one in data.symbols],
        )
        row = (
            made_at, sweep, trial.part, trial.number, data.identity, trial.system, json.dumps(trial.settings),
            trial.status.value, trial.reason, trial.seconds, json.dumps(dict(trial.figures), allow_nan=False),
            json.dumps(trial.curve, allow_nan=False),
        )  # fmt: skip
        self._connection.execute(f"INSERT OR IGNORE INTO trials VALUES (NULL{', ?' * len(row)})", row)  # noqa: S608

    def trials(self, sweep: str, part: str | None = None) -> tuple[Trial, ...]:
        """Return the trials of a sweep (of one part of it) without their curves, by part and number."""
        sets = dict(self._data_sets(sweep))
        with closing(self._connection.execute(_OF_A_SWEEP, (sweep, part, part))) as rows:
            return tuple(_trial(row, sets) for row in rows)

    def _data_sets(self, sweep: str) -> Iterator[tuple[str, DataSet]]:
        query = (
            "SELECT identity, origin, symbol, begins, ends FROM data "
            "WHERE identity IN (SELECT data FROM trials WHERE sweep = ?) ORDER BY identity, symbol"
        )
        found: dict[tuple[str, str], list[DataOfSymbol]] = {}
        for identity, origin, symbol, begins, ends in self._connection.execute(query, (sweep,)):
            found.setdefault((identity, origin), []).append(DataOfSymbol(symbol=symbol, begins=begins, ends=ends))
        for (identity, origin), symbols in found.items():
            yield identity, DataSet(identity=identity, origin=origin, symbols=tuple(symbols))

    def curve(self, sweep: str, trial: Trial) -> Curve:
        """Return the equity by day of a trial that is kept, empty for one that is not."""
        query = "SELECT curve FROM trials WHERE sweep = ? AND part = ? AND number = ?"
        row = self._connection.execute(query, (sweep, trial.part, trial.number)).fetchone()
        return () if row is None else tuple((ts, equity) for ts, equity in json.loads(row[0]))

    def count(self, sweep: str) -> int:
        """Return how many trials of a sweep are kept."""
        return int(self._connection.execute("SELECT COUNT(*) FROM trials WHERE sweep = ?", (sweep,)).fetchone()[0])

    def sharpes_on(self, data: str) -> tuple[float | None, ...]:
        """Return the yearly Sharpe ratio of every system ever tried on a data set or on one that overlaps it.

        Each system counts once; where it was tried on several of them, as it did on this one.
        """
        found: dict[str, float | None] = {}
        for system, sharpe in self._connection.execute(_ON_THE_SAME_DATA, (data,)):
            found.setdefault(system, sharpe)
        return tuple(found.values())

    def sweeps_on(self, data: str) -> frozenset[str]:
        """Return the names under which anything was tried on a data set or on one that overlaps it."""
        return frozenset(name for (name,) in self._connection.execute(_SWEEPS_ON_THE_SAME_DATA, (data,)))


def _trial(row: Sequence[Any], sets: Mapping[str, DataSet]) -> Trial:
    part, number, data, system, settings, status, reason, seconds, figures = row
    return Trial(
        number=number,
        part=part,
        settings=tuple((key, value) for key, value in json.loads(settings)),
        status=TrialStatus(status),
        reason=reason,
        data=sets.get(data, NO_DATA),
        system=system,
        figures=json.loads(figures),
        seconds=seconds,
    )
