"""How long a venue that asks for fewer requests keeps which requests quiet."""

from __future__ import annotations

import asyncio
import itertools
from math import inf, nan
from typing import Any

import pytest

from atlas_core.errors import Throttled
from atlas_core.model.events import OperatorCommand, Query
from atlas_core.model.orders import Order
from atlas_core.model.records import VerdictReached
from atlas_core.runtime.session import Session
from tests.live_scene import LATENCY, Scene, lost
from tests.memory import found

ABSURD = (-1.0, 61.0, 1e9, inf, nan)


def throttling(scene: Scene, role: str, wait: float, times: int = 1) -> list[float]:
    """Let the venue throttle the first orders of a role; return the list that gets the times of all tries."""
    tried: list[float] = []

    def submit(order: Order) -> None:
        if order.role == role:
            tried.append(asyncio.get_running_loop().time())
            if len(tried) <= times:
                raise Throttled("429", wait)

    scene.venue.before["submit"] = submit
    return tried


@pytest.mark.parametrize("wait", ABSURD)
def test_an_absurd_wait_keeps_a_stop_quiet_for_some_seconds_only(wait: float) -> None:
    scene = Scene()
    tried = throttling(scene, "stop", wait, times=3)
    scene.run(6)
    assert [5 <= later - before <= 10 for before, later in itertools.pairwise(tried)] == [True] * 3


@pytest.mark.parametrize("wait", ABSURD)
def test_an_absurd_wait_for_a_question_does_not_keep_an_exit_from_leaving(wait: float) -> None:
    scene = Scene()
    tried = throttling(scene, "exit", 0.0, times=0)

    def throttled(_: Any) -> None:
        raise Throttled("429", wait)

    def ask_and_close(session: Session) -> None:
        def ask() -> None:
            session.desk.gateway.dispatch(Query("of-another"))  # type: ignore[union-attr]

        def close() -> None:
            session.command(OperatorCommand(scene.venue.now(), "close", "ann", {"symbol": "X"}))

        scene.venue.before["find"] = throttled
        asyncio.get_running_loop().call_later(300, ask)
        asyncio.get_running_loop().call_later(301, close)

    scene.run(6, ask_and_close)
    assert 301 <= tried[0] < 306


@pytest.mark.parametrize("wait", [3.0, 20.0, 60.0])
def test_a_wait_that_may_be_meant_is_waited_for_by_all(wait: float) -> None:
    scene = Scene()
    tried = throttling(scene, "stop", wait)
    scene.run(6)
    assert tried[1] - tried[0] >= wait


def test_an_entry_that_waited_does_not_leave_when_the_account_was_not_read_for_too_long_by_then() -> None:
    scene = Scene()
    tried = throttling(scene, "entry", 24.0)

    def lose_reads(_: Session) -> None:
        asyncio.get_running_loop().call_later(125, scene.venue.before.update, {"snapshot": lost})

    scene.run(6, lose_reads)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.reason == "not sent: the account was not read completely for too long"
    assert len(tried) == 1


@pytest.mark.parametrize("wait", ABSURD)
def test_an_absurd_wait_keeps_entries_quiet_until_they_are_too_old(wait: float) -> None:
    scene = Scene()
    tried = throttling(scene, "entry", wait)
    scene.run(6)
    [verdict] = found(scene.records, VerdictReached)
    assert verdict.reason == "not sent: it is 60 s old"
    assert len(tried) == 1


def test_after_a_wait_of_unknown_length_exits_and_stops_go_before_what_can_wait() -> None:
    scene = Scene()
    tried = throttling(scene, "entry", 0.0)
    scene.run(6)
    assert tried[1] - tried[0] >= 2 - LATENCY
    scene = Scene()
    tried = throttling(scene, "stop", 0.0)
    scene.run(6)
    assert tried[1] - tried[0] < 2
