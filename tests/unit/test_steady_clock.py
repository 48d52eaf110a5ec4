"""The time of a session while the machine's clock is set."""

from __future__ import annotations

from attrs import define

from atlas_core.runtime.wall_clock import SteadyClock

SECOND = 1_000_000_000


@define
class Hands:
    """A wall clock and a monotonic one that a test moves."""

    wall: int = 1_000 * SECOND
    seconds: float = 0.0

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += round(seconds * SECOND)


def test_it_tells_the_machines_time_while_nobody_sets_it() -> None:
    hands = Hands()
    clock = SteadyClock(hands, hands.monotonic)
    assert clock.now() == 1_000 * SECOND
    hands.pass_seconds(5)
    assert clock.now() == 1_005 * SECOND


def test_set_back_it_goes_on_evenly_until_the_date_has_caught_up() -> None:
    hands = Hands()
    clock = SteadyClock(hands, hands.monotonic)
    clock.now()
    hands.wall -= 3_600 * SECOND
    hands.pass_seconds(10)
    assert clock.now() == 1_010 * SECOND
    hands.wall += 3_600 * SECOND
    hands.pass_seconds(10)
    assert clock.now() == 1_020 * SECOND


def test_set_forward_it_follows_at_once() -> None:
    hands = Hands()
    clock = SteadyClock(hands, hands.monotonic)
    clock.now()
    hands.wall += 3_600 * SECOND
    assert clock.now() == 4_600 * SECOND


def test_it_goes_on_from_the_last_record_of_a_journal_that_is_ahead() -> None:
    hands = Hands()
    clock = SteadyClock(hands, hands.monotonic)
    clock.not_before(4_600 * SECOND)
    hands.pass_seconds(10)
    assert clock.now() == 4_610 * SECOND
