"""A recorded session once more: its inputs through today's plugins, each record held against the one of then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from atlas_core.compose import System
from atlas_core.engine.engine import Engine
from atlas_core.errors import DataError
from atlas_core.journal import JournalReader
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.history import PastMarket
from atlas_core.marketdata.live import LiveMarket
from atlas_core.model.decisions import Severity
from atlas_core.model.events import SignalsFound
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import Record, RunStarted, SessionResumed
from atlas_core.model.timeframe import HOUR
from atlas_core.report.differences import Difference, difference_of
from atlas_core.runtime.recording import Entry, first_event, read_head, read_tape, tapes_in
from atlas_core.runtime.scanning import ScanDesk
from atlas_core.runtime.tape_codec import event_of, plain_of, value_of
from atlas_core.wiring import engine_of, timetable_of

_LATEST_ANSWER = HOUR
"""Scanners work beside a session, and answer some time after the scan began."""


@frozen
class ReplayResult:
    """How far a replay went: records that agree and scans that found the same, and the first difference if any.

    `is_whole` tells whether the tape holds the end of its session; `last_seq` is the last event that was compared.
    """

    first_seq: int
    last_seq: int
    scans: int
    is_whole: bool
    difference: Difference | None

    @property
    def compared(self) -> int:
        """Return the number of records that were held against each other and agree."""
        return self.last_seq - self.first_seq + 1


def replay(tape: Path, journal: JournalReader, system: System) -> ReplayResult:
    """Play a tape through the deciders of `system` and compare what they decide with the journal, record by record.

    Nothing is opened and nothing is sent: what a broker answered is on the tape. It stops at the first difference, and
    where the tape of the next session begins. Raises NotFound or DataError when the tape cannot be read.
    """
    head = read_head(tape)
    instruments = {each["symbol"]: value_of(each, Instrument) for each in head["instruments"]}
    later = [other for other in tapes_in(tape.parent) if other > tape]
    last = first_event(later[0]) - 1 if later else None
    stage = Stage.of(system, instruments, journal, int(head["first_seq"]), last)
    for entry in read_tape(tape):
        difference = stage.play(entry)
        if difference is not None:
            return stage.result(difference)
    return stage.result(stage.left_over())


@define
class Stage:
    """The engine, market and scanners of a replay, and how far the comparison has come."""

    journal: JournalReader
    engine: Engine
    feeds: Mapping[str, BarFeed]
    scans: ScanDesk
    first_seq: int
    recorded: Iterator[Record]
    last_seq: int
    scanned: int = 0
    is_over: bool = False
    _found: dict[tuple[str, int], SignalsFound] = field(factory=dict)

    @classmethod
    def of(
        cls,
        system: System,
        instruments: Mapping[str, Instrument],
        journal: JournalReader,
        first: int,
        last: int | None = None,
    ) -> Stage:
        """Set the stage for a session whose events are `first` to `last`; None: the journal ends with it."""
        system.instruments.update(instruments)
        base, timetable = system.base_timeframe, timetable_of(system.profile, instruments)
        feeds = {s: BarFeed(s, base, each.tick_size, timetable.grid(s)) for s, each in instruments.items()}
        engine = engine_of(system, instruments, PastMarket(LiveMarket(feeds, instruments)))
        window = LiveMarket(feeds, instruments, system.window_bars())
        scans = ScanDesk(system.scanners, feeds, window, _ignore, timetable)
        recorded = journal.records(after=first - 1, until=last)
        return cls(journal, engine, feeds, scans, first, recorded, first - 1)

    def play(self, entry: Entry) -> Difference | None:
        """Let one entry of the tape happen again; return the first difference that it makes."""
        kind, *facts = entry
        action = _ACTIONS.get(kind)
        if action is None:
            raise DataError(f"tape: expected one of {', '.join(_ACTIONS)}, was {kind!r}")
        return action(self, *facts) or self._compare()

    def left_over(self) -> Difference | None:
        """Return the record that the session has and the replay does not, where the tape holds the whole session."""
        found = self._take_recorded()
        if found is None or not self.is_over:
            return None
        return difference_of(self.last_seq + 1, found, None)

    def result(self, difference: Difference | None) -> ReplayResult:
        """Return how it went."""
        return ReplayResult(self.first_seq, self.last_seq, self.scanned, self.is_over, difference)

    # --- what is on a tape

    def _head(self, head: Mapping[str, Any]) -> None:
        """Pass over the head: the stage was set with it."""

    def _bar(self, symbol: str, opened_at: int, available_at: int, *values: float) -> None:
        self.feeds[symbol].append(opened_at, available_at, *values)

    def _until(self, symbol: str, ts: int) -> None:
        self.feeds[symbol].close_until(ts)

    def _start(self, plain: Any) -> None:
        self.engine.start(value_of(plain, RunStarted))

    def _resume(self, plain: Any) -> None:
        self.engine.restore(self.journal.records(until=self.first_seq - 1))
        self.engine.resume(value_of(plain, SessionResumed))

    def _catch_up(self, symbol: str) -> None:
        feed = self.feeds[symbol]
        self.engine.catch_up(feed.bars(feed.timeframe))

    def _event(self, name: str, plain: Any) -> Difference | None:
        event = event_of(name, plain)
        if isinstance(event, SignalsFound):
            difference = self._check_found(event)
            if difference is not None:
                return difference
        self.engine.process(event)
        return None

    def _failed(self, component: str, error: str, policy: str, severity: str) -> None:
        for label, ts in list(self._found):  # then it gave no answer, whatever it finds today
            if component == f"scanner {label}":
                del self._found[label, ts]
        self.engine.component_failed(component, error, policy, Severity(severity))

    def _scan(self, ts: int) -> Difference | None:
        self.scanned += 1
        self._found.update({(found.scanner, found.ts): found for found in self.scans.scan(ts)})
        return self._unfound(until=ts - _LATEST_ANSWER)

    def _pause(self, ts: int, reason: str) -> Difference | None:
        self.engine.pause(ts, reason)
        self.is_over = True
        return self._unfound(until=ts - _LATEST_ANSWER)

    def _finish(self, ts: int, reason: str) -> Difference | None:
        self.engine.finish(ts, reason)
        self.is_over = True
        return self._unfound(until=ts)

    # --- the comparison

    def _check_found(self, recorded: SignalsFound) -> Difference | None:
        """Hold the signals of then against what the scanner finds today on the same bars."""
        if not self.scanned:
            return None  # signals that came from elsewhere than a scan of this session
        today = self._found.pop((recorded.scanner, recorded.ts), None)
        if today is not None and _rows(today) == _rows(recorded):
            return None
        return self._scan_difference(recorded.scanner, recorded.ts, recorded, today)

    def _unfound(self, until: int) -> Difference | None:
        """Return what a scanner finds today and did not find then, in a scan that was answered by now."""
        for (label, ts), found in self._found.items():
            if ts <= until:
                return self._scan_difference(label, ts, None, found)
        return None

    def _scan_difference(
        self, label: str, ts: int, recorded: SignalsFound | None, today: SignalsFound | None
    ) -> Difference:
        then, now = ("" if found is None else "; ".join(_rows(found)) for found in (recorded, today))
        return Difference(self.last_seq + 1, ts, f"scanner {label}", then, now)

    def _compare(self) -> Difference | None:
        self.engine.recorder.take_commands()
        for replayed in self.engine.take_records():
            recorded = self._take_recorded()
            if recorded is None and not self.is_over:
                return None  # a crash lost the end of the journal's last transaction: nothing was acted on
            if recorded != replayed:
                return difference_of(self.last_seq + 1, recorded, replayed)
            self.last_seq += 1
        return None

    def _take_recorded(self) -> Record | None:
        return next(self.recorded, None)


def _ignore(label: str, reason: str) -> None:
    """Pass over a failing scanner: what the engine was told of it is on the tape."""


def _rows(found: SignalsFound) -> list[str]:
    """Return each signal with all that its scanner said of it; equal tables give equal texts, NaN included."""
    columns: Mapping[str, Any] = plain_of(found, SignalsFound)
    named = {**columns["columns"], **{name: values for name, (_, values) in columns["context"].items()}}
    return [
        ", ".join(f"{name}={value}" for name, value in zip(named, row, strict=True))
        for row in zip(*named.values(), strict=True)
    ]


_ACTIONS: Mapping[str, Callable[..., Difference | None]] = {
    "head": Stage._head,
    "bar": Stage._bar,
    "until": Stage._until,
    "start": Stage._start,
    "resume": Stage._resume,
    "catch up": Stage._catch_up,
    "event": Stage._event,
    "failed": Stage._failed,
    "scan": Stage._scan,
    "pause": Stage._pause,
    "finish": Stage._finish,
}
