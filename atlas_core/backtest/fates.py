"""What becomes of every signal of a scanner before the account is asked, found in the columns of the bars.

A signal that a mask refuses, or that waits and never meets its trigger, changes nothing but its own records: when it
ends and why follows from its levels and the bars alone. All others are left to the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.candidates import NO_RULE, first_refusal
from atlas_core.backtest.columnar.searching import NEVER, first_at_or_below
from atlas_core.backtest.columnar.simple import NotSimple, asked
from atlas_core.backtest.columnar.tape import levels_in_ticks
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.columnar import NO_LEVEL
from atlas_core.compose import OpenSystem
from atlas_core.contracts import MaskingGate
from atlas_core.engine.signals import whole_mask
from atlas_core.engine.state import SEEN_DAYS
from atlas_core.loading import LoadedMarket
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import GateMask
from atlas_core.model.instrument import Instrument
from atlas_core.model.signals import EntryKind, SignalTable
from atlas_core.model.timeframe import DAY

_LETTERS = 0x110000
"""How many there are of them."""


class Fate(IntEnum):
    """What becomes of a signal; what is ENGAGED is decided by the engine, all else is settled here.

    KNOWN is a setup that was seen before and no new signal; LEFT waits when the data end.
    """

    KNOWN = 0
    REFUSED = 1
    OVER = 2
    ENGAGED = 3
    VOID = 4
    OPENED_BEYOND = 5
    TOOK_OTHER_SIDE = 6
    EXPIRED = 7
    LEFT = 8


@frozen(eq=False, kw_only=True)
class Fates:
    """The fates of one scanner's signals, a row of its table each.

    `refused_by` is the place of the first mask that refuses, NO_RULE for none. A settled signal that waited ended at
    `ended_at`, where `price` was against `level` (both in ticks, NO_LEVEL for none). An engaged one that waits meets
    its trigger in the event `event` of its symbol (see `Lane`), and no opening before that voids it; NEVER for entries
    at the market.
    """

    label: str
    table: SignalTable
    masks: tuple[GateMask, ...]
    fate: Column
    refused_by: Column
    ended_at: Column
    price: Column
    level: Column
    event: Column

    @property
    def engaged(self) -> Column:
        """The rows that the engine has to decide."""
        return np.flatnonzero(self.fate == Fate.ENGAGED)

    @property
    def has_waited(self) -> NDArray[np.bool_]:
        """Tell which rows are settled after they waited."""
        return self.fate > Fate.ENGAGED


def fates_of(live: OpenSystem, market: LoadedMarket, label: str, table: SignalTable) -> Fates:
    """Return the fates of a scanner's signals; raises NotSimple where only the engine can tell."""
    masks = tuple(
        asked(f"gate {name}", _mask_of(gate, table)) for name, gate in live.system.parts.masking_gates
    )  # fmt: skip
    refused_by = first_refusal(masks, len(table))
    fate = np.full(len(table), Fate.ENGAGED, dtype=np.int64)
    fate[table.valid_until <= table.available_at] = Fate.OVER
    fate[refused_by != NO_RULE] = Fate.REFUSED
    fate[_known(table)] = Fate.KNOWN
    is_at_market = (table.entry == EntryKind.MARKET.value) | np.isnan(table.trigger)
    waits = np.flatnonzero((fate == Fate.ENGAGED) & ~is_at_market)
    ended_at, price, level, event = (np.full(len(table), fill) for fill in (0, NO_LEVEL, NO_LEVEL, NEVER))
    symbols = table.symbol[waits]
    for symbol in live.system.profile.universe.symbols:
        rows = waits[symbols == symbol]
        if len(rows):
            instrument = live.instruments[symbol]
            lives = _lives(market.bars_of_run(symbol), instrument, table, rows, market.end)
            fate[rows], ended_at[rows], price[rows], level[rows] = lives.fate, lives.ended_at, lives.price, lives.level
            event[rows] = lives.event
    return Fates(
        label=label, table=table, masks=masks, fate=fate, refused_by=refused_by, ended_at=ended_at, price=price,
        level=level, event=event,
    )  # fmt: skip


def _mask_of(gate: MaskingGate, table: SignalTable) -> Callable[[], GateMask]:
    return lambda: whole_mask(gate.mask(table), table)


def _known(table: SignalTable) -> NDArray[np.bool_]:
    """Tell which rows are setups that were found before; raises NotSimple where one may have been forgotten since."""
    known = np.zeros(len(table), dtype=bool)
    if not _has_repeated(table):
        return known
    words = (table.symbol.tolist(), table.timeframe.tolist(), table.side.tolist(), table.setup_at.tolist())
    found: dict[tuple[str, str, int, int], int] = {}
    for row, (setup, at) in enumerate(zip(zip(*words, strict=True), table.available_at.tolist(), strict=True)):
        known[row] = setup in found
        if at - found.setdefault(setup, at) > SEEN_DAYS * DAY:
            raise NotSimple("a setup is found again long after it was found first")
    return known


def _has_repeated(table: SignalTable) -> bool:
    """Tell whether a setup may be there twice: words that are the same have the same code, and few others have."""
    facts = (table.setup_at * 2 + (table.side > 0), *(_coded(words) for words in (table.symbol, table.timeframe)))
    order = np.lexsort(facts)
    return bool(np.logical_and.reduce([fact[order][1:] == fact[order][:-1] for fact in facts]).any())


def _coded(words: NDArray[np.str_]) -> Column:
    """Return a number for each word, made of its letters; those of long words run over."""
    code = np.zeros(len(words), dtype=np.int64)
    if len(words):
        for letters in np.ascontiguousarray(words).view(np.uint32).reshape(len(words), -1).T:
            code = code * _LETTERS + letters.astype(np.int64)
    return code


