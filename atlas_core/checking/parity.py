"""One profile as session and as back-test, held against each other decision by decision."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, field, frozen

from atlas_core.backtest.driver import DriverKind
from atlas_core.checking.causes import TIME, Cause, cause_of
from atlas_core.checking.comparing import agree
from atlas_core.checking.decisions import Decision, DecisionKind, Name, decisions_of
from atlas_core.checking.market import RecordedMarket, on_record
from atlas_core.checking.running import decided, until_the_end
from atlas_core.compose import compose
from atlas_core.journal import Journal
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.grid import BucketGrid
from atlas_core.model.bars import Bars
from atlas_core.model.records import Record
from atlas_core.model.timeframe import Timeframe
from atlas_core.profile import Profile
from atlas_core.runs import Mode
from atlas_core.runtime.recording import Unrecorded
from atlas_core.runtime.session import SessionPlan, run_session
from atlas_core.watching import Unwatched, Watch


@frozen(kw_only=True)
class Told:
    """A run as it was recorded: its records, and the bars that it was given, warm-up included."""

    records: Sequence[Record]
    bars: Mapping[str, Bars]


@frozen(kw_only=True)
class Departure:
    """One decision that differs: in the session, in the back-test (None: it is missing there), and why.

    `follows` tells that an earlier departure about the same signal explains it.
    """

    kind: DecisionKind
    ts: int
    symbol: str
    signal: str
    fields: tuple[str, ...]
    session: Decision | None
    backtest: Decision | None
    cause: Cause
    follows: bool = False


@frozen(kw_only=True)
class KindCount:
    """How many decisions of one kind each side has, and how many are the same."""

    kind: DecisionKind
    session: int
    backtest: int
    same: int


@frozen(kw_only=True)
class ParityReport:
    """How a session and a back-test compare; equal when nothing departs."""

    profile: str
    symbols: tuple[str, ...]
    start: int
    end: int
    counts: tuple[KindCount, ...]
    departures: tuple[Departure, ...]

    @property
    def is_equal(self) -> bool:
        """Tell whether every decision was made on both sides, and alike."""
        return not self.departures

    @property
    def roots(self) -> tuple[Departure, ...]:
        """Return the departures that no earlier one explains."""
        return tuple(each for each in self.departures if not each.follows)

    @property
    def causes(self) -> Mapping[Cause, int]:
        """Return how many of the roots have each cause."""
        found = Counter(each.cause for each in self.roots)
        return {cause: found[cause] for cause in Cause if found[cause]}


def check_parity(
    profile: Profile, market: RecordedMarket, *, driver: DriverKind = DriverKind.SKIPPING, watch: Watch | None = None
) -> ParityReport:
    """Run a profile as a paper session and as a back-test on one market, and compare; `watch` sees both.

    The session comes first: it learns the market bar by bar, so nothing in this process knows its future. Raises
    ContractError when a component fails in the back-test.
    """
    session = session_told(profile, market, watch)
    backtest = backtest_told(profile, market, driver=driver, watch=watch)
    return compared(profile, market, session, backtest)


def session_told(profile: Profile, market: RecordedMarket, watch: Watch | None = None) -> Told:
    """Run a profile as a paper session on a market, as fast as it goes; nobody is told of it."""
    feeds = _Feeds()
    with Journal.in_memory() as journal:
        system = compose(on_record(profile, market), Mode.PAPER)
        asyncio.run(run_session(system, journal, SessionPlan(watch=watch or Unwatched(), recorder=feeds)))
        records = until_the_end(list(journal.records()))
    return Told(records=records, bars={symbol: feed.bars(feed.timeframe) for symbol, feed in feeds.made.items()})


def backtest_told(
    profile: Profile, market: RecordedMarket, *, driver: DriverKind = DriverKind.SKIPPING, watch: Watch | None = None
) -> Told:
    """Run a profile as a back-test on the base bars of a market; raises ContractError when a component fails."""
    records = decided(profile, market.without_finer(), mode=Mode.BACKTEST, driver=driver, watch=watch)
    return Told(records=records, bars=market.bars)


class _Feeds(Unrecorded):
    """Keeps the feeds of a session, which hold every bar that it was given."""

    def __init__(self) -> None:
        self.made: dict[str, BarFeed] = {}

    def feed(self, symbol: str, timeframe: Timeframe, tick_size: Decimal, grid: BucketGrid) -> BarFeed:
        """Return a plain feed, and keep it."""
        self.made[symbol] = super().feed(symbol, timeframe, tick_size, grid)
        return self.made[symbol]


def compared(
    profile: Profile, market: RecordedMarket, session: Told, backtest: Told, *, tolerance: int = 0
) -> ParityReport:
    """Compare two tellings up to the end of the market.

    The same decision within `tolerance` (nanoseconds) was made at the same time.
    """
    symbols = profile.universe.symbols
    other_bars = {symbol: first_other_bar(session.bars, backtest.bars, symbol, market.start) for symbol in symbols}
    comparison = _Comparison(other_bars, tolerance)
    one, other = (
        {decision.name: decision for decision in decisions_of(told.records) if decision.ts <= market.end}
        for told in (session, backtest)
    )
    departures = comparison.departures(one, other)
    return ParityReport(
        profile=profile.name, symbols=symbols, start=market.start, end=market.end,
        counts=_counts(one, other, departures), departures=tuple(departures),
    )  # fmt: skip


def first_other_bar(one: Mapping[str, Bars], other: Mapping[str, Bars], symbol: str, start: int) -> int | None:
    """Return when the first bar closed that only one side has or that differs, None for the same bars from `start` on.

    Histories may begin at other times, and the session does not see the last bars that a back-test ends with.
    """
    first, second = (bars[symbol].take(bars[symbol].opened_at >= start) for bars in (one, other))
    rows = min(len(first), len(second))
    columns = ("opened_at", "available_at", "open", "high", "low", "close", "volume")
    same = np.ones(rows, dtype=bool)
    for name in columns:
        same &= getattr(first, name)[:rows] == getattr(second, name)[:rows]
    if not same.all():
        row = int(np.argmin(same))
        return min(int(first.available_at[row]), int(second.available_at[row]))
    longer = first if len(first) > rows else second
    return int(longer.available_at[rows]) if len(longer) > rows else None


@define
class _Comparison:
    """Goes through the decisions of both sides in time, and finds a cause for what departs."""

    other_bars: Mapping[str, int | None]
    tolerance: int
    _cause_of: dict[str, Cause] = field(factory=dict)
    _signals: dict[str, str] = field(factory=dict)

    def departures(self, one: Mapping[Name, Decision], other: Mapping[Name, Decision]) -> list[Departure]:
        names = dict.fromkeys((*one, *other))
        pairs = [(one.get(name), other.get(name)) for name in names]
        for first, second in pairs:
            self._learn(first or second)
        pairs.sort(key=lambda pair: min(_order(side) for side in pair if side is not None))
        return [found for pair in pairs if (found := self._departure(*pair)) is not None]

    def _learn(self, decision: Decision | None) -> None:
        if decision is not None and decision.kind is DecisionKind.SIGNAL:
            facts = decision.facts
            self._signals[decision.chain] = f"{facts['pattern']} {facts['side']} on {facts['timeframe']}"

    def _departure(self, one: Decision | None, other: Decision | None) -> Departure | None:
        known = one or other
        assert known is not None
        fields: tuple[str, ...] = ()
        if one is not None and other is not None:
            fields = tuple(name for name, value in one.facts.items() if not agree(value, other.facts.get(name)))
            if abs(one.ts - other.ts) > self.tolerance:
                fields = (TIME, *fields)
            if not fields:
                return None
        follows = bool(known.chain) and known.chain in self._cause_of
        cause = (
            self._cause_of[known.chain]
            if follows
            else cause_of(one, other, fields, had_other_bars=self._had_other_bars(one, other))
        )
        if known.chain:
            self._cause_of[known.chain] = cause
        return Departure(
            kind=known.kind,
            ts=min(side.ts for side in (one, other) if side is not None),
            symbol=known.symbol,
            signal=self._signals.get(known.chain, ""),
            fields=fields,
            session=one,
            backtest=other,
            cause=cause,
            follows=follows,
        )

    def _had_other_bars(self, *sides: Decision | None) -> bool:
        return any(
            ts is not None and ts <= side.ts
            for side in sides
            if side is not None
            for ts in ([self.other_bars.get(side.symbol)] if side.symbol else self.other_bars.values())
        )


def _order(decision: Decision) -> tuple[int, int, bool]:
    """Return where a decision stands: by time, by its place among those about its signal, a verdict first.

    Of two sides that part, the one that refuses says why.
    """
    return decision.ts, decision.place, decision.kind is not DecisionKind.VERDICT


def _counts(
    one: Mapping[Name, Decision], other: Mapping[Name, Decision], departures: Sequence[Departure]
) -> tuple[KindCount, ...]:
    sides: list[Counter[Any]] = [Counter(decision.kind for decision in side.values()) for side in (one, other)]
    wrong = Counter(each.kind for each in departures if each.session is not None)
    return tuple(
        KindCount(kind=kind, session=sides[0][kind], backtest=sides[1][kind], same=sides[0][kind] - wrong[kind])
        for kind in DecisionKind
        if sides[0][kind] or sides[1][kind]
    )
