"""How a session bears deciders that fail: benched, tried again, and the position looked after meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from atlas_core.engine.guard import FAILURES_TO_BENCH
from atlas_core.engine.ports import Rules
from atlas_core.errors import ComponentHung, ContractError
from atlas_core.model.decisions import Exit, Levels
from atlas_core.model.portfolio import Position
from atlas_core.model.records import (
    AlertRaised,
    ComponentFailed,
    ExitDecided,
    LevelsSet,
    PositionClosed,
    VerdictReached,
)
from tests.engine_bench import AnswerGate, Bench, SignalLevels

FLATTEN = Rules(max_positions=5, flattens_without_a_rule=True)


class Counting:
    """An exit rule that does what a test says and counts how often it is asked."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act
        self.asked = 0

    def on_market(self, position: Position, market: object) -> object:
        self.asked += 1
        return self.act()


class BrokenLevels(SignalLevels):
    """A rule whose levels fail once it has been asked `sound` times."""

    def __init__(self, sound: int) -> None:
        self.sound = sound

    def levels(self, position: Position) -> Levels:
        self.sound -= 1
        if self.sound < 0:
            raise ZeroDivisionError("no range")
        return super().levels(position)


def fail() -> object:
    raise ZeroDivisionError("no range")


def hang() -> object:
    raise ComponentHung("no answer in 0.5 s")


def holding(rule: object, rules: Rules | None = None, **columns: object) -> Bench:
    """Return a bench with an open position, looked after by the signal's levels and by `rule`."""
    bench = Bench(exits=(("levels", SignalLevels()), ("rule", rule)), rules=rules)
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=95.0, target=120.0, **columns)
    bench.flat(100.0)
    assert bench.engine.state.positions
    return bench


def wait(bench: Bench, minutes: int) -> None:
    for _ in range(minutes):
        bench.flat(100.0)


def test_a_decider_is_benched_after_five_failures_in_a_row_and_asked_no_more() -> None:
    rule = Counting(fail)
    bench = holding(rule)
    wait(bench, 8)
    assert rule.asked == FAILURES_TO_BENCH == 5
    policies = [record.policy for record in bench.of(ComponentFailed)]
    assert policies == ["asked the other rules"] * 4 + ["asked the other rules; benched, tried again after 10 minutes"]
    assert len(bench.of(AlertRaised)) == 5


def test_one_call_that_hangs_benches_at_once() -> None:
    rule = Counting(hang)
    wait(holding(rule), 8)
    assert rule.asked == 1


def test_a_good_answer_between_takes_the_failures_back() -> None:
    acts = [fail, fail, fail, fail, lambda: None] * 3

    def act() -> object:
        return acts.pop(0)()

    rule = Counting(act)
    wait(holding(rule), 14)
    assert rule.asked == 15
    assert acts == []


def test_a_benched_decider_is_tried_again_and_its_recovery_is_told() -> None:
    state = {"broken": True}
    rule = Counting(lambda: fail() if state["broken"] else None)
    bench = holding(rule)
    wait(bench, 5)
    state["broken"] = False
    asked = rule.asked
    wait(bench, 8)
    assert rule.asked == asked
    wait(bench, 6)
    assert rule.asked > asked
    assert bench.of(AlertRaised)[-1].title == "exit rule rule works again"


def test_each_failed_trial_doubles_the_rest() -> None:
    rule = Counting(hang)
    bench = holding(rule)
    wait(bench, 75)
    times = [(record.ts - bench.of(ComponentFailed)[0].ts) // 60_000_000_000 for record in bench.of(ComponentFailed)]
    assert times == [0, 10, 30, 70]


def test_a_position_without_its_rule_keeps_its_stop_when_the_profile_says_hold() -> None:
    bench = holding(Counting(fail))
    wait(bench, 8)
    assert not bench.of(PositionClosed)
    assert bench.engine.state.positions["X"].stop == Decimal("95.0")


def test_a_position_without_its_rule_is_closed_when_the_profile_says_flatten() -> None:
    bench = holding(Counting(fail), FLATTEN)
    wait(bench, 8)
    decided = bench.one(ExitDecided)
    assert (decided.rule, decided.reason, decided.acted) == ("rule", "exit rule rule is benched", True)
    assert bench.one(PositionClosed).rule == "rule"


def test_flattening_waits_for_the_bench() -> None:
    bench = holding(Counting(fail), FLATTEN)
    wait(bench, 2)
    assert not bench.of(ExitDecided)


def test_levels_that_fail_leave_the_stop_where_it_is() -> None:
    bench = Bench(exits=(("levels", BrokenLevels(sound=3)),))
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=95.0, target=120.0)
    wait(bench, 12)
    assert bench.engine.state.positions["X"].stop == Decimal("95.0")
    assert {level.stop for level in bench.of(LevelsSet)} == {Decimal("95.0")}


def test_a_position_whose_only_rule_fails_is_protected_by_the_stop_of_its_signal() -> None:
    bench = Bench(exits=(("levels", BrokenLevels(sound=1)),))
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=96.0, target=120.0)
    wait(bench, 2)
    position = bench.engine.state.positions["X"]
    assert (position.stop, position.stop_rule, position.is_protected) == (Decimal("96.0"), "signal", True)
    bench.bar(100.0, 100.0, 90.0, 90.0)
    assert bench.one(PositionClosed).rule == "signal"


def test_a_benched_gate_refuses_without_being_asked() -> None:
    asked = []

    def hang_and_count() -> object:
        asked.append(True)
        return hang()

    bench = Bench(gates=(("slow", AnswerGate(hang_and_count)),))  # type: ignore[arg-type]
    for _ in range(3):
        bench.flat(100.0)
        bench.signal(trigger=100.0, stop=95.0)
        bench.flat(100.0)
    assert [verdict.by for verdict in bench.of(VerdictReached)] == ["slow"] * 3
    assert len(asked) == len(bench.of(ComponentFailed)) == 1


def test_a_decider_that_asks_the_process_to_end_has_only_failed() -> None:
    def leave() -> object:
        raise SystemExit(3)

    bench = holding(Counting(leave))
    wait(bench, 2)
    assert "SystemExit: 3" in bench.of(ComponentFailed)[0].error


@pytest.mark.parametrize("error", [SystemExit(3), ZeroDivisionError("no range")])
def test_in_a_back_test_every_failure_ends_the_run_by_name(error: BaseException) -> None:
    def leave() -> object:
        raise error

    bench = Bench(exits=(("levels", SignalLevels()), ("rule", Counting(leave))), stops_at_failure=True)
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=95.0)
    with pytest.raises(ContractError, match=f"exit rule rule failed on X at .*: {type(error).__name__}"):
        wait(bench, 2)


def test_an_exit_of_another_rule_is_not_kept_by_a_benched_one() -> None:
    bench = Bench(
        exits=(("levels", SignalLevels()), ("broken", Counting(hang)), ("sound", Counting(lambda: Exit("time is up"))))
    )
    bench.flat(100.0)
    bench.signal(trigger=100.0, stop=95.0)
    wait(bench, 2)
    assert bench.one(PositionClosed).rule == "sound"
