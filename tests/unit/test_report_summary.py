from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.engine.ports import Rules
from atlas_core.errors import NotFound
from atlas_core.model.decisions import Outcome
from atlas_core.model.records import ComponentFailed, PositionOpened, Record, SessionPaused, SessionResumed
from atlas_core.model.timeframe import DAY, HOUR, SECOND
from atlas_core.report.bootstrap import Interval
from atlas_core.report.equity import (
    Drawdown,
    EquityPoint,
    daily_returns,
    deepest_fall,
    equity_curve,
    periods_per_year,
)
from atlas_core.report.fill_counts import FillCounts
from atlas_core.report.results import curve_columns
from atlas_core.report.signals import ends_of, refusals, signal_rows, state_counts, sum_sentence
from atlas_core.report.summary import honesty, notes_of, report_of
from atlas_core.report.trades import closed_trades, open_positions, price_decimals
from atlas_core.report.verdict import verdict as verdict_sentence
from atlas_core.simulation.costs import CostOptions
from tests.engine_bench import Bench, FixedSize, SignalLevels
from tests.sample_run import START, closed, detected, marked, sample_run, started, verdict

D = Decimal


def _curve(*values: int) -> list[EquityPoint]:
    return [EquityPoint(START + index * DAY, D(value)) for index, value in enumerate(values)]


def test_a_closed_trade_carries_the_levels_of_its_entry_and_the_family_of_its_signal() -> None:
    first, second = closed_trades(sample_run())
    assert (first.trade_id, first.stop, first.target, first.family) == (1, D("59500.0"), D("61300.0"), "2-1-2")
    assert first.net == first.gross - first.fees - first.funding == D("135.21")
    assert (second.setup, second.family, second.ambiguous) == ("3-1-2 dn", "3-1-2", True)


def test_a_pattern_without_a_family_is_counted_under_its_own_name() -> None:
    records: list[Record] = [started(), detected("sig-1", START, context={}), closed(1, "sig-1", START + DAY, "1.00")]
    assert closed_trades(records)[0].family == "2-1-2 up"


def test_an_open_position_is_marked_at_the_last_mark() -> None:
    (row,) = open_positions(sample_run())
    assert (row.trade_id, row.mark, row.unrealised) == (3, D("60560.7"), D("67.284"))


def test_the_multiplier_of_a_contract_counts() -> None:
    records = [
        evolve(record, multiplier=D("100")) if isinstance(record, PositionOpened) else record for record in sample_run()
    ]
    assert open_positions(records)[0].unrealised == D("6728.40")


def test_the_states_of_signals_add_up_to_all_signals() -> None:
    counts = state_counts(row.state for row in signal_rows(sample_run()))
    assert counts == {"refused": 1, "expired": 1, "closed": 2, "open": 1, "armed": 1}
    assert sum_sentence(counts) == "signals 6 = closed 2 + refused 1 + expired 1 + open 1 + armed 1"


def test_no_signals_add_up_to_none() -> None:
    assert sum_sentence({}) == "signals 0 = 0"


def test_a_refusal_names_who_stopped_how_many_and_gives_an_example() -> None:
    records = [
        started(), *(detected(f"sig-{index}", START + index) for index in range(3)),
        verdict("sig-0", START, Outcome.REFUSED, "quality", "too small", value=0.2, threshold=0.3),
        verdict("sig-1", START, Outcome.REFUSED, "quality", "too small", value=0.1, threshold=0.3),
        verdict("sig-2", START, Outcome.SKIPPED, "sizer", "below the least lot"),
    ]  # fmt: skip
    first, second = refusals(ends_of(signal_rows(records)))
    assert (first.outcome, first.by, first.count, first.example) == ("refused", "quality", 2, "too small")
    assert (second.outcome, second.by, second.count) == ("skipped", "sizer", 1)


@given(
    st.lists(st.tuples(st.decimals(-500, 500, places=2), st.sampled_from("ab"), st.sampled_from("xyz")), max_size=25)
)
def test_every_table_of_groups_adds_up_to_the_printed_total(trades: list[tuple[Decimal, str, str]]) -> None:
    records: list[Record] = [started()]
    for index, (gross, symbol, rule) in enumerate(trades, start=1):
        key = f"sig-{index}"
        records += [
            detected(key, START + index, symbol=symbol),
            closed(index, key, START + index + DAY, str(gross), symbol=symbol, rule=rule),
            verdict(key, START + index + DAY, Outcome.CLOSED, rule, ""),
        ]
    report = report_of(records)
    total = sum((row.net for row in report.trades), D(0))
    assert report.figures.net == total
    for groups in (report.by_setup, report.by_timeframe, report.by_symbol, report.by_side, report.by_exit):
        assert sum((group.net for group in groups), D(0)) == total
        assert sum(group.figures.count for group in groups) == len(trades)
    assert report.figures.fees == sum((row.fees for row in report.trades), D(0))
    assert sum(report.states.values()) == len(report.signals) == len(trades)


