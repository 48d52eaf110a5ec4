"""Faults planted in what is foretold of signals: the comparison with the plain driver finds each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from atlas_core.backtest import fates
from atlas_core.backtest.driver import DriverKind
from atlas_core.backtest.foretold import Foretold, ForetoldPassage
from atlas_core.engine.signals import SignalDesk
from atlas_core.model.waiting import NOTHING
from tests.foretold_scene import difference, foretellable, system_with, told
from tests.skipping_scene import Outcome, run_system

SCENES = 200


@cache
def plain(place: int) -> Outcome:
    return run_system(system_with(foretellable(place)), DriverKind.PLAIN)


def differs_at(place: int) -> bool:
    expected = plain(place)
    try:
        return difference(expected.records, told(foretellable(place))) is not None
    except Exception:
        return True


def nothing(*_: object, **__: object) -> None:
    return None


def found_once(table: Any) -> Any:
    return np.zeros(len(table), dtype=bool)


def openings_too(events: Any, times: Any) -> Any:
    return events.opened_at.searchsorted(times, side="right") + events.closed_at.searchsorted(times, side="right")


def closes_later(events: Any, times: Any) -> Any:
    return events.opened_at.searchsorted(times) + events.closed_at.searchsorted(times)


def by_a_touch(events: Any, signals: Any) -> Any:
    upward = (signals.side > 0) != signals.is_limit
    return events.reached(signals.trigger, upward, signals.first, signals.last)


def limits_as_stops(events: Any, signals: Any) -> Any:
    return events.reached(signals.trigger + signals.side, signals.side > 0, signals.first, signals.last)


def cancelled_by_a_touch(events: Any, signals: Any, taken: Any) -> Any:
    return events.reached(signals.cancel, signals.side < 0, signals.first, np.minimum(signals.last, taken))


def cancelled_at_once(events: Any, signals: Any, taken: Any) -> Any:
    beyond = np.where(signals.cancel == fates.NO_LEVEL, fates.NO_LEVEL, signals.cancel - signals.side)
    cancelled = events.reached(beyond, signals.side < 0, signals.first, np.minimum(signals.last, taken))
    return np.where(cancelled == taken, taken - 1, cancelled)


def never_void(events: Any, signals: Any) -> Any:
    return np.zeros(len(signals.side), dtype=bool)


def void_beyond_only(events: Any, signals: Any) -> Any:
    opened = events.low[np.minimum(signals.opening, len(events) - 1)]
    is_there = (signals.void != fates.NO_LEVEL) & (signals.opening <= signals.last)
    return is_there & ((opened - signals.void) * signals.side > 0)


def floored(prices: Any, instrument: Any) -> Any:
    missing = np.isnan(prices)
    ticks = np.floor(np.where(missing, 0.0, prices) / float(instrument.tick_size)).astype(np.int64)
    return np.where(missing, fates.NO_LEVEL, ticks)


def last_refusal(masks: Any, count: int) -> Any:
    refused = np.full(count, fates.NO_RULE, dtype=np.int64)
    for place, mask in enumerate(masks[:1]):
        refused[mask.passed] = place
    return refused


MUTANTS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a setup that was found before is a new signal": (fates, "_known", found_once),
    "masks refuse what they should let pass": (fates, "first_refusal", last_refusal),
    "the opening at a signal's time came before it": (fates._Events, "before", openings_too),
    "the close at a signal's time comes after it": (fates._Events, "before", closes_later),
    "a touch takes a stop entry": (fates, "_taken", by_a_touch),
    "a limit entry waits on the side of a stop entry": (fates, "_taken", limits_as_stops),
    "a touch cancels": (fates, "_cancelled", cancelled_by_a_touch),
    "a bar that took both levels cancels": (fates, "_cancelled", cancelled_at_once),
    "no opening voids": (fates, "_is_void", never_void),
    "an opening at the level does not void": (fates, "_is_void", void_beyond_only),
    "levels are rounded down to the tick": (fates, "levels_in_ticks", floored),
    "nobody hears of the day of a signal that was settled": (Foretold, "days", lambda *_: iter(())),
    "the engine is not led to a trigger": (ForetoldPassage, "of_signals", lambda *_: NOTHING),
    "the engine voids at any opening": (SignalDesk, "met", nothing),
}  # fmt: skip
FOUND_AT = {
    "masks refuse what they should let pass": 2,
    "a touch takes a stop entry": 1,
    "a limit entry waits on the side of a stop entry": 1,
    "a touch cancels": 1,
    "a bar that took both levels cancels": 1,
    "an opening at the level does not void": 1,
    "nobody hears of the day of a signal that was settled": 65,
    "the engine is not led to a trigger": 1,
    "the engine voids at any opening": 59,
}
"""Where the search begins, if not at 0: the first scene that found the fault."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_in_what_is_foretold_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, attribute, fault = MUTANTS[name]
    monkeypatch.setattr(target, attribute, fault)
    assert any(differs_at(place) for place in (FOUND_AT.get(name, 0), *range(SCENES)))
