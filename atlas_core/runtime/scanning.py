"""Runs the scanners on the trailing window when a bar of a timeframe they need has closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import define, field
from loguru import logger

from atlas_core.clock import to_datetime
from atlas_core.compose import LabelledScanner
from atlas_core.contracts import MarketHistory
from atlas_core.loading import scan
from atlas_core.marketdata.feed import BarFeed
from atlas_core.model.events import SignalsFound
from atlas_core.model.signals import SignalTable
from atlas_core.model.timeframe import Timeframe, parse_timeframe

BENCHED_AFTER = 5


@define
class ScanDesk:
    """Finds the signals of each instant; a scanner that fails gives none, and is benched after five failures in a row.

    `failed` is told the scanner's label and what it raised.
    """

    scanners: tuple[LabelledScanner, ...]
    feeds: Mapping[str, BarFeed]
    window: MarketHistory
    failed: Callable[[str, str], None]
    _failures: dict[str, int] = field(factory=dict)

    def due(self, after: int, opened_at: int, until: int) -> list[int]:
        """Return the times after `after` and up to `until` at which a bar that a scanner needs closes.

        Between two groups of bars only two buckets can hold bars: the one that `after` lies in and the one that the
        bars opened in.
        """
        timeframes = self._timeframes()
        ends = {t.bucket_end(after) for t in timeframes} | {t.bucket_end(opened_at) for t in timeframes}
        return sorted(end for end in ends if after < end <= until)

    def scan(self, now: int) -> Iterator[SignalsFound]:
        """Yield the signals that became available at `now`, scanner by scanner in the profile's order."""
        for feed in self.feeds.values():
            feed.close_until(now)
        for scanner in self.scanners:
            if self._failures.get(scanner.label, 0) >= BENCHED_AFTER or not _closes(scanner, now):
                continue
            table = self._ask(scanner, now)
            if table is not None and len(table):
                yield SignalsFound(now, scanner.label, table)

    def _ask(self, scanner: LabelledScanner, now: int) -> SignalTable | None:
        try:
            table = scan(scanner.scanner, self.window)
        except Exception as error:
            count = self._failures[scanner.label] = self._failures.get(scanner.label, 0) + 1
            reason = f"{type(error).__name__}: {error}"
            logger.error("scanner {} failed at {:%Y-%m-%d %H:%M}Z: {}", scanner.label, to_datetime(now), reason)
            self.failed(scanner.label, f"{reason} (failure {count} in a row, benched after {BENCHED_AFTER})")
            return None
        self._failures[scanner.label] = 0
        return table.take(table.available_at == now).sorted()

    def _timeframes(self) -> list[Timeframe]:
        return [parse_timeframe(need.timeframe) for scanner in self.scanners for need in scanner.needs]


def _closes(scanner: LabelledScanner, now: int) -> bool:
    """Tell whether one of the scanner's timeframes has a bar that ends at `now`."""
    return any(parse_timeframe(need.timeframe).bucket_start(now) == now for need in scanner.needs)