def test_net_and_open_profit_make_the_equity() -> None:
    figures = report_of(sample_run()).figures
    assert figures.net == D("67.93")
    assert figures.equity - figures.starting_cash - figures.net == D("67.28")


def test_figures_of_a_year_are_not_shown_for_a_day() -> None:
    figures = report_of(sample_run()).figures
    assert figures.cagr is None
    assert figures.calmar is None
    assert figures.sqn is None


def test_records_without_a_start_are_no_run() -> None:
    with pytest.raises(NotFound, match="found no record of its start"):
        report_of([])


def test_few_trades_are_called_few_with_their_interval() -> None:
    report = report_of(sample_run())
    notes = honesty(report.figures, report.fills)
    assert notes[0].startswith("2 trades are few: 95 % interval of expectancy ")
    assert notes[0].endswith("an edge is not shown")


def test_the_notes_say_how_many_fills_were_decided_inside_a_bar_and_by_what() -> None:
    report = report_of(sample_run())
    counts = FillCounts(total=9, inside_bar=4, by_detail=3, unclear=1)
    told = "4 of 9 fills were decided inside a bar, 3 of them on finer bars; 1 were unclear and decided "
    assert told + "against us" in honesty(report.figures, counts)
    assert told + "for us" in honesty(report.figures, counts, "optimistic, a touch fills limits")
    assert honesty(report.figures, FillCounts(total=9)) == honesty(report.figures, FillCounts())


def test_the_parts_of_the_costs_add_up_to_the_whole_of_all_trades() -> None:
    report = report_of(sample_run())
    costs = report.figures.costs
    assert costs.total == sum(trade.total_costs for trade in report.trades) == sum(costs.parts.values())
    assert costs.total == report.figures.fees + report.figures.slippage + report.figures.funding


def test_no_trade_shows_nothing_and_says_so() -> None:
    report = report_of([started()])
    assert honesty(report.figures, report.fills)[0] == "no trade was closed: nothing is shown about the system"


def test_what_a_back_test_closes_after_the_end_of_its_data_belongs_to_the_last_day() -> None:
    after = marked(START + DAY + SECOND, "9990", "9990")
    for mode, points in (("backtest", [(START, D(10000)), (START + DAY, D(9990))]), ("paper", None)):
        curve = equity_curve([started(mode=mode), marked(START + DAY, "10020", "10000"), after])
        assert [(point.ts, point.equity) for point in curve] == points or (mode == "paper" and len(curve) == 3)


def test_a_day_on_which_nothing_happened_is_there_where_the_market_trades_at_week_ends() -> None:
    records = [started(ts=START + 5 * HOUR), *(marked(START + day * DAY, str(day), "0") for day in (2, 3, 7, 9))]
    curve = equity_curve(records)
    assert [point.ts for point in curve] == [START + 5 * HOUR, *(START + day * DAY for day in range(1, 10))]
    assert [int(point.equity) for point in curve] == [10000, 10000, 2, 3, 3, 3, 3, 7, 7, 9]


def test_a_market_that_rests_at_week_ends_has_no_days_between() -> None:
    weekdays = [day for day in range(1, 15) if (day - 1) % 7 not in (0, 6) and day != 4]  # 5 April 2026 is a Sunday
    curve = equity_curve([started(), *(marked(START + day * DAY, "1", "0") for day in weekdays)])
    assert [point.ts for point in curve[1:]] == [START + day * DAY for day in weekdays]
    assert periods_per_year(curve) == 252


def test_the_curve_holds_the_start_and_the_last_mark_of_each_utc_day() -> None:
    records = [
        started(), marked(START + HOUR, "10010", "10000"), marked(START + DAY, "10020", "10000"),
        marked(START + DAY + HOUR, "9990", "10000"),
    ]  # fmt: skip
    assert [(point.ts, point.equity) for point in equity_curve(records)] == [
        (START, D(10000)), (START + DAY, D(10020)), (START + DAY + HOUR, D(9990)),
    ]  # fmt: skip


