"""The scan desk of a session: when scanners look, what of their answers counts, and who is benched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

import pytest
from attrs import define, field

from atlas_core import components as offer
from atlas_core.compose import LabelledScanner
from atlas_core.contracts import MarketHistory, Need, Scanner
from atlas_core.engine.guard import FAILURES_TO_BENCH
from atlas_core.marketdata.feed import BarFeed
from atlas_core.marketdata.live import LiveMarket
from atlas_core.model.events import SignalsFound
from atlas_core.model.instrument import Instrument
from atlas_core.model.records import AlertRaised, ComponentFailed, SignalDetected
from atlas_core.model.signals import SignalTable, concat_signals, signal_table
from atlas_core.model.timeframe import MINUTE, parse_timeframe
from atlas_core.runtime.bounded_calls import BackgroundCalls
from atlas_core.runtime.scanning import FEWEST_SIGNALS_ALLOWED, ScanDesk
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
    assert reason == f"ZeroDivisionError: no range (failure 1 in a row, benched after {FAILURES_TO_BENCH})"


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
    assert len(scanner.asked) == len(scene.failures) == FAILURES_TO_BENCH == 5


def test_one_good_scan_takes_the_failures_back() -> None:
    answers: list[object] = [None, None, None, None, rows()] * 2
    scanner = Looking(["1m"], lambda: answers.pop(0))
    desk = Scene([scanner]).desk()
    for minute in range(1, 11):
        scanned(desk, minute)
    assert len(scanner.asked) == 10


def test_a_benched_scanner_is_tried_again_after_ten_minutes_and_may_come_back() -> None:
    answers: list[object] = [None] * 5
    scanner = Looking(["1m"], lambda: answers.pop(0) if answers else rows(15))
    desk = Scene([scanner]).desk()
    found_signals = [one.ts for minute in range(1, 20) for one in scanned(desk, minute)]
    assert found_signals == [at(15)]
    assert len(scanner.asked) == 5 + 5


def test_a_scanner_that_asks_the_process_to_end_has_only_failed() -> None:
    def leave() -> SignalTable:
        raise SystemExit(3)

    scene = Scene([Looking(["1m"], leave), Looking(["1m"], lambda: rows(5))])
    assert [one.scanner for one in scanned(scene.desk(), 5)] == ["scan-1"]
    assert "SystemExit: 3" in scene.failures[0][1]


def test_a_million_signals_are_a_failure_unless_they_are_of_other_instants() -> None:
    scene = Scene([Looking(["1m"], lambda: flood(1_000_000, 5)), Looking(["1m"], lambda: flood(1_000_000, 4))])
    assert scanned(scene.desk(), 5) == []
    [(label, reason)] = scene.failures
    assert label == "scan-0"
    assert f"expected at most {FEWEST_SIGNALS_ALLOWED:,} signals of one instant, were 1,000,000" in reason


def flood(count: int, minute: int) -> SignalTable:
    return signal_table(
        available_at=[at(minute)] * count, setup_at=at(minute), symbol="X", timeframe="1m", pattern="flood", side=1
    )


@define
class Beside:
    """Scans beside the event loop, with threads that a test may hold up."""

    scene: Scene
    patience: float = 5.0
    seconds: float = 5.0
    calls: BackgroundCalls = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.calls = BackgroundCalls(self.seconds)

    def run(self, *minutes: int) -> list[SignalsFound]:
        async def scan() -> list[SignalsFound]:
            desk = self.scene.desk()
            with closing(self.calls):
                return [
                    one for minute in minutes async for one in desk.scan_beside(at(minute), self.calls, self.patience)
                ]

        return asyncio.run(asyncio.wait_for(scan(), 30))


def told(found_signals: Iterable[SignalsFound]) -> list[tuple[int, str, list[int]]]:
    return [(one.ts, one.scanner, one.table.available_at.tolist()) for one in found_signals]


def looking() -> list[Looking]:
    """Return scanners that find something, find nothing, fail, and answer garbage."""
    return [
        Looking(["1m"], lambda: rows(*range(12))),
        Looking(["5m"], lambda: rows(4, 5, 5, 10)),
        Looking(["1m"], fail),
        Looking(["1m"], lambda: None),
        Looking(["1m", "5m"], lambda: rows(7)),
    ]


def test_scanning_beside_the_loop_finds_the_same_in_the_same_order_with_the_same_failures() -> None:
    direct, threaded = Scene(looking()), Scene(looking())
    desk = direct.desk()
    at_once = [one for minute in range(1, 12) for one in scanned(desk, minute)]
    beside = Beside(threaded).run(*range(1, 12))
    assert told(at_once) == told(beside)
    assert len(at_once) == 14
    assert direct.failures == threaded.failures
    assert [s.asked for s in direct.scanners] == [s.asked for s in threaded.scanners]


def test_a_scanner_beside_the_loop_sees_the_window_as_it_was_when_the_scan_was_due() -> None:
    scene = Scene([])
    begun, may_look = threading.Event(), threading.Event()
    seen: list[int] = []

    @define
    class Slow(Looking):
        def scan(self, market: MarketHistory) -> SignalTable:
            begun.set()
            assert may_look.wait(10)
            seen.append(len(market.bars("X", "1m")))
            return rows(5)

    scene.scanners = [Slow(["1m"])]
    append(scene.feed, range(5))

    async def run() -> list[SignalsFound]:
        with closing(BackgroundCalls()) as calls:
            scans = scene.desk().scan_beside(at(5), calls, 0)
            first = asyncio.ensure_future(anext(scans))
            while not begun.is_set():
                await asyncio.sleep(0)
            append(scene.feed, range(5, 9))
            may_look.set()
            return [await first]

    [one] = asyncio.run(run())
    assert seen == [5]
    assert one.ts == at(5)


def append(feed: BarFeed, minutes: Iterable[int]) -> None:
    for bar in flat(minutes):
        feed.append(bar.opened_at, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)


def test_answers_after_the_patience_follow_as_they_come() -> None:
    other_is_done = threading.Event()

    def late() -> SignalTable:
        assert other_is_done.wait(10)
        return rows(5)

    def last() -> SignalTable:
        other_is_done.set()
        return rows(5)

    scene = Scene([Looking(["1m"], late), Looking(["1m"], last)])
    names = [one.scanner for one in Beside(scene, patience=0.0).run(5)]
    assert sorted(names) == ["scan-0", "scan-1"]
    assert scene.failures == []


def test_a_scanner_that_hangs_is_benched_and_delays_no_other() -> None:
    release = threading.Event()

    def hang() -> SignalTable:
        release.wait(10)
        return rows(5)

    scene = Scene([Looking(["1m"], hang), Looking(["1m"], lambda: rows(5, 6))])
    beside = Beside(scene, patience=0.02, seconds=0.05)
    try:
        assert [one.scanner for one in beside.run(5, 6)] == ["scan-1", "scan-1"]
        assert len(scene.scanners[0].asked) == 1
        assert beside.calls.lost.names() == ("scan-0",)
        assert [reason.split(" (")[0] for _, reason in scene.failures] == ["ComponentHung: no answer within 0.05 s"]
    finally:
        release.set()


def test_a_scanner_that_is_still_at_work_is_left_out_of_the_next_scan() -> None:
    release = threading.Event()

    def slow() -> SignalTable:
        release.wait(10)
        return rows(5)

    scene = Scene([Looking(["1m"], slow)])

    async def run() -> list[SignalsFound]:
        with closing(BackgroundCalls()) as calls:
            desk = scene.desk()
            first = asyncio.ensure_future(anext(desk.scan_beside(at(5), calls, 0)))
            await asyncio.sleep(0)
            assert [one async for one in desk.scan_beside(at(6), calls, 0)] == []
            release.set()
            return [await first]

    assert [one.ts for one in asyncio.run(run())] == [at(5)]
    assert scene.failures == [("scan-0", "it still works on an earlier scan, this one is left out")]


def test_each_failure_in_a_session_is_recorded_and_told_until_the_bench() -> None:
    broken = made(offer.scanner, "broken", Looking(["1m"], fail))
    parts = (memory(MemoryProvider(flat(range(20)))), script((15, "X", 1)), broken)
    records = records_of(by_pump, system_of(*parts, scanners=['use = "broken"', 'use = "script"']))
    failures = found(records, ComponentFailed)
    assert [(record.ts, record.component) for record in failures] == [
        (at(minute), "scanner broken") for minute in (1, 2, 3, 4, 5, 15)
    ]
    assert len(found(records, AlertRaised)) == len(failures)
    assert [record.scanner for record in found(records, SignalDetected)] == ["script"]
