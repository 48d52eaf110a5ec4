"""Faults planted in what the skipping driver waits for and tells: the comparison with the plain driver finds each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from atlas_core.backtest.driver import DriverKind
from atlas_core.backtest.lanes import Lane
from atlas_core.backtest.lookout import Lookout
from atlas_core.backtest.skipping import LazyMarket, SkippingDriver
from atlas_core.engine import protection
from atlas_core.engine.exits import ExitDesk
from atlas_core.engine.passage import Passage
from atlas_core.engine.signals import SignalDesk
from atlas_core.engine.triggers import levels_of
from atlas_core.marketdata.history import PastMarket
from atlas_core.model.waiting import NOTHING, Waiting
from atlas_core.simulation import venue
from atlas_core.simulation.venue import SimulatedVenue
from tests.skipping_scene import Outcome, first_difference, outcome, scene_of

SCENES = 200


@cache
def plain(place: int) -> Outcome:
    return outcome(scene_of(place), DriverKind.PLAIN)


def differs_at(place: int) -> bool:
    try:
        skipping = outcome(scene_of(place), DriverKind.SKIPPING)
    except Exception:
        return True
    return first_difference(plain(place), skipping) is not None


def nothing(*_: object, **__: object) -> None:
    return None


def no_waiting(*_: object, **__: object) -> Waiting:
    return NOTHING


def as_is(lane: Lane) -> None:
    lane.count = 2 * len(lane.bars)
    lane._low, lane._high = np.minimum.reduce(lane.bars.prices()), np.maximum.reduce(lane.bars.prices())


def levels_alone(desk: SignalDesk, symbol: str) -> Waiting:
    waiting = NOTHING
    for signal in desk._armed.get(symbol, {}).values():
        waiting = waiting.also(levels_of(signal))
    return waiting


def never_quiet_first(driver: SkippingDriver, lane: Lane) -> Waiting:
    symbol = lane.bars.symbol
    at_broker = driver.broker.waiting(symbol)
    lane.is_live = symbol in driver.desk.engine.state.positions or at_broker is not NOTHING
    driver._live[lane.number] = lane
    return at_broker.also(driver.passage.waiting(symbol))


def without_extremes(passage: Passage, position: Any, passed: Any) -> None:
    position.last_price = passage._exact(position, passed.last_price)
    position.bars_held += passed.last - passed.first


def without_bars(passage: Passage, position: Any, passed: Any) -> None:
    held = position.bars_held
    REAL_PASS_POSITION(passage, position, passed)
    position.bars_held = held


def without_market(passage: Passage, passed: Any) -> None:
    position = passage.engine.state.positions.get(passed.symbol)
    if position is not None:
        passage._pass_position(position, passed)


REAL_PASS_POSITION = Passage._pass_position

MUTANTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "prices are not widened to the tick": (Lane, "__attrs_post_init__", as_is),
    "extremes of a position are not told": (Passage, "_pass_position", without_extremes),
    "bars held are not counted": (Passage, "_pass_position", without_bars),
    "last prices are not told": (Passage, "pass_over", without_market),
    "the venue is not told": (SimulatedVenue, "pass_over", nothing),
    "the first print of a signal is passed over": (SignalDesk, "waiting", levels_alone),
    "levels that depend on extremes are not followed": (protection, "waiting_of", no_waiting),
    "patient rules are not asked": (ExitDesk, "waiting", no_waiting),
    "orders are not waited for": (venue, "waiting_in", no_waiting),
    "nobody needs to have seen the market first": (SkippingDriver, "_waiting", never_quiet_first),
    "prices are read without being told": (LazyMarket, "last_price", PastMarket.last_price),
    "no loss raises an alarm": (Lookout, "_first_alarm", nothing),
    "the peak of the equity is not raised": (Lookout, "_raise_peak", nothing),
    "the first bar of a day is passed over": (SkippingDriver, "_first_after", nothing),
}
FOUND_AT = {
    "prices are not widened to the tick": 1,
    "extremes of a position are not told": 7,
    "bars held are not counted": 3,
    "last prices are not told": 1,
    "the venue is not told": 6,
    "levels that depend on extremes are not followed": 3,
    "patient rules are not asked": 6,
    "orders are not waited for": 1,
    "nobody needs to have seen the market first": 44,
    "prices are read without being told": 1,
    "no loss raises an alarm": 7,
    "the peak of the equity is not raised": 50,
    "the first bar of a day is passed over": 31,
}
"""Where the search begins: the first scene that found the fault; elsewhere it takes longer."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_of_the_skipping_driver_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, attribute, fault = MUTANTS[name]
    monkeypatch.setattr(target, attribute, fault)
    assert any(differs_at(place) for place in (FOUND_AT.get(name, 0), *range(SCENES)))
