"""Sessions that go on while their market or their venue cannot be reached at the start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field

from atlas_core.contracts import HistoryRequest
from atlas_core.errors import AuthFailed, NotReady, SessionFailed
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Severity
from atlas_core.model.events import OperatorCommand
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.orders import OrderStatus
from atlas_core.model.records import AlertRaised, ComponentFailed, PositionClosed, PositionOpened
from atlas_core.runtime.instrument_memory import InstrumentFile
from atlas_core.runtime.session import Session
from tests.live_scene import Scene, Tape, Venue
from tests.memory import at, columns, flat, found

LOT = {"X": Instrument("X", kind=InstrumentKind.PERP, lot_size=Decimal("0.001"))}
PROVIDER_CALLS = ("open", "instruments", "history")


@define
class AwayTape(Tape):
    """A market whose calls fail as a test says; `asked` are the minutes at which each was made."""

    fails: dict[str, Exception] = field(factory=dict)
    asked: dict[str, list[float]] = field(factory=lambda: {name: [] for name in PROVIDER_CALLS})
    lots: Decimal = Decimal("0.001")

    async def open(self) -> None:
        await self._meet("open")

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        await self._meet("instruments")
        return {s: evolve(each, lot_size=self.lots) for s, each in (await super().instruments(symbols)).items()}

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        await self._meet("history")
        assert request.end is not None
        minutes = range((request.end - at(0)) // 60_000_000_000)
        return {symbol: columns(symbol, flat(minutes, 105.0), request) for symbol in request.symbols}

    async def _meet(self, call: str) -> None:
        self.asked[call].append(asyncio.get_running_loop().time() / 60)
        if isinstance(self.fails.get(call), TimeoutError):
            await asyncio.sleep(3_600)
        elif call in self.fails:
            raise self.fails[call]


@define
class AwayVenue(Venue):
    """A venue that cannot be connected to before it `opens_at` a minute."""

    opens_at: float = 0.0
    tries: int = 0

    async def open(self) -> None:
        self.tries += 1
        if asyncio.get_running_loop().time() < self.opens_at * 60:
            raise NotReady("maintenance")

    async def snapshot(self) -> Any:
        assert asyncio.get_running_loop().time() >= self.opens_at * 60
        return await super().snapshot()


class StuckVenue(AwayVenue):
    """A venue whose connection cannot be closed before it was opened."""

    async def close(self) -> None:
        if asyncio.get_running_loop().time() < self.opens_at * 60:
            await asyncio.sleep(3_600)


def scene_of(tmp_path: Path, **facts: Any) -> tuple[Scene, dict[str, Exception], list[AwayTape]]:
    """Return a scene whose session before left a position with a stop, what fails, and its providers."""
    fails: dict[str, Exception] = {}
    tapes: list[AwayTape] = []

    def tape(*args: Any, **more: Any) -> AwayTape:
        tapes.append(AwayTape(*args, **more, fails=fails))
        return tapes[-1]

    scene = Scene(memory=InstrumentFile(tmp_path / "instruments.json"), tape=tape, **facts)
    scene.run(6)
    assert found(scene.records, PositionOpened)
    return scene, fails, tapes


def back_at(minute: float, fails: dict[str, Exception]) -> Callable[[Session], None]:
    """Return what lets the provider come back at a minute of the scene."""

    def begun(_session: Session) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(minute * 60 - loop.time(), fails.clear)

    return begun


@pytest.mark.parametrize("call", PROVIDER_CALLS)
@pytest.mark.parametrize("fault", [NotReady("503"), ConnectionError("no route"), TimeoutError(), KeyError("data")])
def test_a_session_that_goes_on_comes_up_without_its_market(call: str, fault: Exception, tmp_path: Path) -> None:
    scene, fails, tapes = scene_of(tmp_path, prices={14: (100.0, 90.0)}, signals=[(3, "X", 1), (21, "X", 1)])
    fails[call] = fault
    reads = len(scene.venue.names("snapshot"))
    scene.run(18, back_at(12, fails), start=7)
    [told] = [each for each in found(scene.records, ComponentFailed) if "came up without it" in each.policy]
    assert (told.component, told.ts < at(8)) == ("provider memory", True)
    assert any(alert.severity is Severity.CRITICAL and alert.ts < at(8) for alert in found(scene.records, AlertRaised))
    assert len(scene.venue.names("snapshot")) >= reads + 18 * 2
    [closed] = found(scene.records, PositionClosed)
    assert (closed.rule, closed.ts > at(14)) == ("stop", True)
    assert len(found(scene.records, PositionOpened)) == 2
    assert 2 <= len(tapes[-1].asked[call]) <= 12


def test_what_an_open_position_has_seen_comes_with_the_market(tmp_path: Path) -> None:
    scene, fails, _ = scene_of(tmp_path)
    fails["open"] = NotReady("503")
    highest: list[Decimal] = []

    def begun(session: Session) -> None:
        back_at(12, fails)(session)
        loop, positions = asyncio.get_running_loop(), session.desk.engine.state.positions
        for minute in (10, 20):
            loop.call_later(minute * 60 - loop.time(), lambda: highest.append(positions["X"].highest))

    scene.run(18, begun, start=7)
    assert [round(price) for price in highest] == [100, 106]


def test_while_the_market_is_away_nothing_may_be_entered_and_people_can_see_why(tmp_path: Path) -> None:
    scene, fails, _ = scene_of(tmp_path)
    fails["history"] = NotReady("503")
    refusals: list[str] = []

    def begun(session: Session) -> None:
        back_at(12, fails)(session)
        loop = asyncio.get_running_loop()
        for minute in (10, 20):
            loop.call_later(minute * 60 - loop.time(), lambda: refusals.append(session.arrival.refusal()))

    scene.run(18, begun, start=7)
    assert refusals == ["no market data: NotReady: 503", ""]


def test_an_exit_leaves_while_the_market_is_away(tmp_path: Path) -> None:
    scene, fails, _ = scene_of(tmp_path)
    fails["open"] = NotReady("503")

    def begun(session: Session) -> None:
        def close() -> None:
            session.command(OperatorCommand(scene.venue.now(), "close", "ann", {"symbol": "X"}))

        asyncio.get_running_loop().call_later(60, close)

    scene.run(5, begun, start=7)
    assert scene.venue.names() == ["entry", "stop", "exit"]


def test_a_first_session_ends_with_the_fault_that_it_meets(tmp_path: Path) -> None:
    def tape(*args: Any, **more: Any) -> AwayTape:
        return AwayTape(*args, **more, fails={"open": NotReady("503")})

    with pytest.raises(NotReady, match="503"):
        Scene(memory=InstrumentFile(tmp_path / "instruments.json"), tape=tape).run(6)


def test_a_refused_credential_ends_the_session(tmp_path: Path) -> None:
    scene, fails, _ = scene_of(tmp_path)
    fails["open"] = AuthFailed("401")
    with pytest.raises(AuthFailed, match="401"):
        scene.run(5, start=7)


def test_other_instruments_than_before_end_the_session_and_the_next_start_takes_them_over(tmp_path: Path) -> None:
    scene, fails, tapes = scene_of(tmp_path)
    fails["open"] = NotReady("503")

    def begun(session: Session) -> None:
        back_at(12, fails)(session)
        tapes[-1].lots = Decimal("0.01")

    with pytest.raises(SessionFailed, match="the instruments have changed, the next start takes them over"):
        scene.run(18, begun, start=7)
    assert scene.memory is not None
    assert scene.memory.recall(["X"])["X"].lot_size == Decimal("0.01")
    scene.run(2, start=26)


def test_a_session_that_goes_on_waits_for_its_venue(tmp_path: Path) -> None:
    scene, _, _ = scene_of(tmp_path, venue=AwayVenue(), signals=[(3, "X", 1), (25, "X", 1)], prices={20: (100.0, 90.0)})
    assert isinstance(scene.venue, AwayVenue)
    scene.venue.opens_at, scene.venue.tries = 12, 0
    scene.run(22, start=7)
    [told] = [each for each in found(scene.records, ComponentFailed) if "came up without it" in each.policy]
    assert (told.component, told.error) == ("broker real", "NotReady: maintenance")
    assert 2 <= scene.venue.tries <= 20
    assert [closed.rule for closed in found(scene.records, PositionClosed)] == ["stop"]
    assert len(found(scene.records, PositionOpened)) == 2


def test_a_venue_that_cannot_even_be_closed_keeps_no_session_from_coming_up(tmp_path: Path) -> None:
    scene, _, _ = scene_of(tmp_path, venue=StuckVenue())
    assert isinstance(scene.venue, StuckVenue)
    scene.venue.opens_at = 10
    scene.run(10, start=7)
    assert found(scene.records, ComponentFailed)[0].error == "NotReady: maintenance"
    [stop] = scene.venue.venue.snapshot().orders
    assert stop.status is OrderStatus.ACKNOWLEDGED


def test_what_a_venue_that_is_away_was_not_sent_is_sent_when_it_is_there(tmp_path: Path) -> None:
    scene, _, _ = scene_of(tmp_path, venue=AwayVenue())
    assert isinstance(scene.venue, AwayVenue)
    [stop] = scene.venue.venue.snapshot().orders
    scene.venue.venue.withdraw(stop.client_order_id, at(6))
    scene.venue.opens_at = 10
    scene.run(10, start=7)
    [stop] = scene.venue.venue.snapshot().orders
    assert stop.status is OrderStatus.ACKNOWLEDGED


def test_instruments_are_remembered_as_they_were(tmp_path: Path) -> None:
    memory = InstrumentFile(tmp_path / "instruments.json")
    assert memory.recall(["X"]) == {}
    memory.keep(LOT)
    assert memory.recall(["X"]) == LOT
    assert memory.recall(["X", "Y"]) == {}


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", '[{"symbol": "Y"}]', '{"X": 1}', '[{"symbol": "X", "lot_size": "-1"}]']
)
def test_a_file_of_instruments_that_cannot_be_read_has_none(text: str, tmp_path: Path) -> None:
    memory = InstrumentFile(tmp_path / "instruments.json")
    memory.path.write_text(text)
    assert memory.recall(["X"]) == {}
    memory.keep(LOT)
    assert memory.recall(["X"]) == LOT
