from __future__ import annotations

import pytest

from atlas_core.errors import NotFound
from atlas_core.report.signals import signal_rows
from atlas_core.report.trace import margin, trace_signal, trace_trade, why_not
from tests.sample_run import detected, sample_run


def test_a_trade_is_told_from_its_signal_to_its_end() -> None:
    trace = trace_trade(sample_run(), 1)
    stages = [step.stage for step in trace.steps]
    assert stages == [
        "detected", "gate", "armed", "triggered", "sized", "limit", "order", "fill", "opened", "levels", "funding",
        "order", "fill", "exit", "closed", "verdict",
    ]  # fmt: skip
    assert trace.closed is not None
    assert trace.order_ids == ("o-1", "o-2")


def test_gates_and_limits_carry_value_and_threshold() -> None:
    steps = {step.stage: step for step in trace_trade(sample_run(), 1).steps}
    assert (steps["gate"].who, steps["gate"].value, steps["gate"].threshold) == ("quality", 2.0, 1.0)
    assert (steps["limit"].who, steps["limit"].value, steps["limit"].threshold) == ("max_positions", 1.0, 6.0)
    assert "1 % of 10,000.00 over a risk of 600.0" in steps["sized"].what
    assert "gross +142.80 - fees 7.28 - funding 0.31 = net +135.21 (+1.89 R)" in steps["closed"].what


def test_a_refused_signal_names_the_gate_with_value_and_threshold() -> None:
    trace = trace_signal(sample_run(), "sig-3333cccc")
    assert trace.verdict is not None
    assert (trace.verdict.by, trace.verdict.value, trace.verdict.threshold) == ("quality", 0.339286, 1.0)
    assert [step.stage for step in trace.steps] == ["detected", "verdict"]
    assert trace.opened is None


@pytest.mark.parametrize("key", ["3333", "sig-3333", "sig-3333cccc", "3333cccc"])
def test_the_beginning_of_a_key_is_enough(key: str) -> None:
    assert trace_signal(sample_run(), key).signal.key == "sig-3333cccc"


def test_a_beginning_that_fits_several_signals_names_them() -> None:
    records = [*sample_run(), detected("sig-3333ffff", 1)]
    with pytest.raises(NotFound, match="which fits sig-3333cccc, sig-3333ffff"):
        trace_signal(records, "3333")


def test_an_unknown_trade_or_signal_says_what_there_is() -> None:
    with pytest.raises(NotFound, match="was 9; trades 1 to 3"):
        trace_trade(sample_run(), 9)
    with pytest.raises(NotFound, match="was 'zz'"):
        trace_signal(sample_run(), "zz")


def test_why_not_counts_who_stopped_a_symbol_and_by_how_much_each_failed() -> None:
    answer = why_not(signal_rows(sample_run()), "eth-perp")
    assert (answer.symbol, answer.signals, answer.traded, len(answer.stopped)) == ("ETH-PERP", 3, 0, 2)
    assert answer.by == (("expired", "kernel", 1), ("refused", "quality", 1))
    assert margin(answer.stopped[0]) == pytest.approx(-0.660714)
    assert margin(answer.stopped[1]) is None


def test_a_symbol_without_signals_is_not_found() -> None:
    with pytest.raises(NotFound, match="there are BTC-PERP, ETH-PERP"):
        why_not(signal_rows(sample_run()), "DOGE")
