"""Runs the scanners on the trailing window when a bar of a timeframe they need has closed.

At once (`scan`), as simulated markets want it, or beside the event loop (`scan_beside`): then every scanner sees the
window as it was when the scan was due, in a thread of its own, and its signals are taken up in the same order as long
as it answers within the patience of the session. A later answer is taken up when it comes, and delays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from attrs import define, field
from loguru import logger

from atlas_core.clock import to_datetime
from atlas_core.compose import LabelledScanner
from atlas_core.contracts import MarketHistory
from atlas_core.engine.breaker import Breaker
from atlas_core.engine.guard import FAILURES_TO_BENCH, decider_breaker, weight_of
from atlas_core.errors import ComponentHung, ContractError, cause_of
from atlas_core.loading import scan
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.live import LiveMarket
from atlas_core.marketdata.timetable import Timetable
from atlas_core.model.events import SignalsFound
from atlas_core.model.signals import SignalTable
from atlas_core.model.timeframe import Timeframe, parse_timeframe
from atlas_core.runtime.bounded_calls import BackgroundCalls
from atlas_core.runtime.scan_times import ScanTimes

PATIENCE_SECONDS = 2.0
FEWEST_SIGNALS_ALLOWED = 1_000
SIGNALS_PER_NEED = 4


@define
class ScanDesk:
    """Finds the signals of each instant; a scanner that fails gives none, and is benched after five failures in a row.

    `failed` is told the scanner's label and what it raised; `times` may allow only some of the times at which bars
    close.
    """

    scanners: tuple[LabelledScanner, ...]
    feeds: Mapping[str, BarFeed]
    window: LiveMarket
    failed: Callable[[str, str], None]
    timetable: Timetable = field(factory=Timetable)
    times: ScanTimes = field(factory=ScanTimes)
    _breakers: dict[str, Breaker] = field(factory=dict)

    def due(self, after: int, opened_at: int, until: int) -> list[int]:
        """Return the times after `after` and up to `until` at which a bar that a scanner needs closes.

        Between two groups of bars only two buckets can hold bars: the one that `after` lies in and the one that the
        bars opened in.
        """
        ends = self.timetable.ends
        found = {end for t in self._timeframes() for end in ends(t, after) | ends(t, opened_at)}
        return sorted(end for end in found if after < end <= until and self.times.allows(end))

    def scan(self, now: int) -> Iterator[SignalsFound]:
        """Yield the signals that became available at `now`, scanner by scanner in the profile's order."""
        for scanner in self._due_now(now):
            try:
                table = _signals_of(scanner, self.window, now)
            except (Exception, SystemExit) as error:
                self._failed(scanner, now, error)
            else:
                yield from self._found(scanner, now, table)

    def scan_beside(
        self, now: int, calls: BackgroundCalls, patience: float = PATIENCE_SECONDS
    ) -> AsyncIterator[SignalsFound]:
        """Let scanners begin in threads of `calls`, on the window as it is now; yield the same signals.

        The answers that come within `patience` (seconds) keep the profile's order; the others follow as they come. A
        scanner that is not done within its deadline has hung.
        """
        return self._answers(self._asked(now, calls), now, calls, patience)

    async def _answers(
        self,
        asked: dict[asyncio.Future[SignalTable], LabelledScanner],
        now: int,
        calls: BackgroundCalls,
        patience: float,
    ) -> AsyncIterator[SignalsFound]:
        deadline = asyncio.get_running_loop().time() + calls.seconds
        waited = min(patience, calls.seconds)
        while asked:
            done, _ = await asyncio.wait(asked, timeout=waited, return_when=asyncio.ALL_COMPLETED)
            for answer in [answer for answer in asked if answer in done]:
                for found in self._answered(asked.pop(answer), now, answer):
                    yield found
            left = deadline - asyncio.get_running_loop().time()
            if asked and left <= 0:
                self._give_up(asked, now, calls.seconds)
                return
            if asked:
                await asyncio.wait(asked, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            waited = 0

    def _asked(self, now: int, calls: BackgroundCalls) -> dict[asyncio.Future[SignalTable], LabelledScanner]:
        """Begin a call for every scanner that is due, on the window as it is now."""
        asked: dict[asyncio.Future[SignalTable], LabelledScanner] = {}
        for scanner in self._due_now(now):
            if calls.is_busy(scanner.label):
                self.failed(scanner.label, "it still works on an earlier scan, this one is left out")
                continue
            market = self.window.frozen(need.timeframe for need in scanner.needs)
            try:
                asked[calls.begin(scanner.label, _job(scanner, market, now))] = scanner
            except ComponentHung as error:
                self._failed(scanner, now, error)
        return asked

    def _answered(
        self, scanner: LabelledScanner, now: int, answer: asyncio.Future[SignalTable]
    ) -> Iterator[SignalsFound]:
        try:
            table = answer.result()
        except Exception as error:
            self._failed(scanner, now, error)
        else:
            yield from self._found(scanner, now, table)

    def _give_up(self, asked: Mapping[asyncio.Future[SignalTable], LabelledScanner], now: int, seconds: float) -> None:
        for answer, scanner in asked.items():
            answer.cancel()
            self._failed(scanner, now, ComponentHung(f"no answer within {seconds:g} s"))

    def _due_now(self, now: int) -> Iterator[LabelledScanner]:
        for feed in self.feeds.values():
            feed.close_until(now)
        for scanner in self.scanners:
            breaker = self._breakers.get(scanner.label)
            if self._closes(scanner, now) and (breaker is None or breaker.allows(now)):
                yield scanner

    def _found(self, scanner: LabelledScanner, now: int, table: SignalTable) -> Iterator[SignalsFound]:
        self._breakers.pop(scanner.label, None)
        if len(table):
            yield SignalsFound(now, scanner.label, table)

    def _failed(self, scanner: LabelledScanner, now: int, error: BaseException) -> None:
        breaker = self._breakers.setdefault(scanner.label, decider_breaker())
        breaker.failed(now, weight_of(error))
        reason = cause_of(error)
        logger.error("scanner {} failed at {:%Y-%m-%d %H:%M}Z: {}", scanner.label, to_datetime(now), reason)
        text = f"(failure {breaker.failures} in a row, benched after {FAILURES_TO_BENCH})"
        self.failed(scanner.label, f"{reason} {text}")

    def _closes(self, scanner: LabelledScanner, now: int) -> bool:
        """Tell whether one of the scanner's timeframes has a bar that ends at `now`."""
        return any(self.timetable.is_end(parse_timeframe(need.timeframe), now) for need in scanner.needs)

    def _timeframes(self) -> list[Timeframe]:
        return [parse_timeframe(need.timeframe) for scanner in self.scanners for need in scanner.needs]


def _job(scanner: LabelledScanner, market: MarketHistory, now: int) -> Callable[[], SignalTable]:
    def find() -> SignalTable:
        return _signals_of(scanner, market, now)

    return find


def _signals_of(scanner: LabelledScanner, market: MarketHistory, now: int) -> SignalTable:
    """Return the signals of `now`; raises ContractError for more of them than anybody could look at."""
    table = scan(scanner.scanner, market)
    if not len(table):
        return table
    is_of_now = table.available_at == now
    most = max(FEWEST_SIGNALS_ALLOWED, SIGNALS_PER_NEED * len(market.symbols) * len(scanner.needs))
    if is_of_now.sum() > most:
        raise ContractError(f"expected at most {most:,} signals of one instant, were {is_of_now.sum():,}")
    return table if is_of_now.all() else table.take(is_of_now)  # rows of one instant keep the scanner's order
