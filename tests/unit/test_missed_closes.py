"""A close of the schedule that nobody made: told, and made up for by the next process, or when this one wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from attrs import define, field

from atlas_core.model.records import PositionClosed
from atlas_core.model.timeframe import DAY, HOUR, MINUTE
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.missed_closes import MissedCloses
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.schedule import Cron, Job, MarketHours
from atlas_core.runtime.session import Session
from tests.live_scene import Scene
from tests.memory import START, at, found
from tests.unit.test_host import Bench, play

AT_TWO_PAST_MIDNIGHT = Job(name="close", triggers=(Cron("2 0 * * *", "UTC"),), grace_seconds=300)
CLOSED = ("schedule close", {"symbol": "X", "reason": "schedule: 2026-04-05 00:02, missed"})


@define
class Moment:
    """A clock that stands where a test puts it."""

    time: int

    def now(self) -> int:
        return self.time


@define
class Desk:
    """What is held, and what was closed and told."""

    held: list[str] = field(factory=lambda: ["Y", "X"])
    asked_about: list[int] = field(factory=list)
    closed: list[tuple[str, str]] = field(factory=list)
    told: list[tuple[str, str]] = field(factory=list)

    def left_open(self, ts: int) -> Collection[str]:
        self.asked_about.append(ts)
        return self.held

    def watched(self, clock: Moment, hours: MarketHours | None = None, job: Job = AT_TWO_PAST_MIDNIGHT) -> MissedCloses:
        def close(symbol: str, reason: str) -> None:
            self.closed.append((symbol, reason))

        def tell(text: str, policy: str) -> None:
            self.told.append((text, policy))

        return MissedCloses(job, hours, clock, self.left_open, close, tell)  # type: ignore[arg-type]


async def until_the_end(bench: Bench) -> None:
    await asyncio.sleep(30)
    bench.host.stop("enough")


def test_a_close_that_was_due_while_nothing_ran_is_told_and_made_at_the_start(tmp_path: Path) -> None:
    _outcome, session, _seconds = play(
        tmp_path, until_the_end, closings=AT_TWO_PAST_MIDNIGHT, start=START + 8 * HOUR, held=["X"], recovers_for=9
    )
    assert session.commands == [CLOSED]
    [news] = session.news
    assert news.text == "the close of 2026-04-05 00:02 was missed, X still open 478 min after it"
    assert (news.subject, news.severity, news.policy) == ("schedule", "critical", "closed at the market now")


def test_a_close_that_was_due_while_the_process_slept_is_told_and_made_when_it_wakes(tmp_path: Path) -> None:
    async def sleeps(bench: Bench) -> None:
        await asyncio.sleep(60)
        bench.session.held = ["X"]
        bench.wall.step(8 * HOUR)
        await until_the_end(bench)

    _outcome, session, _seconds = play(tmp_path, sleeps, closings=AT_TWO_PAST_MIDNIGHT)
    assert session.commands == [CLOSED]
    assert [news.subject for news in session.news if news.severity == "critical"] == ["schedule"]


def test_nothing_is_told_and_closed_where_nothing_was_left_open(tmp_path: Path) -> None:
    _outcome, session, _seconds = play(
        tmp_path, until_the_end, closings=AT_TWO_PAST_MIDNIGHT, start=START + 8 * HOUR, held=[]
    )
    assert (session.commands, session.news) == ([], [])


def test_a_market_that_is_closed_is_waited_for_and_people_are_told_at_once() -> None:
    hours = MarketHours([START - DAY, START + 14 * HOUR], [START - DAY + HOUR, START + 20 * HOUR], "UTC")
    desk, clock = Desk(), Moment(START + HOUR)
    closes = desk.watched(clock, hours)
    closes.look()
    clock.time = START + 14 * HOUR - MINUTE
    closes.look()
    assert desk.closed == []
    [(_, policy)] = desk.told
    assert policy == "the market is closed: closed at the market when it opens, 2026-04-05 14:00Z"
    clock.time = START + 14 * HOUR
    closes.look()
    assert [symbol for symbol, _ in desk.closed] == ["X", "Y"]
    assert len(desk.told) == 1


def test_a_close_is_asked_for_again_a_minute_later_while_nothing_closes_and_told_once() -> None:
    desk, clock = Desk(held=["X"]), Moment(START + HOUR)
    closes = desk.watched(clock)
    for seconds in range(0, 121, 5):
        clock.time = START + HOUR + seconds * MINUTE // 60
        closes.look()
    assert (len(desk.closed), len(desk.told)) == (3, 1)


def test_it_is_left_to_the_schedule_while_that_may_still_make_it() -> None:
    desk, clock = Desk(), Moment(START + 7 * MINUTE)
    closes = desk.watched(clock)
    closes.look()
    assert desk.asked_about == []
    clock.time += 1
    closes.look()
    assert desk.asked_about == [START + 2 * MINUTE]


def test_the_last_close_is_found_however_long_ago_and_after_a_clock_was_set_back() -> None:
    monthly = Job(name="close", triggers=(Cron("0 12 1 * *", "UTC"),), grace_seconds=300)
    desk, clock = Desk(), Moment(START + 40 * DAY)
    closes = desk.watched(clock, job=monthly)
    closes.look()
    clock.time = START
    closes.look()
    clock.time = START + 27 * DAY
    closes.look()
    assert [(ts - START) / HOUR for ts in desk.asked_about] == [26 * 24 + 12, -4 * 24 + 12, 26 * 24 + 12]


def test_only_what_was_there_by_the_close_and_is_not_being_closed_is_left_open() -> None:
    scene = Scene()
    scene.run(5)
    seen: list[tuple[object, object]] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))

        def look() -> None:
            seen.append((face.left_open(at(2)), face.left_open(at(3))))

        def close() -> None:
            look()
            face.command("close", "schedule", {"symbol": "X"})
            face.pulse(look)

        loop.call_later(20, close)

    scene.run(2, begin, start=30)
    assert seen == [((), ("X",)), ((), ())]
    assert found(scene.records, PositionClosed)
