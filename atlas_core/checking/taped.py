"""A recorded session as a market: the bars, the funding and the instruments on its tape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from attrs import define, field, frozen

from atlas_core.checking.market import RecordedMarket
from atlas_core.errors import DataError
from atlas_core.model.bars import Bars
from atlas_core.model.events import FundingDue
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import RunStarted
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.runtime.recording import Entry, read_head, read_tape
from atlas_core.runtime.tape_codec import event_of, value_of

Row: TypeAlias = tuple[float, ...]


def taped_market(tape: Path) -> RecordedMarket:
    """Return the market that a recorded session was given, from its start to its last bar.

    Raises NotFound or DataError when the tape cannot be read, and DataError for a session that continued an earlier
    one: a back-test begins without positions.
    """
    head = read_head(tape)
    reading = _Reading({each["symbol"]: value_of(each, Instrument) for each in head["instruments"]})
    reading.read(read_tape(tape))
    return reading.market(tape)


@frozen
class TapedHistory:
    """The bars that a session has seen from its first process on, by symbol, with what lies before it."""

    instruments: Mapping[str, Instrument]
    bars: Mapping[str, Bars]
    start: int

    def of_session(self) -> dict[str, Bars]:
        """Return the bars that opened during the session."""
        return {symbol: each.take(each.opened_at >= self.start) for symbol, each in self.bars.items()}


def taped_history(tapes: Sequence[Path]) -> TapedHistory:
    """Return what the tapes of a session tell of its market, first to last; a bar that was told again counts as then.

    Raises DataError when the first tape is not that of the session's begin, NotFound and DataError as `read_tape` does.
    """
    reading = _Reading({})
    for tape in tapes:
        reading.instruments |= {each["symbol"]: value_of(each, Instrument) for each in read_head(tape)["instruments"]}
        reading.read(read_tape(tape))
        if reading.started is None:  # the later ones need not be read
            break
    if reading.started is None:
        raise DataError("expected the tape of the begin of the session, it is not kept any more")
    bars = {symbol: reading.bars_of(symbol, _latest(rows)) for symbol, rows in reading.rows.items()}
    return TapedHistory(reading.instruments, bars, reading.started.ts)


def _latest(rows: Sequence[Row]) -> list[Row]:
    """Return rows by the time at which their bar opened, the last one of each."""
    by_opening = {row[0]: row for row in rows}
    return [by_opening[opened_at] for opened_at in sorted(by_opening)]


@define
class _Reading:
    """What has been read of a tape."""

    instruments: dict[str, Instrument]
    started: RunStarted | None = None
    rows: dict[str, list[Row]] = field(factory=dict)
    funding: list[FundingDue] = field(factory=list)

    def read(self, entries: Iterable[Entry]) -> None:
        for kind, *facts in entries:
            if kind == "bar":
                self.rows.setdefault(facts[0], []).append(tuple(facts[1:]))
            elif kind == "start" and self.started is None:
                self.started = value_of(facts[0], RunStarted)
            elif kind == "event" and facts[0] == FundingDue.__name__:
                self._fund(event_of(*facts))

    def market(self, tape: Path) -> RecordedMarket:
        if self.started is None:
            raise DataError(
                f"{tape}: expected the tape of a session that began its run, this one continues an earlier session; "
                "a back-test begins without positions: name the first session with --session"
            )
        missing = [symbol for symbol in self.started.symbols if symbol not in self.rows]
        if missing:
            raise DataError(f"{tape}: expected bars of every symbol, none for {', '.join(missing)}")
        bars = {symbol: self.bars_of(symbol, self.rows[symbol]) for symbol in self.started.symbols}
        end = max(int(each.available_at[-1]) for each in bars.values())
        if end <= self.started.ts:
            raise DataError(f"{tape}: expected bars that closed during the session, all of them are its warm-up")
        return RecordedMarket(
            instruments=self.instruments, bars=bars, funding=tuple(self.funding), start=self.started.ts, end=end
        )

    def bars_of(self, symbol: str, rows: Sequence[Row]) -> Bars:
        assert self.started is not None
        opened_at, available_at, *values = zip(*rows, strict=True)
        opened, available = (np.array(column, dtype=np.int64) for column in (opened_at, available_at))
        open_, high, low, close, volume = (np.array(column, dtype=np.float64) for column in values)
        timeframe, tick = parse_timeframe(self.started.base_timeframe), self.instruments[symbol].tick_size
        return Bars(symbol, timeframe, opened, available, open_, high, low, close, volume, tick)

    def _fund(self, event: Any) -> None:
        self.funding.append(event)
