"""A session's inputs on a tape beside its journal, so that its decisions can be checked again.

Everything that the engine is given goes onto the tape in the order in which the engine took it, and so do the bars
that its market grew by: deciders are pure, so the same inputs must give the same records. The tape is a witness and
never a part of the session. It is not synchronised with the disk, nothing waits for it, and it stops where it would
become a burden: at a fault of the disk, at its largest size, or when the disk has little room left. After a crash the
end since the last flush is missing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field, fields
from loguru import logger

from atlas_core import __version__
from atlas_core.compose import OpenSystem
from atlas_core.engine.engine import Engine
from atlas_core.errors import DataError, NotFound
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.grid import BucketGrid
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Severity
from atlas_core.model.events import Command, Event, SignalsFound
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import RunStarted, SessionResumed
from atlas_core.model.timeframe import Timeframe
from atlas_core.runtime.bounded_calls import BackgroundCalls
from atlas_core.runtime.scanning import PATIENCE_SECONDS, ScanDesk
from atlas_core.runtime.tape_codec import plain_of

FORMAT = 1
LARGEST_TAPE = 256 * 2**20
LARGEST_TAPES = 4 * LARGEST_TAPE
LEAST_FREE = 256 * 2**20
"""Bytes that the tape leaves to the journal: below, it stops."""

_BUFFERED = 64 * 2**10
_PATTERN = "tape-*.jsonl.gz"

Entry = list[Any]
"""One line of a tape: what happened, then its facts as JSON."""


class Recorder(Protocol):
    """What a session is made of, recorded or not."""

    def begin(self, live: OpenSystem) -> None:
        """Learn the system, open and with its instruments, before anything is made of it."""

    def feed(self, symbol: str, timeframe: Timeframe, tick_size: Decimal, grid: BucketGrid) -> BarFeed:
        """Return an empty feed."""

    def engine(self, engine: Engine) -> Engine:
        """Return the engine to use in the place of this one, which has processed nothing."""

    def scans(self, scans: ScanDesk) -> ScanDesk:
        """Return the scan desk to use in the place of this one."""

    def flush(self) -> None:
        """Let go of what was recorded so far; call it after a commit, never before one."""

    def close(self) -> None:
        """End the recording."""


class Unrecorded(Recorder):
    """Leaves everything as it is."""

    def begin(self, live: OpenSystem) -> None:
        """Pass over the system."""

    def feed(self, symbol: str, timeframe: Timeframe, tick_size: Decimal, grid: BucketGrid) -> BarFeed:
        """Return a plain feed."""
        return BarFeed(symbol, timeframe, tick_size, grid)

    def engine(self, engine: Engine) -> Engine:
        """Return the engine itself."""
        return engine

    def scans(self, scans: ScanDesk) -> ScanDesk:
        """Return the scan desk itself."""
        return scans

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class TapeRecorder(Recorder):
    """Records one session; `overrides` are what the command line put over the profile."""

    def __init__(self, tape: Tape, first_seq: int, overrides: Sequence[tuple[str, str]] = ()) -> None:
        self._tape = tape
        self._first_seq = first_seq
        self._overrides = overrides

    @classmethod
    def beside(cls, journal: Path, first_seq: int, overrides: Sequence[tuple[str, str]] = ()) -> TapeRecorder:
        """Record the session whose first event in `journal` will be `first_seq`; old tapes make room for it."""
        make_room(journal.parent, LARGEST_TAPES - LARGEST_TAPE)
        return cls(Tape(tape_path(journal.parent, first_seq)), first_seq, overrides)

    def begin(self, live: OpenSystem) -> None:
        """Write the head: what is needed to make the same system again."""
        profile = live.system.profile
        head = {
            "format": FORMAT,
            "atlas": __version__,
            "first_seq": self._first_seq,
            "profile": str(profile.source.resolve()),
            "overrides": [list(override) for override in self._overrides],
            "digest": profile.digest,
            "mode": live.system.mode.value,
            "instruments": [plain_of(instrument, Instrument) for instrument in live.instruments.values()],
        }
        self._tape.write(["head", head])

    def feed(self, symbol: str, timeframe: Timeframe, tick_size: Decimal, grid: BucketGrid) -> BarFeed:
        """Return a feed that records how it grows."""
        return _RecordedFeed(symbol, timeframe, tick_size, grid, self._tape.write)

    def engine(self, engine: Engine) -> Engine:
        """Return an engine that records what it is given."""
        parts = {str(each.alias): getattr(engine, each.name) for each in fields(Engine)}
        return _RecordedEngine(**parts, note=self._tape.write)

    def scans(self, scans: ScanDesk) -> ScanDesk:
        """Return a scan desk that records when it looked."""
        parts = {str(each.alias): getattr(scans, each.name) for each in fields(ScanDesk)}
        return _RecordedScans(**parts, note=self._tape.write)

    def flush(self) -> None:
        """Give what was recorded to the operating system."""
        self._tape.flush()

    def close(self) -> None:
        """Flush and close the tape."""
        self._tape.close()


@define
class _RecordedEngine(Engine):
    """An engine that notes each input before it takes it."""

    note: Callable[[Entry], None] = field(kw_only=True)

    def start(self, record: RunStarted) -> None:
        self.note(["start", plain_of(record, RunStarted)])
        super().start(record)

    def resume(self, record: SessionResumed) -> None:
        self.note(["resume", plain_of(record, SessionResumed)])
        super().resume(record)

    def catch_up(self, bars: Bars) -> None:
        self.note(["catch up", bars.symbol])
        super().catch_up(bars)

    def pause(self, ts: int, reason: str) -> None:
        self.note(["pause", ts, reason])
        super().pause(ts, reason)

    def process(self, event: Event) -> list[Command]:
        self.note(["event", type(event).__name__, plain_of(event, type(event))])
        return super().process(event)

    def component_failed(self, component: str, error: str, policy: str, severity: Severity = Severity.CRITICAL) -> None:
        self.note(["failed", component, error, policy, severity.value])
        super().component_failed(component, error, policy, severity)

    def finish(self, ts: int, reason: str) -> None:
        self.note(["finish", ts, reason])
        super().finish(ts, reason)


class _RecordedFeed(BarFeed):
    """A feed that notes its bars, and until when it was declared complete."""

    def __init__(
        self, symbol: str, timeframe: Timeframe, tick_size: Decimal, grid: BucketGrid, note: Callable[[Entry], None]
    ) -> None:
        super().__init__(symbol, timeframe, tick_size, grid)
        self._note = note

    def append(
        self, opened_at: int, available_at: int, open_: float, high: float, low: float, close: float, volume: float
    ) -> None:
        super().append(opened_at, available_at, open_, high, low, close, volume)
        self._note(["bar", self.symbol, opened_at, available_at, open_, high, low, close, volume])

    def close_until(self, ts: int) -> None:
        if ts > self.now:
            self._note(["until", self.symbol, ts])
        super().close_until(ts)


@define
class _RecordedScans(ScanDesk):
    """A scan desk that notes when its scanners looked."""

    note: Callable[[Entry], None] = field(kw_only=True)

    def scan(self, now: int) -> Iterator[SignalsFound]:
        self.note(["scan", now])
        yield from super().scan(now)

    def scan_beside(
        self, now: int, calls: BackgroundCalls, patience: float = PATIENCE_SECONDS
    ) -> AsyncIterator[SignalsFound]:
        self.note(["scan", now])
        return super().scan_beside(now, calls, patience)


class Tape:
    """A compressed file of one JSON list per line, written behind the session's back; never raises."""

    def __init__(self, path: Path, largest: int = LARGEST_TAPE, least_free: int = LEAST_FREE) -> None:
        self.path = path
        self._largest, self._least_free = largest, least_free
        self._lines: list[str] = []
        self._waiting = self._written = 0
        self._packer = zlib.compressobj(level=1, wbits=31)
        self._handle: int | None = None
        try:
            self._handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        except OSError as fault:
            self._stop(f"cannot be made: {fault.strerror}")

    def write(self, entry: Entry) -> None:
        """Keep an entry; it reaches the file with the next flush, or when many have come together."""
        if self._handle is None:
            return
        line = _dumps(entry)
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting > _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Give everything to the operating system."""
        if self._handle is None or not self._lines:
            return
        text = "\n".join([*self._lines, ""])
        self._lines, self._waiting = [], 0
        self._put(self._packer.compress(text.encode()) + self._packer.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        """Flush and close; closing twice does nothing."""
        self.flush()
        if self._handle is not None:
            self._put(self._packer.flush(zlib.Z_FINISH))
        self._release()

    def _put(self, packed: bytes) -> None:
        assert self._handle is not None
        try:
            disk = os.fstatvfs(self._handle)
            if disk.f_bavail * disk.f_frsize < self._least_free:
                self._stop("is not continued: the disk has little room left, which belongs to the journal")
            elif self._written + len(packed) > self._largest:
                self._stop(f"is not continued: it has its largest size of {self._largest / 2**20:,.0f} MB")
            else:
                self._written += os.write(self._handle, packed)
        except OSError as fault:
            self._stop(f"is not continued: {fault.strerror}")

    def _stop(self, why: str) -> None:
        logger.warning("the tape of inputs {} {}; the session goes on, and its replay ends there", self.path, why)
        self._lines = []
        self._release()

    def _release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str).encode


def tape_path(directory: Path, first_seq: int) -> Path:
    """Return where the tape of the session is whose first event is `first_seq`."""
    return directory / f"tape-{first_seq:010d}.jsonl.gz"


def first_event(tape: Path) -> int:
    """Return the first event of the session that a tape is named after."""
    return int(tape.name.split(".")[0].rpartition("-")[2])


def tapes_in(directory: Path) -> list[Path]:
    """Return the tapes of a journal's sessions, first to last."""
    return sorted(directory.glob(_PATTERN))


