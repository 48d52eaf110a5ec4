"""The kernel-owned limits refuse entries, and nothing that a plugin does goes round them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve

from atlas_core.engine.ports import Rules
from atlas_core.model.decisions import Outcome
from atlas_core.model.events import OperatorCommand, Tick
from atlas_core.model.records import AlertRaised, OrderIntended, PositionClosed, TradingStateChanged, VerdictReached
from atlas_core.model.timeframe import HOUR, MINUTE
from tests.engine_bench import PERP, AfterBars, Bench, FixedSize, SignalLevels

RULES = Rules(max_positions=5)
OTHER = evolve(PERP, symbol="Y", group="coins")


def refusal(bench: Bench) -> VerdictReached:
    verdict = bench.of(VerdictReached)[-1]
    assert verdict.outcome is Outcome.REFUSED
    return verdict


def enter(bench: Bench, symbol: str = "X", price: float = 100.0, **levels: object) -> None:
    """Let one minute pass, a signal come at its close, and the next minute open."""
    bench.flat(price, symbol)
    bench.signal(symbol=symbol, trigger=price, stop=price - 5, **levels)
    bench.flat(price, symbol)


def test_a_second_position_in_a_symbol_is_refused_with_the_numbers() -> None:
    bench = Bench()
    enter(bench)
    enter(bench)
    assert (refusal(bench).by, refusal(bench).value, refusal(bench).threshold) == (
        "limit max_positions_per_symbol",
        2.0,
        1.0,
    )


def test_positions_over_all_symbols_are_limited() -> None:
    bench = Bench(rules=evolve(RULES, max_positions=1), instruments=(PERP, OTHER))
    enter(bench)
    enter(bench, "Y")
    assert refusal(bench).by == "limit max_positions"


def test_positions_of_a_group_are_limited() -> None:
    rules = evolve(RULES, max_positions_per_group=1, group_of={"X": "coins", "Y": "coins"})
    bench = Bench(rules=rules, instruments=(PERP, OTHER))
    enter(bench)
    enter(bench, "Y")
    assert refusal(bench).by == "limit max_positions_per_group"


def test_the_value_of_a_group_is_limited_and_the_rest_of_the_portfolio_does_not_count() -> None:
    rules = evolve(RULES, max_exposure_pct_per_group=Decimal("1.5"), group_of={"X": "coins", "Y": "coins", "Z": "rest"})
    bench = Bench(rules=rules, instruments=(PERP, OTHER, evolve(PERP, symbol="Z")))
    enter(bench, "Z")
    enter(bench)
    assert len(bench.engine.state.positions) == 2
    enter(bench, "Y")
    verdict = refusal(bench)
    assert (verdict.by, verdict.value, verdict.threshold) == ("limit max_exposure_pct_per_group", 2.0, 1.5)


@pytest.mark.parametrize(("side", "name"), [(1, "long"), (-1, "short")])
def test_positions_and_their_value_are_limited_by_side(side: int, name: str) -> None:
    for limit, most in ((f"max_{name}_positions", 1), (f"max_{name}_exposure_pct", Decimal("1.5"))):
        bench = Bench(rules=evolve(RULES, **{limit: most}), instruments=(PERP, OTHER, evolve(PERP, symbol="Z")))
        for symbol, way in (("X", side), ("Z", -side), ("Y", side)):
            bench.flat(100.0, symbol)
            bench.signal(way, symbol=symbol, stop=100.0 - 5 * way)
            bench.flat(100.0, symbol)
        assert set(bench.engine.state.positions) == {"X", "Z"}
        assert refusal(bench).by == f"limit {limit}"


def test_no_short_position_is_opened_where_none_is_allowed() -> None:
    bench = Bench(rules=evolve(RULES, max_short_positions=0))
    bench.flat(100.0)
    bench.signal(-1, stop=105.0)
    bench.flat(100.0)
    assert refusal(bench).by == "limit max_short_positions"


def test_an_entry_that_may_still_fill_counts_for_its_group_and_its_side() -> None:
    rules = evolve(
        RULES,
        max_exposure_pct_per_group=Decimal("1.5"),
        max_long_exposure_pct=Decimal("1.5"),
        group_of={"X": "a", "Y": "a"},
    )
    for changes in ({"max_exposure_pct_per_group": None}, {"max_long_exposure_pct": None}):
        bench = Bench(rules=evolve(rules, **changes), instruments=(PERP, OTHER))
        for symbol in ("X", "Y"):
            bench.flat(100.0, symbol)
        for symbol in ("X", "Y"):
            bench.signal(symbol=symbol, stop=95.0)
        assert refusal(bench).by.startswith("limit max_")
        assert refusal(bench).value == 2.0


def test_a_position_whose_exit_was_sent_takes_a_place_unless_the_profile_says_otherwise() -> None:
    for counts_closing in (True, False):
        rules = evolve(RULES, max_positions=1, counts_closing=counts_closing)
        bench = Bench(
            rules=rules, instruments=(PERP, OTHER), exits=(("bars", AfterBars(2)), ("levels", SignalLevels()))
        )
        bench.flat(100.0, "Y")
        enter(bench)
        bench.flat(100.0)
        bench.signal(symbol="Y", trigger=100.0, stop=95.0)
        entered = [record for record in bench.of(OrderIntended) if record.symbol == "Y"]
        assert bool(entered) is not counts_closing


def test_an_entry_order_that_may_still_fill_counts_as_a_position() -> None:
    bench = Bench(rules=evolve(RULES, max_positions=1), instruments=(PERP, OTHER))
    bench.flat(100.0)
    bench.flat(100.0, "Y")
    bench.signal(symbol="X", trigger=100.0, stop=95.0)
    bench.signal(symbol="Y", trigger=100.0, stop=95.0)
    assert refusal(bench).by == "limit max_positions"


def test_exposure_counts_open_positions_pending_entries_and_the_new_one() -> None:
    bench = Bench(sizer=FixedSize("60"), rules=RULES, instruments=(PERP, OTHER))
    bench.flat(100.0)
    bench.flat(100.0, "Y")
    bench.signal(symbol="X", trigger=100.0, stop=95.0)
    bench.signal(symbol="Y", trigger=100.0, stop=95.0)
    assert (refusal(bench).by, refusal(bench).value) == ("limit max_exposure_pct", 120.0)


def test_leverage_is_limited_by_the_profile_and_by_the_instrument() -> None:
    bench = Bench(sizer=FixedSize("1", "3"), rules=evolve(RULES, max_leverage=Decimal(2)))
    enter(bench)
    assert refusal(bench).by == "limit max_leverage"
    bench = Bench(sizer=FixedSize("1", "20"), rules=evolve(RULES, max_leverage=Decimal(50)))
    enter(bench)
    assert (refusal(bench).by, refusal(bench).threshold) == ("limit max_leverage", 10.0)


def test_margin_that_is_not_there_refuses() -> None:
    bench = Bench(sizer=FixedSize("150"), rules=evolve(RULES, max_exposure_pct=Decimal(500)))
    enter(bench)
    assert refusal(bench).by == "limit buying_power"


@pytest.mark.parametrize(("side", "stop", "target"), [(1, 101.0, 110.0), (1, 99.0, 98.0), (-1, 99.0, 90.0)])
def test_levels_on_the_wrong_side_are_refused_before_any_order(side: int, stop: float, target: float) -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.signal(side, trigger=100.0, stop=stop, target=target)
    assert refusal(bench).by == "limit geometry"


def test_a_signal_that_no_rule_gives_a_stop_is_refused() -> None:
    bench = Bench(exits=())
    enter(bench)
    assert refusal(bench).by == "limit protection"


def test_a_waiver_lets_a_position_be_without_a_stop() -> None:
    bench = Bench(exits=(), rules=evolve(RULES, waiver="a hedge elsewhere"))
    enter(bench)
    assert bench.engine.state.positions


def test_the_order_rate_counts_one_minute() -> None:
    bench = Bench(rules=evolve(RULES, max_orders_per_minute=1), instruments=(PERP, OTHER))
    bench.flat(100.0)
    bench.flat(100.0, "Y")
    bench.signal(symbol="X", trigger=100.0, stop=95.0)
    bench.signal(symbol="Y", trigger=100.0, stop=95.0)
    assert refusal(bench).by == "limit max_orders_per_minute"
    bench.flat(100.0)
    enter(bench, "Y")
    assert set(bench.engine.state.positions) == {"X", "Y"}


def test_inside_a_maintenance_window_nothing_is_entered() -> None:
    bench = Bench(rules=evolve(RULES, is_market_closed=lambda now: True))
    enter(bench)
    assert refusal(bench).by == "limit market_closed"


def test_old_market_data_refuse_entries() -> None:
    bench = Bench(rules=evolve(RULES, stale_data_seconds=60), instruments=(PERP, OTHER))
    bench.flat(100.0)
    for _ in range(3):
        bench.flat(100.0, "Y")
    bench.signal(symbol="X", trigger=100.0, stop=95.0)
    assert (refusal(bench).by, refusal(bench).value) == ("limit stale_data_seconds", 180.0)


def test_a_bar_that_comes_late_makes_no_market_data_fresh() -> None:
    bench = Bench(rules=evolve(RULES, stale_data_seconds=60))
    bench.flat(100.0)
    bench.signal(entry="stop", trigger=101.0, stop=95.0)
    bench.feed(Tick(bench.now + 5 * MINUTE))
    bench.bar(100.0, 102.0, 100.0, 102.0)
    assert (refusal(bench).by, refusal(bench).value) == ("limit stale_data_seconds", 240.0)


def test_a_halt_refuses_entries_until_a_person_resumes() -> None:
    bench = Bench()
    bench.flat(100.0)
    bench.feed(OperatorCommand(bench.now, "halt", "anna", {"reason": "news"}))
    enter(bench)
    assert refusal(bench).by == "limit kill_switch"
    bench.feed(OperatorCommand(bench.now, "resume", "anna"))
    enter(bench)
    assert bench.engine.state.positions
    assert [change.by for change in bench.of(TradingStateChanged)] == ["anna", "anna"]


def lossy(**limits: object) -> Bench:
    bench = Bench(sizer=FixedSize("90"), rules=evolve(RULES, **limits), instruments=(PERP, OTHER))
    enter(bench, target=None)
    bench.bar(97.0, 97.0, 94.0, 94.5)
    assert bench.one(PositionClosed).net == Decimal("-450.00")
    return bench


def test_the_drawdown_limit_halts_entries_and_says_so_loudly() -> None:
    bench = lossy(max_drawdown_pct=Decimal(2))
    halted = bench.one(TradingStateChanged)
    assert (halted.state, halted.by, halted.threshold) == ("halted", "max_drawdown_pct", 2.0)
    assert [alert.severity for alert in bench.of(AlertRaised)] == ["critical"]
    enter(bench, "Y")
    assert refusal(bench).by == "limit kill_switch"


def test_the_daily_loss_limit_ends_with_the_utc_day() -> None:
    bench = lossy(max_daily_loss_pct=Decimal(2))
    enter(bench, "Y")
    assert refusal(bench).by == "limit daily_loss"
    bench.now += 24 * HOUR
    enter(bench, "Y")
    assert set(bench.engine.state.positions) == {"Y"}