def test_daily_returns_are_simple_ones() -> None:
    assert daily_returns(_curve(100, 110, 99)) == pytest.approx((0.1, -0.1))


def _fall(*equity: int) -> Drawdown:
    return deepest_fall(*curve_columns(_curve(*equity))[:2])


def test_the_deepest_drawdown_has_its_peak_trough_and_recovery() -> None:
    drawdown = _fall(100, 120, 90, 110, 120, 119)
    assert drawdown.depth == pytest.approx(0.25)
    assert (drawdown.peak_at, drawdown.trough_at, drawdown.recovered_at) == (
        START + DAY, START + 2 * DAY, START + 4 * DAY,
    )  # fmt: skip


def test_a_drawdown_that_lasts_has_no_recovery() -> None:
    assert _fall(100, 50).recovered_at is None
    assert _fall(100, 101).depth == 0
    assert _fall().depth == 0


def test_days_of_a_year_follow_whether_the_market_rests_at_weekends() -> None:
    every_day = [EquityPoint(START + index * DAY, D(1)) for index in range(15)]
    weekdays = [point for index, point in enumerate(every_day) if index % 7 not in (0, 1)]
    assert periods_per_year(every_day) == 365
    assert periods_per_year([every_day[0], *weekdays[1:]]) == 252
    assert periods_per_year(every_day[:1]) == 365


def test_the_decimals_of_a_price_come_from_exact_levels() -> None:
    assert price_decimals(sample_run()) == {"BTC-PERP": 1, "ETH-PERP": 2}


def test_a_component_that_failed_is_named_with_its_first_fault_and_how_often() -> None:
    faults = [
        ComponentFailed(ts=START + number, component=component, error=f"{component} failed: {number}", policy="refused")
        for number, component in enumerate(("gate late", "gate late", "sizer units", "gate late"))
    ]
    notes = notes_of(report_of([*sample_run(), *faults]))
    assert "gate late failed: 0 (and 2 more of gate late)" in notes
    assert "sizer units failed: 2" in notes


def test_a_journal_of_several_sessions_tells_how_the_last_one_is() -> None:
    def resumed(day: int, *, crashed: bool) -> SessionResumed:
        return SessionResumed(ts=START + day * DAY, crashed=crashed, profile_digest="abc", components=())

    records: list[Record] = sample_run()[:-1]
    assert report_of(records).finished == "not finished"
    records.append(SessionPaused(ts=START + 2 * DAY, reason="stopped by a person"))
    paused = report_of(records)
    assert (paused.finished, paused.sessions, paused.figures.equity) == (
        "paused: stopped by a person",
        1,
        D("10135.21"),
    )
    records += [resumed(3, crashed=False), resumed(4, crashed=True)]
    running = report_of(records)
    assert (running.finished, running.sessions, running.crashes) == ("not finished", 3, 1)
    assert "3 sessions wrote this journal, one after the other, 1 of them after a crash" in notes_of(running)
    records += [sample_run()[-1]]
    assert report_of(records).finished == "end of data"


def test_the_fee_of_a_forced_close_is_a_part_of_its_own() -> None:
    bench = Bench(
        sizer=FixedSize("10", "5"),
        rules=Rules(max_positions=1, max_leverage=D(5)),
        exits=(("far", SignalLevels()),),
        costs=CostOptions(taker_fee_bps=D(5), liquidation_fee_bps=D(50)),
    )
    bench.flat(100.0)
    bench.signal(stop=50.0, target=200.0)
    bench.flat(100.0)
    bench.bar(100.0, 100.0, 60.0, 60.0)
    (trade,) = closed_trades(bench.records)
    costs = trade.costs
    assert (costs.fee, costs.liquidation) == (trade.fees - trade.liquidation_fee, trade.liquidation_fee)
    assert costs.fee > 0 < costs.liquidation
    assert costs.total == trade.fees
    assert [(leg.rule, leg.quantity, leg.gross) for leg in trade.legs] == [("liquidation", D(10), trade.gross)]


def test_the_verdict_says_what_the_notes_say_of_a_loss() -> None:
    report = report_of(sample_run())
    lost = evolve(report, figures=evolve(report.figures, interval=Interval(-70.0, -5.0)))
    assert "a loss is shown on this sample" in verdict_sentence(lost)
    assert any("a loss is shown on this sample" in note for note in notes_of(lost))
    assert Interval(1.0, 2.0).verdict == "an edge is shown on this sample"
