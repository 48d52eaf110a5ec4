"""Paper sessions on a market that goes on: each continues the journal of the one before, and so does the account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from atlas_core.model.records import (
    OrderIntended,
    PositionClosed,
    PositionOpened,
    RunStarted,
    SessionPaused,
    SessionResumed,
)
from tests.live_scene import PaperScene
from tests.memory import found

FALLS = {9: (100.0, 90.0), 10: (90.0, 90.0)}


def test_a_session_on_a_market_that_goes_on_is_paused_and_not_finished() -> None:
    scene = PaperScene()
    summary = scene.run(6)
    assert summary is not None
    assert summary.open_positions == 1
    assert isinstance(scene.records[-1], SessionPaused)


@pytest.mark.parametrize("crashes", [False, True])
def test_the_stop_of_one_session_works_in_the_next(crashes: bool) -> None:
    scene = PaperScene(prices=FALLS)
    scene.run(6, crashes=crashes)
    scene.run(6, start=7)
    [resumed] = found(scene.records, SessionResumed)
    assert resumed.crashed is crashes
    assert len(found(scene.records, RunStarted)) == 1
    [closed] = found(scene.records, PositionClosed)
    assert closed.rule == "stop"
    assert len(found(scene.records, OrderIntended)) == 2


def test_the_account_of_a_continued_session_is_the_one_it_left() -> None:
    halves, whole = PaperScene(prices=FALLS), PaperScene(prices=FALLS)
    halves.run(7)
    continued = halves.run(8, start=7)
    at_once = whole.run(15)
    assert continued is not None
    assert at_once is not None
    assert continued.equity == at_once.equity < Decimal(10_000)
    assert found(halves.records, PositionOpened) == found(whole.records, PositionOpened)
