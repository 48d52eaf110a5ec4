"""The scan desk of a session: when scanners look, what of their answers counts, and who is benched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import define, field

from atlas_core import components as offer
from atlas_core.compose import LabelledScanner
from atlas_core.contracts import MarketHistory, Need, Scanner
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.live import LiveMarket
from atlas_core.model.events import SignalsFound
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import AlertRaised, ComponentFailed, SignalDetected
from atlas_core.model.signals import SignalTable, concat_signals, signal_table
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.runtime.scanning import BENCHED_AFTER, ScanDesk
from tests.memory import MemoryProvider, at, flat, found, made, memory, records_of, script, system_of
from tests.systems import by_pump


def rows(*minutes: int) -> SignalTable:
    times = [at(minute) for minute in minutes]
    setups = [ts - MINUTE for ts in times]
    return signal_table(
        available_at=times, setup_at=setups, symbol="X", timeframe="1m", pattern="test", side=[1] * len(times)
    )


@define
class Looking(Scanner):
    """Counts how often it is asked; `answer` gives what it finds."""

    timeframes: Sequence[str]
    answer: Callable[[], Any] = rows
    asked: list[int] = field(factory=list)

    def needs(self) -> Sequence[Need]:
        return [Need(timeframe) for timeframe in self.timeframes]

    def scan(self, market: MarketHistory) -> SignalTable:
        self.asked.append(len(market.bars("X", self.timeframes[0])))
        return self.answer()  # type: ignore[no-any-return]


def fail() -> SignalTable:
    raise ZeroDivisionError("no range")


@define
class Scene:
    """A desk on one symbol's feed."""

    scanners: Sequence[Looking]
    feed: BarFeed = field(factory=lambda: BarFeed("X", parse_timeframe("1m")))
    failures: list[tuple[str, str]] = field(factory=list)

    def desk(self) -> ScanDesk:
        labelled = tuple(
            LabelledScanner(label=f"scan-{place}", scanner=scanner, needs=tuple(scanner.needs()))
            for place, scanner in enumerate(self.scanners)
        )
        feeds = {"X": self.feed}
        window = LiveMarket(feeds, {"X": Instrument("X")})
        return ScanDesk(labelled, feeds, window, lambda label, reason: self.failures.append((label, reason)))


def due(after: int, opened_at: int, until: int, *timeframes: str) -> list[int]:
    times = Scene([Looking(timeframes)]).desk().due(at(after), at(opened_at), at(until))
    return [(ts - at(0)) // MINUTE for ts in times]


def scanned(desk: ScanDesk, minute: int) -> list[SignalsFound]:
    return list(desk.scan(at(minute)))


@pytest.mark.parametrize(
    ("after", "opened_at", "until", "timeframes", "expected"),
    [
        (3, 3, 4, ("5m",), []),
        (4, 4, 5, ("5m",), [5]),
        (14, 14, 15, ("15m", "5m"), [15]),
        (4, 4, 5, ("1m", "15m"), [5]),
        (3, 61, 62, ("5m",), [5]),
        (5, 61, 62, ("5m",), [10]),
        (3, 64, 65, ("5m",), [5, 65]),
        (3, 64, 65, ("5m", "30m"), [5, 30, 65]),
    ],
)
def test_scans_are_due_when_a_bar_that_is_needed_closes(
    after: int, opened_at: int, until: int, timeframes: tuple[str, ...], expected: list[int]
) -> None:
    assert due(after, opened_at, until, *timeframes) == expected


def test_a_scanner_is_asked_only_when_one_of_its_own_bars_closes() -> None:
    often, seldom, either = Looking(["5m"]), Looking(["15m"]), Looking(["15m", "10m"])
    desk = Scene([often, seldom, either]).desk()
    for minute in (5, 10, 15, 20):
        scanned(desk, minute)
    assert [len(scanner.asked) for scanner in (often, seldom, either)] == [4, 1, 3]


def test_a_bucket_is_closed_by_the_time_even_when_its_last_bars_are_missing() -> None:
    scanner = Looking(["5m"])
    scene = Scene([scanner])
    for bar in flat(range(3)):
        scene.feed.append(bar.opened_at, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
    scanned(scene.desk(), 5)
    assert scanner.asked == [1]


def test_rows_of_other_instants_are_dropped() -> None:
    desk = Scene([Looking(["1m"], lambda: rows(4, 5, 6, 5))]).desk()
    [found_now] = scanned(desk, 5)
    assert (found_now.ts, found_now.scanner) == (at(5), "scan-0")
    assert found_now.table.available_at.tolist() == [at(5), at(5)]


def test_a_scanner_that_finds_nothing_now_says_nothing() -> None:
    assert scanned(Scene([Looking(["1m"], lambda: rows(4, 6))]).desk(), 5) == []


def test_signals_come_scanner_by_scanner_in_the_order_of_the_profile() -> None:
    desk = Scene([Looking(["1m"], lambda: rows(5)), Looking(["1m"], lambda: rows(5))]).desk()
    assert [one.scanner for one in scanned(desk, 5)] == ["scan-0", "scan-1"]


def test_a_scanner_that_fails_gives_nothing_and_leaves_the_others_alone() -> None:
    scene = Scene([Looking(["1m"], fail), Looking(["1m"], lambda: rows(5))])
    assert [one.scanner for one in scanned(scene.desk(), 5)] == ["scan-1"]
    [(label, reason)] = scene.failures
    assert label == "scan-0"
    assert reason == f"ZeroDivisionError: no range (failure 1 in a row, benched after {BENCHED_AFTER})"


@pytest.mark.parametrize("answer", [None, [], concat_signals])
def test_an_answer_that_is_no_table_is_a_failure(answer: object) -> None:
    scene = Scene([Looking(["1m"], lambda: answer)])
    assert scanned(scene.desk(), 5) == []
    assert "expected a SignalTable" in scene.failures[0][1]


def test_a_scanner_is_benched_after_five_failures_in_a_row() -> None:
    scanner = Looking(["1m"], fail)
    scene = Scene([scanner])
    desk = scene.desk()
    for minute in range(1, 10):
        scanned(desk, minute)
    assert len(scanner.asked) == len(scene.failures) == BENCHED_AFTER == 5


def test_one_good_scan_takes_the_failures_back() -> None:
    answers: list[object] = [None, None, None, None, rows()] * 2
    scanner = Looking(["1m"], lambda: answers.pop(0))
    desk = Scene([scanner]).desk()
    for minute in range(1, 11):
        scanned(desk, minute)
    assert len(scanner.asked) == 10


def test_each_failure_in_a_session_is_recorded_and_told_until_the_bench() -> None:
    broken = made(offer.scanner, "broken", Looking(["1m"], fail))
    parts = (memory(MemoryProvider(flat(range(20)))), script((15, "X", 1)), broken)
    records = records_of(by_pump, system_of(*parts, scanners=['use = "broken"', 'use = "script"']))
    failures = found(records, ComponentFailed)
    assert [(record.ts, record.component) for record in failures] == [
        (at(minute), "scanner broken") for minute in range(1, 6)
    ]
    assert len(found(records, AlertRaised)) == BENCHED_AFTER
    assert [record.scanner for record in found(records, SignalDetected)] == ["script"]
