"""The standard gates: a pause after a trade, and a mask and a review that agree."""

from __future__ import annotations

from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_basics.gates import CooldownGate, FeesGate, QualityGate
from atlas_basics.options import CooldownOptions, FeesOptions, QualityOptions
from atlas_core import (
    Approve,
    ClosedTrade,
    GateAnswer,
    MaskingGate,
    Portfolio,
    Refuse,
    Side,
    Signal,
    SignalTable,
    TradingCosts,
    signal_table,
)
from tests.plugins.basics.samples import INSTRUMENT, MINUTE, START, SYMBOL, Moment, account_of, signal_of


def portfolio_after(net: int | None, symbol: str = SYMBOL) -> Portfolio:
    if net is None:
        return Portfolio(account=account_of())
    trade = ClosedTrade(
        trade_id=1,
        symbol=symbol,
        side=Side.LONG,
        opened_at=START - 1,
        closed_at=START,
        net=Decimal(net),
        rule="stop",
        reason="stop",
    )
    return Portfolio(account=account_of(), last_closed={symbol: trade})


def cooled(passed: float, net: int | None, symbol: str = SYMBOL, **options: str) -> GateAnswer:
    gate = CooldownGate(CooldownOptions(**{name: Decimal(value) for name, value in options.items()}))
    return gate.review(signal_of(), portfolio_after(net, symbol), Moment(START + round(passed * MINUTE)))


def test_a_symbol_rests_until_its_minutes_have_passed() -> None:
    assert cooled(59.5, 10, minutes="60") == Refuse("59.5 of 60 minutes since the last trade closed", 59.5, 60.0)
    assert cooled(60, 10, minutes="60") == Approve("", 60.0, 60.0)


def test_a_symbol_rests_longer_after_a_loss() -> None:
    answer = cooled(100, -10, minutes="60", after_loss_minutes="240")
    assert answer == Refuse("100.0 of 240 minutes since the last losing trade closed", 100.0, 240.0)
    assert isinstance(cooled(100, 10, minutes="60", after_loss_minutes="240"), Approve)


def test_a_pause_after_a_loss_is_never_shorter_than_the_ordinary_one() -> None:
    assert isinstance(cooled(30, -10, minutes="60", after_loss_minutes="5"), Refuse)


def test_only_trades_of_the_same_symbol_count() -> None:
    assert isinstance(cooled(1, -10, "ETH/USD", minutes="60"), Approve)
    assert isinstance(cooled(1, None, minutes="60"), Approve)


def quality(magnitude: str = "0.5", ratio: str = "1", *, require_target: bool = True) -> QualityGate:
    return QualityGate(
        QualityOptions(
            minimum_magnitude_pct=Decimal(magnitude),
            minimum_reward_to_risk=Decimal(ratio),
            require_target=require_target,
        )
    )


def reviewed(gate: QualityGate, signal: Signal) -> GateAnswer:
    return gate.review(signal, portfolio_after(None), Moment())


def test_quality_is_a_gate_that_masks_whole_tables() -> None:
    assert isinstance(quality(), MaskingGate)


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (signal_of(stop=99), "no target"),
        (signal_of(trigger=None, stop=99, target=102), "no trigger price to measure from"),
        (signal_of(stop="99.9", target="100.4"), "magnitude in % of the trigger is too small"),
        (signal_of(stop=98, target=101), "reward:risk is too small"),
        (signal_of(target=101), "no stop on the losing side of the trigger"),
        (signal_of(stop=101, target=102), "no stop on the losing side of the trigger"),
        (signal_of(Side.SHORT, stop=101, target=102), "magnitude in % of the trigger is too small"),
    ],
)
def test_a_refusal_names_the_measure_that_failed_and_its_minimum(signal: Signal, said: str) -> None:
    answer = reviewed(quality(), signal)
    assert isinstance(answer, Refuse)
    assert answer.reason == said


def test_value_and_threshold_are_those_of_the_measure_that_failed() -> None:
    near = reviewed(quality(), signal_of(stop="99.8", target="100.4"))
    assert (round(near.value or 0, 9), near.threshold) == (0.4, 0.5)
    poor = reviewed(quality(), signal_of(stop=96, target=101))
    assert (poor.value, poor.threshold) == (0.25, 1.0)


@pytest.mark.parametrize("side", Side)
def test_a_measure_that_just_reaches_its_minimum_passes(side: Side) -> None:
    signal = signal_of(side, stop=100 - side.sign, target=str(100 + side.sign))
    assert reviewed(quality("1", "1"), signal) == Approve("reward:risk", 1.0, 1.0)


def test_a_missing_target_passes_where_none_is_required() -> None:
    assert reviewed(quality(require_target=False), signal_of()) == Approve("no target", None, None)


