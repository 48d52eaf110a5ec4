"""Times of others that lie far ahead of our clock: one wrong date must not take the session's time with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from attrs import define, evolve

from atlas_core.contracts import HistoryRequest
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, BrokerEvent
from atlas_core.model.records import AlertRaised, ComponentFailed, PositionClosed, PositionOpened, Record
from atlas_core.model.timeframe import DAY, HOUR, MINUTE
from tests.live_scene import Scene, Tape, Venue
from tests.memory import START, bar, columns, found

FALLS = {6: (100.0, 90.0), 7: (90.0, 90.0)}
YEAR = 365 * DAY


@define
class TapeWithFarBar(Tape):
    """Yields one bar of next year between the others."""

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        is_told = False
        async for each in super().stream(request):
            yield each
            if not is_told:
                yield evolve(each, ts=each.ts + YEAR, opened_at=each.opened_at + YEAR)
            is_told = True


@define
class TapeWithHistory(Tape):
    """Has the bars of all minutes that are over."""

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        over = (self.venue.now() - START) // MINUTE
        return {"X": columns("X", [bar(minute, *self._of(minute)) for minute in range(over)], request)}


@define
class VenueOfNextYear(Venue):
    """Dates what it tells a year ahead."""

    def _tell(self, events: Sequence[BrokerEvent]) -> None:
        Venue._tell(self, [evolve(event, ts=event.ts + YEAR) for event in events])


def _latest(records: Sequence[Record]) -> int:
    return max(record.ts for record in records)


def test_a_bar_of_next_year_is_left_out_and_the_market_goes_on() -> None:
    scene = Scene(prices=FALLS, tape=TapeWithFarBar)
    scene.run(10)
    assert [closed.rule for closed in found(scene.records, PositionClosed)] == ["stop"]
    assert any("ahead of our clock" in failed.error for failed in found(scene.records, ComponentFailed))
    assert _latest(scene.records) < START + HOUR


def test_a_venue_that_dates_its_events_a_year_ahead_does_not_set_the_sessions_time() -> None:
    scene = Scene(VenueOfNextYear(), prices=FALLS)
    scene.run(10)
    assert found(scene.records, PositionOpened)
    assert [closed.rule for closed in found(scene.records, PositionClosed)] == ["stop"]
    assert _latest(scene.records) < START + HOUR


def test_people_are_told_of_a_journal_that_is_ahead_of_the_machines_clock() -> None:
    scene = Scene()
    scene.run(5)
    assert "clock failed" not in [alert.title for alert in found(scene.records, AlertRaised)]
    scene.behind = 3_600
    scene.run(5, start=6)
    [told] = [alert for alert in found(scene.records, AlertRaised) if alert.title == "clock failed"]
    assert "nothing is entered" in told.text


def test_a_machine_whose_clock_is_behind_its_journal_knows_the_prices_of_now() -> None:
    scene = Scene(prices={5: (100.0, 60.0), **dict.fromkeys(range(6, 12), (60.0, 60.0))}, tape=TapeWithHistory)
    scene.run(8)
    scene.behind = 300
    known: list[float | None] = []
    scene.run(2, lambda session: known.append(session.intake.feeds["X"].last_close), start=9.5)
    assert known == [60.0]
    failed = [each.error for each in found(scene.records, ComponentFailed) if each.ts > START + 8 * MINUTE]
    assert not any("expected" in error for error in failed), failed