@frozen(eq=False, kw_only=True)
class _Lives:
    """What `Fates` holds, of the waiting signals of one symbol."""

    fate: Column
    ended_at: Column
    price: Column
    level: Column
    event: Column


class _Events:
    """One symbol's bars as the prices that a waiting signal meets: event `2 n` opens bar n, event `2 n + 1` closes it.

    Prices are in ticks; `low` and `high` are those of each event.
    """

    def __init__(self, bars: Bars, instrument: Instrument) -> None:
        self.opened_at, self.closed_at = bars.opened_at, bars.available_at
        tick = float(instrument.tick_size)
        first, low, high = (np.rint(column / tick).astype(np.int64) for column in (bars.open, bars.low, bars.high))
        self.low, self.high = (np.stack([first, ends], axis=1).ravel() for ends in (low, high))

    def __len__(self) -> int:
        return len(self.low)

    def before(self, times: Column) -> Column:
        """Return how many events come before times at which all bars that end there have closed, and none opened."""
        return self.opened_at.searchsorted(times) + self.closed_at.searchsorted(times, side="right")

    def times(self, events: Column) -> Column:
        """Return when events come."""
        return np.where(events % 2, self.closed_at[events // 2], self.opened_at[events // 2])

    def reached(self, levels: Column, rises: NDArray[np.bool_], first: Column, last: Column) -> Column:
        """Return the first of the events from `first` to `last` that reach levels, NEVER for none."""
        found = np.full(len(levels), NEVER, dtype=np.int64)
        is_there = (levels != NO_LEVEL) & (first <= last)
        for mine, extremes, sign in ((is_there & rises, self.high, -1), (is_there & ~rises, self.low, 1)):
            rows = np.flatnonzero(mine)
            if len(rows):
                found[rows] = first_at_or_below(extremes * sign, levels[rows] * sign, first[rows], last[rows])
        return found


@frozen(eq=False, kw_only=True)
class _Signals:
    """Waiting signals of one symbol: levels in ticks, and the first and last event that they can meet."""

    side: Column
    is_limit: NDArray[np.bool_]
    trigger: Column
    cancel: Column
    void: Column
    ends: Column
    first: Column
    last: Column

    @classmethod
    def of(cls, table: SignalTable, rows: Column, events: _Events, instrument: Instrument, end: int) -> _Signals:
        """Read some rows of a table, of one symbol, in a run that ends at `end`."""
        ends = table.valid_until[rows]
        return cls(
            side=table.side[rows],
            is_limit=table.entry[rows] == EntryKind.LIMIT.value,
            trigger=levels_in_ticks(table.trigger[rows], instrument),
            cancel=levels_in_ticks(table.cancel_beyond[rows], instrument),
            void=levels_in_ticks(table.void_beyond[rows], instrument),
            ends=ends,
            first=events.before(table.available_at[rows]),
            last=np.where(ends > end, len(events), events.before(ends)) - 1,
        )

    @property
    def opening(self) -> Column:
        """The first event that is an opening."""
        return self.first + self.first % 2


def _lives(bars: Bars, instrument: Instrument, table: SignalTable, rows: Column, end: int) -> _Lives:
    """Follow signals of one symbol from the first price that they meet to their end, or to their trigger."""
    events = _Events(bars, instrument)
    signals = _Signals.of(table, rows, events, instrument, end)
    taken = _taken(events, signals)
    cancelled = _cancelled(events, signals, taken)
    is_void = _is_void(events, signals) & (signals.opening <= np.minimum(taken, cancelled))
    is_cancelled = ~is_void & (cancelled < taken)  # what takes and cancels at once is left to the engine
    is_taken = ~is_void & ~is_cancelled & (taken != NEVER)
    is_stopped = is_void | is_cancelled
    stopped = np.where(is_void, signals.opening, np.where(is_cancelled, cancelled, 0))
    worst = np.where(signals.side > 0, events.low[stopped], events.high[stopped])
    level = np.where(is_void, signals.void, signals.cancel)
    return _Lives(
        fate=np.select(
            [is_void, is_cancelled & (cancelled % 2 == 0), is_cancelled, is_taken, signals.ends <= end],
            [Fate.VOID, Fate.OPENED_BEYOND, Fate.TOOK_OTHER_SIDE, Fate.ENGAGED, Fate.EXPIRED],
            Fate.LEFT,
        ),
        ended_at=np.where(is_stopped, events.times(stopped), np.minimum(signals.ends, end)),
        price=np.where(is_stopped, worst, NO_LEVEL),
        level=np.where(is_stopped, level, NO_LEVEL),
        event=np.where(is_taken, taken, NEVER),
    )


def _taken(events: _Events, signals: _Signals) -> Column:
    """Return the event that takes each trigger: a limit by a touch, a stop entry one tick beyond it."""
    level = signals.trigger + np.where(signals.is_limit, 0, signals.side)
    return events.reached(level, (signals.side > 0) != signals.is_limit, signals.first, signals.last)


def _cancelled(events: _Events, signals: _Signals, taken: Column) -> Column:
    """Return the event before the one that takes the trigger in which the price is beyond the cancelling level."""
    level = np.where(signals.cancel == NO_LEVEL, NO_LEVEL, signals.cancel - signals.side)
    return events.reached(level, signals.side < 0, signals.first, np.minimum(signals.last, taken - 1))


def _is_void(events: _Events, signals: _Signals) -> NDArray[np.bool_]:
    """Tell which signals meet an opening of which the first is at or beyond their voiding level."""
    opened = events.low[np.minimum(signals.opening, len(events) - 1)]
    is_there = (signals.void != NO_LEVEL) & (signals.opening <= signals.last)
    void: NDArray[np.bool_] = is_there & ((opened - signals.void) * signals.side >= 0)
    return void
