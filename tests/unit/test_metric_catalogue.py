from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import NotFound
from atlas_core.model.timeframe import DAY, HOUR
from atlas_core.report.account_metrics import covered
from atlas_core.report.catalogue import METRICS, metric_named, metric_names, metric_values
from atlas_core.report.results import Results, TradeColumns
from atlas_core.report.summary import report_of, run_results
from tests.sample_run import START, sample_run
from tests.trade_columns import GivenColumns

INTERVALS = ("expectancy_low", "expectancy_high")


def _trades(nets: list[float], *, hours: int = 1) -> TradeColumns:
    count = len(nets)
    opened_at = START + np.arange(count, dtype=np.int64) * HOUR
    values = np.full(count, 1000.0)
    return GivenColumns(
        net=np.array(nets, dtype=np.float64), fees=values / 1000, slippage=values / 2000, funding=values * 0,
        r=np.array(nets, dtype=np.float64) / 50, sign=np.ones(count), entry_value=values, exit_value=values,
        opened_at=opened_at, closed_at=opened_at + hours * HOUR,
    )  # fmt: skip


def _results(equity: list[float], nets: list[float], *, hours: int = 1) -> Results:
    values = np.array(equity, dtype=np.float64)
    return Results(
        starting_cash=equity[0], ending_equity=equity[-1], equity=values, exposure=values / 2,
        marked_at=START + np.arange(len(equity), dtype=np.int64) * DAY, trades=_trades(nets, hours=hours),
        periods=365, seed=7,
    )  # fmt: skip


def test_every_metric_has_a_name_of_its_own_and_says_everything_about_itself() -> None:
    assert len(set(metric_names())) == len(METRICS)
    for metric in METRICS:
        assert metric.name.isidentifier()
        assert all((metric.title, metric.formula, metric.edges, metric.source)), metric.name


def test_a_name_that_no_metric_has_is_told_with_its_neighbours() -> None:
    assert metric_named("sharpe").title == "Sharpe (ann.)"
    with pytest.raises(NotFound, match="did you mean sharpe"):
        metric_named("sharp")
    with pytest.raises(NotFound, match="it is one of total_return"):
        metric_values(_results([100.0], []), ["zzzz"])


def test_the_named_metrics_come_in_the_order_of_the_names() -> None:
    results = _results([100.0, 110.0], [10.0])
    assert metric_values(results, ["win_rate", "total_return"]) == {"win_rate": 1.0, "total_return": pytest.approx(0.1)}


def test_a_run_without_trades_and_days_has_no_figures_but_counts() -> None:
    values = metric_values(_results([100.0], []))
    there = {name for name, value in values.items() if value is not None}
    assert there == {
        "total_return", "max_drawdown", "closed_trade_drawdown", "max_drawdown_days", "ulcer_index", "net_profit",
        "spread_and_impact", "costs",
        "trades", "long_trades", "short_trades", "wins", "losses", "draws", "winning_streak", "losing_streak", "fees",
        "slippage", "funding",
    }  # fmt: skip
    assert not any(values[name] for name in there)


@given(
    st.lists(st.floats(1, 1e6), min_size=1, max_size=45),
    st.lists(st.floats(-1e4, 1e4), max_size=12),
)
def test_no_metric_is_ever_a_stand_in(equity: list[float], nets: list[float]) -> None:
    names = [name for name in metric_names() if name not in INTERVALS]
    for name, value in metric_values(_results(equity, nets), names).items():
        assert value is None or math.isfinite(value), name


def test_figures_of_a_year_need_thirty_days() -> None:
    curve = [100.0 + (index % 3) for index in range(31)]
    yearly = ["cagr", "volatility", "sharpe", "sortino", "calmar", "probabilistic_sharpe"]
    assert all(value is None for value in metric_values(_results(curve[:-1], []), yearly).values())
    assert all(value is not None for value in metric_values(_results(curve, []), yearly).values())


def test_the_time_under_water_lasts_from_the_peak_to_its_recovery_or_the_end() -> None:
    named = ["max_drawdown_days", "max_drawdown"]
    recovered = metric_values(_results([100, 110, 90, 105, 110, 120], []), named)
    assert recovered == {"max_drawdown_days": 3.0, "max_drawdown": pytest.approx(20 / 110)}
    assert metric_values(_results([100, 110, 90, 105], []), named)["max_drawdown_days"] == 2.0
    assert metric_values(_results([100, 100, 110], []), named) == {"max_drawdown_days": 0.0, "max_drawdown": 0.0}


def test_streaks_count_wins_and_losses_in_a_row_and_a_draw_ends_both() -> None:
    values = metric_values(_results([100.0], [1, 2, 0, 3, -1, -1, -1, 4]), ["winning_streak", "losing_streak", "draws"])
    assert values == {"winning_streak": 2.0, "losing_streak": 3.0, "draws": 1.0}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=12))
def test_the_time_in_the_market_counts_no_moment_twice(spans: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in spans], dtype=np.int64)
    ends = starts + np.array([length for _, length in spans], dtype=np.int64)
    moments = {moment for start, length in spans for moment in range(start, start + length)}
    assert covered(starts, ends) == len(moments)


def test_the_report_and_the_registry_tell_the_same() -> None:
    records = sample_run()
    report = report_of(records)
    values = metric_values(run_results(records))
    assert values == metric_values(report.results)
    assert values["net_profit"] == pytest.approx(float(report.figures.net))
    assert values["fees"] == pytest.approx(float(report.figures.fees))
    assert values["max_drawdown"] == pytest.approx(report.figures.drawdown.depth)
    assert values["closed_trade_drawdown"] == pytest.approx(report.figures.closed_drawdown.depth)
    assert values["profit_factor"] == pytest.approx(float(report.figures.trades.profit_factor or 0))
    assert values["sharpe"] is None