def make_room(directory: Path, most_bytes: int) -> None:
    """Remove the oldest tapes until all of them together have at most `most_bytes`."""
    sizes = {path: path.stat().st_size for path in tapes_in(directory)}
    total = sum(sizes.values())
    for path, size in sizes.items():
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


def read_head(path: Path) -> Mapping[str, Any]:
    """Return the head of a tape; raises NotFound when there is no tape, DataError when it has no head."""
    entry = next(read_tape(path), None)
    if entry is None or entry[0] != "head" or entry[1].get("format") != FORMAT:
        raise DataError(f"{path}: expected a tape of format {FORMAT}, was {'nothing' if entry is None else entry[0]!r}")
    head: Mapping[str, Any] = entry[1]
    return head


def read_tape(path: Path) -> Iterator[Entry]:
    """Yield the entries of a tape up to its end, or to where a crash cut it off; raises DataError for a damaged one."""
    unpacker = zlib.decompressobj(wbits=31)
    rest = b""
    try:
        with path.open("rb") as file:
            while packed := file.read(1 << 16):
                *lines, rest = (rest + unpacker.decompress(packed)).split(b"\n")
                for line in lines:
                    yield json.loads(line)
    except FileNotFoundError:
        raise NotFound(f"there is no tape at {path}") from None
    except (zlib.error, ValueError) as fault:
        raise DataError(f"{path} is damaged: {fault}") from fault
