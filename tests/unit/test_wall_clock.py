"""A machine's clock that is set is noticed by the monotonic one."""

from __future__ import annotations

import pytest

from atlas_core.clock import SimClock
from atlas_core.model.timeframe import SECOND
from atlas_core.runtime.wall_clock import StepDetector
from tests.memory import START


class Wall(SimClock):
    def set_by(self, seconds: float) -> None:
        self._now += round(seconds * SECOND)


@pytest.mark.parametrize("step", [1.5, -1.5, 300, -300, 25 * 3600, -365 * 86400])
def test_a_step_is_told_once_with_its_size(step: float) -> None:
    wall, seconds = Wall(START), [0.0]
    detector = StepDetector(wall, lambda: seconds[0])
    assert detector.step() == 0
    seconds[0] += 2
    wall.set_by(2 + step)
    assert detector.step() == pytest.approx(step)
    seconds[0] += 2
    wall.set_by(2)
    assert detector.step() == 0


def test_a_clock_that_is_slewed_by_less_than_a_second_is_not_told() -> None:
    wall, seconds = Wall(START), [0.0]
    detector = StepDetector(wall, lambda: seconds[0])
    for _ in range(100):
        assert detector.step() == 0
        seconds[0] += 2
        wall.set_by(2.9)


def test_a_process_that_was_stopped_is_no_step() -> None:
    wall, seconds = Wall(START), [0.0]
    detector = StepDetector(wall, lambda: seconds[0])
    detector.step()
    seconds[0] += 8 * 3600
    wall.set_by(8 * 3600)
    assert detector.step() == 0
