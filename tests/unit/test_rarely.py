"""A flood of faults is told a few times."""

from __future__ import annotations

from atlas_core.runtime.rarely import Rarely


def test_each_power_of_ten_is_told() -> None:
    faults = Rarely()
    assert [count for count in range(1, 100_001) if faults.is_told(0.0)] == [1, 10, 100, 1_000, 10_000, 100_000]
    assert faults.happened == 100_000


def test_after_an_hour_without_a_fault_the_next_is_told_again() -> None:
    faults = Rarely()
    assert faults.is_told(0.0)
    assert not faults.is_told(3_600.0)
    assert not faults.is_told(7_200.0)
    assert faults.is_told(10_801.0)
    assert faults.happened == 1
