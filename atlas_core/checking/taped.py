"""A recorded session as a market: the bars, the funding and the instruments on its tape."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field

from atlas_core.checking.market import RecordedMarket
from atlas_core.errors import DataError
from atlas_core.model.bars import Bars
from atlas_core.model.events import FundingDue
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import RunStarted
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.runtime.recording import Entry, read_head, read_tape
from atlas_core.runtime.tape_codec import event_of, value_of


def taped_market(tape: Path) -> RecordedMarket:
    """Return the market that a recorded session was given, from its start to its last bar.

    Raises NotFound or DataError when the tape cannot be read, and DataError for a session that continued an earlier
    one: a back-test begins without positions.
    """
    head = read_head(tape)
    reading = _Reading({each["symbol"]: value_of(each, Instrument) for each in head["instruments"]})
    reading.read(read_tape(tape))
    return reading.market(tape)


@define
class _Reading:
    """What has been read of a tape."""

    instruments: dict[str, Instrument]
    started: RunStarted | None = None
    rows: dict[str, list[tuple[float, ...]]] = field(factory=dict)
    funding: list[FundingDue] = field(factory=list)

    def read(self, entries: Iterable[Entry]) -> None:
        for kind, *facts in entries:
            if kind == "bar":
                self.rows.setdefault(facts[0], []).append(tuple(facts[1:]))
            elif kind == "start":
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
        bars = {symbol: self._bars(symbol, self.rows[symbol]) for symbol in self.started.symbols}
        end = max(int(each.available_at[-1]) for each in bars.values())
        if end <= self.started.ts:
            raise DataError(f"{tape}: expected bars that closed during the session, all of them are its warm-up")
        return RecordedMarket(
            instruments=self.instruments, bars=bars, funding=tuple(self.funding), start=self.started.ts, end=end
        )

    def _bars(self, symbol: str, rows: list[tuple[float, ...]]) -> Bars:
        assert self.started is not None
        opened_at, available_at, *values = zip(*rows, strict=True)
        opened, available = (np.array(column, dtype=np.int64) for column in (opened_at, available_at))
        open_, high, low, close, volume = (np.array(column, dtype=np.float64) for column in values)
        timeframe, tick = parse_timeframe(self.started.base_timeframe), self.instruments[symbol].tick_size
        return Bars(symbol, timeframe, opened, available, open_, high, low, close, volume, tick)

    def _fund(self, event: Any) -> None:
        self.funding.append(event)