def test_a_minimum_of_zero_asks_nothing() -> None:
    assert isinstance(reviewed(quality("0", "0"), signal_of(trigger=None, target=101)), Approve)


LEVEL = st.one_of(st.just(nan), st.integers(-30, 30).map(lambda ticks: (1000 + ticks) / 10))
ROWS = st.lists(st.tuples(st.sampled_from([1, -1]), LEVEL, LEVEL, LEVEL), max_size=20)
GATES = st.builds(
    quality,
    st.sampled_from(["0", "0.5", "1"]),
    st.sampled_from(["0", "0.5", "1", "2"]),
    require_target=st.booleans(),
)


def table_of(rows: list[Any]) -> SignalTable:
    side, trigger, stop, target = np.array(rows).reshape(len(rows), 4).T
    times = START + np.arange(len(rows))
    return signal_table(
        available_at=times,
        setup_at=times,
        symbol=SYMBOL,
        timeframe="1h",
        pattern="test",
        side=side.astype(np.int64),
        trigger=trigger,
        stop=stop,
        target=target,
    )


@given(GATES, ROWS)
def test_mask_and_review_agree_on_every_row(gate: QualityGate, rows: list[Any]) -> None:
    table = table_of(rows)
    mask = gate.mask(table)
    assert len(mask.passed) == len(mask.value) == len(mask.reason) == len(table)
    for row in range(len(table)):
        answer = reviewed(gate, table.signal(row, "test", "test", INSTRUMENT))
        assert isinstance(answer, Approve) == bool(mask.passed[row])
        assert answer.reason == mask.reason[row]
        assert (nan if answer.value is None else answer.value) == pytest.approx(mask.value[row], nan_ok=True)
        expected = np.broadcast_to(mask.threshold, len(table))[row]
        assert (nan if answer.threshold is None else answer.threshold) == pytest.approx(expected, nan_ok=True)


NANO = evolve(
    INSTRUMENT, tick_size=Decimal(5), lot_size=Decimal(1), multiplier=Decimal("0.01"), max_leverage=Decimal(10)
)
NANO_COSTS = TradingCosts(taker_fee_bps=Decimal(7), fee_per_contract=Decimal("0.15"), slippage_bps=Decimal(5))


def test_a_trade_that_closed_after_the_moment_of_a_touch_closed_no_minutes_ago() -> None:
    gate = CooldownGate(CooldownOptions(minutes=Decimal(15)))
    answer = gate.review(signal_of(), portfolio_after(1), Moment(START - 60 * MINUTE))
    assert isinstance(answer, Refuse)
    assert (answer.reason, answer.value) == ("0.0 of 15 minutes since the last trade closed", 0)


def fees(target: str | int | None, cash: str = "1000", at: int | None = None, **options: Any) -> GateAnswer:
    """Ask about a long at 60,000 in contracts of a hundredth of a coin."""
    gate = FeesGate(FeesOptions(**options), NANO_COSTS)
    price = None if at is None else Decimal(at)
    market = Moment(price=price, instrument_of_all=NANO)
    return gate.review(
        signal_of(trigger=60_000, stop=59_400, target=target), Portfolio(account=account_of(cash)), market
    )


def test_fees_are_held_against_the_profit_at_the_target() -> None:
    # In and out: 0.42 + 0.4242 of the notional and twice 0.15 a contract, against 6.00 at a target of 1 %.
    passed, refused = fees(60_600), fees(60_500)
    assert isinstance(passed, Approve)
    assert passed.value == pytest.approx((0.42 + 0.4242 + 0.3) / 6 * 100)
    assert isinstance(refused, Refuse)
    assert (refused.reason, refused.threshold) == ("costs in % of the profit at the target are too high", 20)


def test_fees_count_from_the_price_of_the_entry_and_not_from_the_trigger() -> None:
    assert isinstance(fees(60_600, at=60_300), Refuse)
    beyond = fees(60_600, at=60_700)
    assert isinstance(beyond, Refuse)
    assert beyond.reason == "the price is at or beyond the target"


def test_slippage_may_count_as_a_cost() -> None:
    assert isinstance(fees(60_900, include_slippage=True), Approve)
    assert isinstance(fees(60_700, include_slippage=True), Refuse)


def test_less_than_one_contract_is_a_refusal_and_never_a_pass() -> None:
    answer = fees(66_000, cash="60")
    assert isinstance(answer, Refuse)
    assert answer.reason.startswith("less than one lot")
    assert (answer.value, answer.threshold) == (pytest.approx(60.57), 60)


def test_a_signal_without_a_target_has_nothing_to_pay_its_fees_from() -> None:
    assert fees(None) == Refuse("no target")
    assert fees(None, require_target=False) == Approve("no target")


def test_a_gate_of_fees_on_a_broker_without_fees_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="expected a broker with fees"):
        FeesGate(FeesOptions(), TradingCosts(slippage_bps=Decimal(5)))
