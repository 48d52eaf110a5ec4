"""The life of a signal: detected, armed, triggered, sized, approved, filled, closed, and every way to end before."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from atlas_core.errors import ContractError
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve, GateMask, OrderPlan, Outcome, Refuse, Scale
from atlas_core.model.records import (
    ComponentFailed,
    GateAnswered,
    LimitChecked,
    PositionClosed,
    PositionOpened,
    SignalArmed,
    SignalDetected,
    SignalSized,
    SignalTriggered,
    VerdictReached,
)
from atlas_core.model.timeframe import DAY, HOUR, MINUTE
from tests.engine_bench import START, AfterBars, AnswerGate, Bench, FixedSize, SignalLevels

LONG = {"entry": "stop", "trigger": 100.0, "stop": 98.0, "target": 104.0, "cancel_beyond": 98.0, "void_beyond": 104.0}


def armed(**columns: object) -> Bench:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(valid_until=bench.now + 2 * MINUTE, **{**LONG, **columns})
    return bench


def verdict(bench: Bench) -> VerdictReached:
    return bench.one(VerdictReached)


def test_a_stop_entry_triggers_only_strictly_beyond_its_level() -> None:
    bench = armed()
    bench.bar(99.0, 100.0, 99.0, 99.5)
    assert not bench.of(SignalTriggered)
    bench.bar(99.5, 100.1, 99.5, 100.0)
    assert bench.one(SignalTriggered).price == Decimal("100.1")
    assert bench.one(PositionOpened).price == Decimal("100.1")


def test_a_signal_that_is_not_triggered_in_time_expires_at_that_time() -> None:
    bench = armed()
    bench.flat(99.0)
    bench.flat(99.0)
    assert verdict(bench).outcome is Outcome.EXPIRED
    assert verdict(bench).ts == START + 3 * MINUTE


def test_the_other_side_taken_first_invalidates_the_signal() -> None:
    bench = armed()
    bench.bar(99.0, 99.0, 97.9, 98.5)
    assert verdict(bench).outcome is Outcome.INVALIDATED


def test_touching_the_other_side_exactly_invalidates_nothing() -> None:
    bench = armed()
    bench.bar(99.0, 99.0, 98.0, 98.5)
    assert not bench.of(VerdictReached)


def test_an_open_at_or_beyond_the_target_voids_the_signal() -> None:
    bench = armed()
    bench.bar(104.0, 105.0, 104.0, 104.5)
    assert verdict(bench).outcome is Outcome.VOID_GAP


def test_an_open_beyond_the_trigger_enters_at_the_open() -> None:
    bench = armed()
    bench.bar(101.0, 102.0, 100.5, 101.5)
    assert bench.one(PositionOpened).price == Decimal("101.0")


def test_a_bar_that_takes_trigger_and_stop_is_counted_as_a_loss() -> None:
    bench = armed()
    bench.bar(99.0, 101.0, 97.5, 99.0)
    closed = bench.one(PositionClosed)
    assert closed.ambiguous
    assert closed.net < 0
    assert verdict(bench).outcome is Outcome.CLOSED


def test_a_target_in_the_entry_bar_counts_because_it_lies_beyond_the_trigger() -> None:
    bench = armed()
    bench.bar(99.0, 104.2, 99.0, 103.0)
    assert bench.one(PositionClosed).exit_price == Decimal("104.0")


def test_a_short_mirrors_a_long() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(-1, entry="stop", trigger=98.0, stop=100.0, target=94.0, valid_until=bench.now + 3 * MINUTE)
    bench.bar(99.0, 99.0, 97.8, 97.8)
    assert bench.one(PositionOpened).price == Decimal("97.9")
    bench.bar(97.8, 97.8, 93.0, 94.0)
    closed = bench.one(PositionClosed)
    assert (closed.exit_price, closed.net) == (Decimal("94.0"), Decimal("3.90"))


def test_a_limit_entry_is_taken_when_the_price_comes_down_to_it() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(entry="limit", trigger=98.0, stop=96.0, target=102.0, valid_until=bench.now + 2 * MINUTE)
    bench.bar(99.0, 99.0, 98.0, 98.2)
    assert bench.one(PositionOpened).price == Decimal("98.0")


def test_a_market_entry_fills_at_the_next_open() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert not bench.of(PositionOpened)
    bench.bar(99.3, 99.4, 99.2, 99.4)
    assert bench.one(PositionOpened).price == Decimal("99.3")


def test_the_same_setup_seen_twice_is_one_signal() -> None:
    bench = armed()
    setup_at = bench.now - MINUTE
    bench.flat(99.0)
    bench.signal(valid_until=bench.now + MINUTE, setup_at=setup_at, **LONG)
    assert len(bench.of(SignalDetected)) == 1


def test_a_relabelled_setup_keeps_its_identity() -> None:
    bench = armed()
    setup_at = bench.now - MINUTE
    bench.signal(valid_until=bench.now + MINUTE, setup_at=setup_at, pattern="another name", **LONG)
    assert len(bench.of(SignalDetected)) == 1


def test_a_signal_found_after_its_time_is_never_traded() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(valid_until=bench.now, **LONG)
    assert verdict(bench).outcome is Outcome.EXPIRED
    assert not bench.of(SignalArmed)


class Quality:
    """A masking gate on the score."""

    def mask(self, table: object) -> GateMask:
        return GateMask(table.score >= 2, np.asarray(table.score), 2.0, "score is too low")

    def review(self, signal: object, portfolio: object, market: object) -> Refuse:
        raise AssertionError("a masking gate is not asked again at entry")


def test_a_masking_gate_refuses_when_the_signal_is_detected_and_says_value_and_threshold() -> None:
    bench = Bench(gates=[("quality", Quality())])
    bench.flat(99.0)
    bench.signal(score=1.0, valid_until=bench.now + MINUTE, **LONG)
    refused = verdict(bench)
    assert (refused.outcome, refused.by, refused.value, refused.threshold) == (Outcome.REFUSED, "quality", 1.0, 2.0)
    assert not bench.of(SignalArmed)


def test_a_gate_that_judges_at_entry_is_asked_when_the_signal_triggers() -> None:
    bench = Bench(gates=[("late", AnswerGate(Refuse("not now", 3.0, 5.0)))])
    bench.flat(99.0)
    bench.signal(valid_until=bench.now + MINUTE, **LONG)
    assert not bench.of(VerdictReached)
    bench.bar(99.0, 101.0, 99.0, 100.5)
    assert (verdict(bench).by, verdict(bench).reason, verdict(bench).value) == ("late", "not now", 3.0)


def test_a_gate_that_scales_makes_the_size_smaller_and_is_journalled() -> None:
    bench = Bench(gates=[("half", AnswerGate(Scale(Decimal("0.5"), "thin market")))])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert bench.one(SignalSized).quantity == Decimal("0.50")
    assert bench.one(GateAnswered).answer == "scale"


@pytest.mark.parametrize("factor", ["0", "-1", "1.5"])
def test_a_gate_that_scales_outside_0_to_1_refuses(factor: str) -> None:
    bench = Bench(gates=[("odd", AnswerGate(Scale(Decimal(factor), "?")))])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert verdict(bench).outcome is Outcome.REFUSED


def raising() -> Refuse:
    raise ValueError("broken")


def test_a_gate_that_fails_refuses_and_the_session_goes_on() -> None:
    bench = Bench(gates=[("broken", AnswerGate(raising))])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert (verdict(bench).by, verdict(bench).reason) == ("broken", "gate failed")
    assert "ValueError: broken" in bench.one(ComponentFailed).error


def test_a_gate_that_fails_in_a_back_test_stops_it_and_names_the_gate() -> None:
    bench = Bench(gates=[("broken", AnswerGate(raising))], stops_at_failure=True)
    bench.flat(99.0)
    with pytest.raises(ContractError, match=r"gate broken failed on X at .* ValueError: broken"):
        bench.signal(trigger=99.0, stop=97.0)


def test_a_gate_that_answers_nonsense_refuses() -> None:
    bench = Bench(gates=[("odd", AnswerGate(lambda: "yes"))])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert verdict(bench).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "plan",
    [
        OrderPlan(symbol="X", quantity=Decimal(0), reason="too small: 3 below 10"),
        OrderPlan(symbol="X", quantity=Decimal("0.001"), reason="dust"),
        OrderPlan(symbol="X", quantity=Decimal(-1)),
        OrderPlan(symbol="X", quantity=Decimal("NaN")),
        OrderPlan(symbol="unknown", quantity=Decimal(1)),
        OrderPlan(symbol="X", quantity=Decimal(1), leverage=Decimal(0)),
    ],
)
def test_a_size_that_cannot_be_traded_is_a_skip_with_its_reason(plan: OrderPlan) -> None:
    sizer = FixedSize()
    sizer.size = lambda signal, account, market: plan  # type: ignore[method-assign]
    bench = Bench(sizer=sizer)
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert (verdict(bench).outcome, verdict(bench).by) == (Outcome.SKIPPED, "fixed")
    assert verdict(bench).reason


def test_every_limit_that_held_is_recorded_before_the_entry() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    names = [check.limit for check in bench.of(LimitChecked)]
    assert names[:2] == ["kill_switch", "market_closed"]
    assert {"max_positions", "max_exposure_pct", "buying_power", "geometry", "protection"} <= set(names)


def test_an_exit_rule_closes_at_the_next_open_and_is_the_reason() -> None:
    bench = Bench(exits=[("levels", SignalLevels()), ("bars", AfterBars(2))])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=90.0)
    bench.flat(99.0)
    bench.flat(99.5)
    bench.bar(99.8, 99.9, 99.7, 99.9)
    closed = bench.one(PositionClosed)
    assert (closed.rule, closed.reason, closed.exit_price) == ("bars", "held long enough", Decimal("99.8"))
    assert (verdict(bench).outcome, verdict(bench).by) == (Outcome.CLOSED, "bars")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_no_journal_holds_are_told_as_none(number: float) -> None:
    bench = Bench(
        gates=[("first", AnswerGate(Approve("", number, number))), ("then", AnswerGate(Refuse("no", number)))]
    )
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0, context={"indicator": np.array([number])})
    with Journal.in_memory() as journal:
        journal.append(bench.records)
    assert bench.one(GateAnswered).value is None
    assert verdict(bench).value is None
    assert bench.one(SignalDetected).context == {"indicator": None}


class ShortMask(Quality):
    """A masking gate that judges fewer rows than it was given."""

    def mask(self, table: object) -> GateMask:
        return GateMask(np.zeros(0, dtype=bool), np.zeros(0), 1.0, "?")


def test_a_mask_that_does_not_judge_every_row_refuses_them() -> None:
    bench = Bench(gates=[("short", ShortMask())])
    bench.flat(99.0)
    bench.signal(trigger=99.0, stop=97.0)
    assert (verdict(bench).by, verdict(bench).reason) == ("short", "gate failed")


def test_two_rows_of_one_setup_are_one_signal() -> None:
    bench = Bench()
    bench.flat(99.0)
    bench.signal(available_at=[bench.now, bench.now], trigger=99.0, stop=97.0)
    assert len(bench.of(SignalDetected)) == 1


def test_setups_are_remembered_long_enough_and_not_for_ever() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=200.0, valid_until=bench.now + HOUR)
    assert len(bench.engine.state.seen) == 1
    for days in range(1, 5):
        bench.now = START + days * DAY
        bench.flat(100.0)
        assert len(bench.engine.state.seen) == (1 if days <= 2 else 0)


def test_a_setup_is_remembered_as_long_as_its_signal_waits() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=200.0)
    for days in range(1, 6):
        bench.now = START + days * DAY
        bench.flat(100.0)
    assert len(bench.engine.state.seen) == 1
