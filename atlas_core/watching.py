"""What a run tells while it runs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from atlas_core.model.bars import Bars
from atlas_core.model.costs import TradingCosts
from atlas_core.model.instrument import ZERO, Instrument
from atlas_core.model.records import PositionClosed, Record, SignalDetected
from atlas_core.model.refusals import RefusedSignals, events_of, unfolded
from atlas_core.runs import RunSummary

FLUSH_AT = 30_000
"""Events of one transaction: small ones touch the same pages of the tables again and again."""


@frozen(kw_only=True)
class TradedMarket:
    """The base bars of a back-test and its instruments by symbol, with what trading in them costs.

    `history` is `bars` with what lies before the run, for the warm-up; `finer` holds those by which a run decides what
    happened inside a bar, where it asks for some.
    """

    bars: Mapping[str, Bars]
    instruments: Mapping[str, Instrument]
    costs: TradingCosts
    history: Mapping[str, Bars] = field(factory=dict)
    finer: Mapping[str, Bars] = field(factory=dict)

    @property
    def all_bars(self) -> tuple[Bars, ...]:
        """All bars that a run depends on."""
        return (*self.history.values(), *self.finer.values())


class Watch(Protocol):
    """Follows a run; never influences it."""

    def loaded(self, market: TradedMarket) -> None:
        """Learn the market of a back-test before its first bar; whoever follows something else passes over it."""
        del market

    @abstractmethod
    def progress(self, done: int, total: int, now: int) -> None:
        """Learn that `done` of `total` parts of the run are over and that the market's time is `now`.

        A back-test counts bars, a session the minutes of its market; a total of 0 is unknown.
        """

    @abstractmethod
    def records(self, records: Sequence[Record]) -> None:
        """Learn what was decided."""


class Unwatched(Watch):
    """Follows nothing."""

    def progress(self, done: int, total: int, now: int) -> None:
        """Pass over the progress."""

    def records(self, records: Sequence[Record]) -> None:
        """Pass over the records."""


class RecordLog(Protocol):
    """Where a run's records go: a journal, or memory."""

    @abstractmethod
    def append(self, records: Sequence[Record]) -> range:
        """Keep records in their order; return their numbers."""

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Yield what is kept, in its order."""

    @abstractmethod
    def digest(self) -> str:
        """Return what identifies everything that is kept."""


RecordLogT_co = TypeVar("RecordLogT_co", bound=RecordLog, covariant=True)


def no_reader(_seqs: range, _records: Sequence[Record]) -> None:
    """Tell nobody: an alert of the past has no reader, the journal keeps it."""


@define
class Scribe(Generic[RecordLogT_co]):
    """Takes the engine's records to the journal and to whoever watches, and counts for the summary.

    `committed` is told the events of a batch as soon as the journal has it.
    """

    journal: RecordLogT_co
    watch: Watch
    committed: Callable[[range, Sequence[Record]], None] = no_reader
    signals: int = 0
    trades: int = 0
    net: Decimal = ZERO
    _waiting: list[Record] = field(factory=list)
    _events: int = 0

    def take(self, records: list[Record]) -> None:
        """Keep records; they are written when enough have come together or when `flush` is called."""
        if not records:
            return
        self._waiting += records
        self._events += sum(events_of(record) for record in records)
        if self._events >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Write what waits, in one transaction; it goes on waiting when the journal refuses it."""
        records = self._waiting
        if not records:
            return
        from atlas_core.journal import Journal

        seqs = self.journal.append(records if isinstance(self.journal, Journal) else unfolded(records))
        self._waiting, self._events = [], 0
        self.committed(seqs, records)
        for record in records:
            if isinstance(record, RefusedSignals):
                self.signals += len(record)
            elif isinstance(record, SignalDetected):
                self.signals += 1
            elif isinstance(record, PositionClosed):
                self.trades += 1
                self.net += record.net
        if not isinstance(self.watch, Unwatched):
            self.watch.records(unfolded(records))

    def summary(self, open_positions: int, equity: Decimal, reason: str) -> RunSummary:
        """Return how the run ended, after writing what waits."""
        self.flush()
        return RunSummary(
            signals=self.signals,
            trades=self.trades,
            open_positions=open_positions,
            net=self.net,
            equity=equity,
            digest=self.journal.digest(),
            reason=reason,
        )
