"""What signals that were stopped would have made: bars that came later, looked at for a report and by nothing else.

Each signal is followed alone, as if it had been the only one: without costs, size, limits and exit rules, from its
entry to its own stop or target. A stop that is touched in a bar together with the target, or in the bar of the entry,
counts as the stop; a target in the bar in which a limit was touched may have come before it and does not count. Where
neither is touched for `HORIZON_BARS` bars of the signal's timeframe, the close there counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import TypeAlias

import numpy as np
from attrs import define, evolve, frozen
from numpy.typing import NDArray

from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import Record, SignalDetected, SignalTriggered, VerdictReached
from atlas_core.model.signals import EntryKind, Side
from atlas_core.model.timeframe import parse_timeframe

HORIZON_BARS = 20
ALONE = (
    f"Each signal followed alone on the bars that came later, to its stop, its target or {HORIZON_BARS} bars of its "
    "timeframe: without costs, size, limits and exit rules. What the account would have made is another question."
)
STOPPED = frozenset({Outcome.REFUSED, Outcome.SKIPPED, Outcome.REJECTED, Outcome.CANCELLED})
"""Verdicts of somebody; a signal that expired, was invalidated or opened beyond its aim was stopped by the market."""

_FIRST_LOOK = 256
_Mask: TypeAlias = NDArray[np.bool_]


class Ending(StrEnum):
    """How a signal would have gone on."""

    TARGET = "target first"
    STOP = "stop first"
    UNCLEAR = "stop or target, unclear"
    NEITHER = "neither in time"
    CUT_OFF = "data end before"
    NOT_ENTERED = "not entered"


@frozen(kw_only=True)
class Later:
    """What one stopped signal would have made: `change` of the price in its direction, and in R where it had a stop.

    `entry` and `exit` are prices; times are nanoseconds UTC.
    """

    key: str
    outcome: Outcome
    by: str
    symbol: str
    timeframe: str
    setup: str
    side: Side
    stopped_at: int
    ending: Ending
    entered_at: int | None = None
    entry: float | None = None
    ended_at: int | None = None
    exit: float | None = None
    change: float | None = None
    r_multiple: float | None = None


@frozen(kw_only=True)
class LaterGroup:
    """Stopped signals of one outcome and one decider: how many would have been entered, and how those would have ended.

    Those entered are the sum of the four after them. `r_total` and `r_each` are of the signals that had a stop and
    ended before the data did; None where there is none.
    """

    outcome: str
    by: str
    count: int
    entered: int
    target: int
    stop: int
    unclear: int
    neither: int
    r_total: float | None
    r_each: float | None


def later_outcomes(records: Iterable[Record], bars: Mapping[str, Bars]) -> tuple[Later, ...]:
    """Return what each stopped signal would have made, in the order of the verdicts; without bars nothing is known."""
    detected: dict[str, SignalDetected] = {}
    triggered: dict[str, SignalTriggered] = {}
    found: list[Later] = []
    markets = {symbol: _Market.of(each) for symbol, each in bars.items() if len(each)}
    for record in records:
        if isinstance(record, SignalDetected):
            detected[record.key] = record
        elif isinstance(record, SignalTriggered):
            triggered[record.key] = record
        elif isinstance(record, VerdictReached) and record.outcome in STOPPED and record.key in detected:
            signal = detected[record.key]
            if signal.symbol in markets:
                found.append(_later(signal, triggered.get(record.key), record, markets[signal.symbol]))
    return tuple(found)


def grouped_later(rows: Sequence[Later]) -> tuple[LaterGroup, ...]:
    """Return the signals by who stopped them, the most first."""
    groups: dict[tuple[str, str], list[Later]] = {}
    for row in rows:
        groups.setdefault((row.outcome.value, row.by), []).append(row)
    made = [_group(outcome, by, mine) for (outcome, by), mine in groups.items()]
    return tuple(sorted(made, key=lambda group: (-group.count, group.outcome, group.by)))


def all_later(rows: Sequence[Later]) -> LaterGroup:
    """Return all of them as one group."""
    return _group("all", "", rows)


def _group(outcome: str, by: str, rows: Sequence[Later]) -> LaterGroup:
    multiples = [row.r_multiple for row in rows if row.r_multiple is not None and row.ending is not Ending.CUT_OFF]
    counts = Counter(row.ending for row in rows)
    total = sum(multiples) if multiples else None
    return LaterGroup(
        outcome=outcome, by=by, count=len(rows), entered=len(rows) - counts[Ending.NOT_ENTERED],
        target=counts[Ending.TARGET], stop=counts[Ending.STOP], unclear=counts[Ending.UNCLEAR],
        neither=counts[Ending.NEITHER] + counts[Ending.CUT_OFF], r_total=total,
        r_each=None if total is None else total / len(multiples),
    )  # fmt: skip


@define
class _Market:
    """The columns of one symbol."""

    opened_at: NDArray[np.int64]
    available_at: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]

    @classmethod
    def of(cls, bars: Bars) -> _Market:
        return cls(bars.opened_at, bars.available_at, *bars.prices())

    def place(self, ts: int) -> int:
        """Return the first bar that opens at `ts` or later."""
        return int(np.searchsorted(self.opened_at, ts))

    def first(self, holds: Callable[[slice], _Mask], begin: int, end: int) -> int | None:
        """Return the first bar of some at which something holds; most are found near the begin."""
        length = _FIRST_LOOK
        while begin < end:
            part = slice(begin, min(end, begin + length))
            found = np.flatnonzero(holds(part))
            if len(found):
                return begin + int(found[0])
            begin, length = part.stop, length * 4
        return None


@frozen
class _Entry:
    """The bar in which or at whose open a signal is entered, and whether the rest of that bar came after it."""

    place: int
    ts: int
    price: float
    is_at_open: bool


def _later(
    signal: SignalDetected, triggered: SignalTriggered | None, verdict: VerdictReached, market: _Market
) -> Later:
    later = Later(
        key=signal.key, outcome=verdict.outcome, by=verdict.by, symbol=signal.symbol, timeframe=signal.timeframe,
        setup=signal.pattern, side=signal.side, stopped_at=verdict.ts, ending=Ending.NOT_ENTERED,
    )  # fmt: skip
    horizon = HORIZON_BARS * parse_timeframe(signal.timeframe).duration
    if triggered is not None:
        entry: _Entry | None = _triggered(signal, triggered, market)
    else:
        entry = _entered(signal, verdict.ts, horizon, market)
    return later if entry is None else _followed(signal, later, entry, horizon, market)


def _triggered(signal: SignalDetected, triggered: SignalTriggered, market: _Market) -> _Entry:
    """Return the entry at a trigger that the run has seen: in the bar that closes then or later, where it was taken."""
    place, ts, price = market.place(triggered.ts), triggered.ts, float(triggered.price)
    last = place - 1
    is_inside = signal.trigger is not None and last >= 0 and signal.ts < ts <= market.available_at[last]
    if is_inside and _takes(signal, market, slice(last, place)).any():
        return _Entry(last, ts, price, False)
    return _Entry(place, ts, price, True)


def _is_upward(signal: SignalDetected) -> bool:
    return (signal.side.sign > 0) != (signal.entry is EntryKind.LIMIT)


def _takes(signal: SignalDetected, market: _Market, part: slice) -> _Mask:
    """Tell which bars take the trigger: a limit by a touch, a stop entry beyond it."""
    assert signal.trigger is not None
    level, is_upward = float(signal.trigger), _is_upward(signal)
    margin = (market.high[part] - level) if is_upward else (level - market.low[part])
    return margin >= 0 if signal.entry is EntryKind.LIMIT else margin > 0


def _entered(signal: SignalDetected, since: int, horizon: int, market: _Market) -> _Entry | None:
    """Return where the market would have taken the trigger while the signal was valid, None for nowhere."""
    begin = market.place(since)
    met_at = int(market.opened_at[begin]) if begin < len(market.open) else since  # the bars may pause before it
    end = market.place(min(signal.valid_until, met_at + horizon))
    if begin >= end:
        return None
    opening = float(market.open[begin])
    if signal.trigger is None:
        return _Entry(begin, int(market.opened_at[begin]), opening, True)
    sign, level = signal.side.sign, float(signal.trigger)
    if signal.void_beyond is not None and (opening - float(signal.void_beyond)) * sign >= 0:
        return None
    taken = market.first(partial(_takes, signal, market), begin, end)
    if taken is None or _cancelled_before(signal, begin, taken, market):
        return None
    first = float(market.open[taken])
    is_at_open = first >= level if _is_upward(signal) else first <= level
    if is_at_open and signal.cancel_beyond is not None and (first - float(signal.cancel_beyond)) * sign < 0:
        return None
    price = first if is_at_open else level
    return _Entry(taken, int((market.opened_at if is_at_open else market.available_at)[taken]), price, is_at_open)


def _cancelled_before(signal: SignalDetected, begin: int, taken: int, market: _Market) -> bool:
    if signal.cancel_beyond is None:
        return False
    level, worst = float(signal.cancel_beyond), market.low if signal.side.sign > 0 else market.high
    return market.first(lambda part: (worst[part] - level) * signal.side.sign < 0, begin, taken) is not None


def _followed(signal: SignalDetected, later: Later, entry: _Entry, horizon: int, market: _Market) -> Later:
    sign = signal.side.sign
    end = int(np.searchsorted(market.available_at, entry.ts + horizon, side="right"))
    end = max(end, min(entry.place + 1, len(market.close)))  # the first bar after a pause of the market
    if end <= entry.place:
        return evolve(later, ending=Ending.CUT_OFF, entered_at=entry.ts, entry=entry.price)
    worst, best = (market.low, market.high) if sign > 0 else (market.high, market.low)
    stopped = _touch(signal.stop, worst, -sign, entry.place, end, market)
    is_before = signal.entry is EntryKind.LIMIT and not entry.is_at_open
    reached = _touch(signal.target, best, sign, entry.place + is_before, end, market)
    if stopped is not None and (reached is None or stopped <= reached):
        is_inside = stopped == entry.place and not entry.is_at_open
        is_unclear = stopped == reached or is_inside
        gap = entry.price if is_inside else float(market.open[stopped])
        level = _price(signal.stop)
        price = min(level, gap) if sign > 0 else max(level, gap)
        return _ended(signal, later, entry, Ending.UNCLEAR if is_unclear else Ending.STOP, stopped, price, market)
    if reached is not None:
        return _ended(signal, later, entry, Ending.TARGET, reached, _price(signal.target), market)
    is_cut = end >= len(market.close) and int(market.available_at[-1]) < entry.ts + horizon
    ending = Ending.CUT_OFF if is_cut else Ending.NEITHER
    return _ended(signal, later, entry, ending, end - 1, float(market.close[end - 1]), market)


def _touch(
    level: Decimal | None, column: NDArray[np.float64], sign: int, begin: int, end: int, market: _Market
) -> int | None:
    """Return the first bar that reaches a level in a direction."""
    if level is None:
        return None
    price = float(level)
    return market.first(lambda part: (column[part] - price) * sign >= 0, begin, end)


def _price(level: Decimal | None) -> float:
    assert level is not None
    return float(level)


def _ended(
    signal: SignalDetected, later: Later, entry: _Entry, ending: Ending, place: int, price: float,
    market: _Market,
) -> Later:  # fmt: skip
    made = (price - entry.price) * signal.side.sign
    risk = None if signal.stop is None else (entry.price - float(signal.stop)) * signal.side.sign
    return evolve(
        later, ending=ending, entered_at=entry.ts, entry=entry.price, exit=price,
        ended_at=int(market.available_at[place]),
        change=made / entry.price if entry.price else None,
        r_multiple=made / risk if risk is not None and risk > 0 else None,
    )  # fmt: skip
