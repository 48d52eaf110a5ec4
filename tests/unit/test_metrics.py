from __future__ import annotations

import csv
import json
import math
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.report import bootstrap, metrics
from tests.shared import shared_file


def _cases() -> dict[str, Any]:
    return dict(json.loads(shared_file("cases/metrics_cases.json").read_text()))


def _close(value: float | Decimal | None, expected: float | None) -> bool:
    if value is None or expected is None:
        return value is None and expected is None
    return math.isclose(float(value), expected, rel_tol=1e-8, abs_tol=1e-12)


def _returns(equity: list[float]) -> list[float]:
    return [after / before - 1 for before, after in pairwise(equity)]


@pytest.mark.parametrize("case_id", ["H1", "H3", "H5"])
def test_trade_figures_agree_with_hand_arithmetic(case_id: str) -> None:
    case = next(case for case in _cases()["hand_trades"] if case["id"] == case_id)
    expect = case["expect"]
    figures = metrics.trade_figures([Decimal(value) for value in case["pnl"]])
    assert (figures.count, figures.wins, figures.losses, figures.flats) == (
        expect["n"], expect["wins"], expect["losses"], expect["flats"],
    )  # fmt: skip
    assert _close(figures.win_rate, expect["win_rate"])
    assert _close(figures.gross_profit, expect["gross_profit"])
    assert _close(figures.gross_loss, expect["gross_loss"])
    assert _close(figures.profit_factor, expect["profit_factor"])
    assert _close(figures.expectancy, expect["expectancy"])
    assert _close(figures.average_win, expect["avg_win"])
    assert _close(figures.average_loss, expect["avg_loss"])
    assert _close(figures.payoff_ratio, expect["payoff_ratio"])
    assert _close(metrics.sqn(case["pnl"]), expect["sqn_ddof1"])
    assert _close(metrics.sqn(case["pnl"], cap=100), expect["sqn_capped_100"])


@pytest.mark.parametrize("case_id", ["HC1", "HC3", "HC5"])
def test_curve_figures_agree_with_hand_arithmetic(case_id: str) -> None:
    case = next(case for case in _cases()["hand_curves"] if case["id"] == case_id)
    expect, equity = case["expect"], case["equity"]
    periods = case.get("periods_per_year", 252)
    returns = _returns(equity)
    drawdown = metrics.max_drawdown(equity)
    made = {
        "max_drawdown": drawdown,
        "sharpe": metrics.sharpe(returns, periods),
        "sortino": metrics.sortino(returns, periods),
        "calmar": metrics.calmar(0.1, drawdown),
        "ann_vol": metrics.volatility(returns, periods),
        "total_return": metrics.total_return(equity[0], equity[-1]),
        "n_returns": len(returns),
    }
    for name in made.keys() & expect.keys():
        assert _close(made[name], expect[name]), name


def test_a_real_curve_agrees_with_the_public_libraries() -> None:
    case = _cases()["curves"]["spy_2010_2013_close"]
    expect, periods = case["recommended"], case["periods_per_year"]
    with shared_file("cases/data/spy_daily_2010_2013.csv").open() as file:
        rows = list(csv.DictReader(file))
    equity = [float(row["close"]) for row in rows]
    returns = _returns(equity)
    days = (date.fromisoformat(case["last"]) - date.fromisoformat(case["first"])).days
    yearly = metrics.cagr(equity[0], equity[-1], days)
    drawdown = metrics.max_drawdown(equity)
    assert _close(metrics.total_return(equity[0], equity[-1]), expect["total_return"])
    assert _close(yearly, expect["cagr_calendar_365_25"])
    assert _close(metrics.volatility(returns, periods), expect["ann_vol"])
    assert _close(metrics.sharpe(returns, periods), expect["sharpe"])
    assert _close(metrics.sortino(returns, periods), expect["sortino"])
    assert _close(drawdown, expect["max_drawdown"])
    assert _close(metrics.calmar(yearly, drawdown), expect["calmar_calendar"])


def test_a_yearly_return_is_shown_from_thirty_days_only() -> None:
    assert metrics.cagr(100, 110, 29.9) is None
    assert metrics.cagr(100, 110, 365.25) == pytest.approx(0.1)
    assert metrics.cagr(100, 0, 400) is None


def test_the_risk_free_rate_lowers_sharpe_and_sortino() -> None:
    returns = [0.01, -0.005, 0.02, 0.0]
    for figure in (metrics.sharpe, metrics.sortino):
        with_rate, without = figure(returns, 365, 0.05), figure(returns, 365)
        assert with_rate is not None
        assert without is not None
        assert with_rate < without


def test_a_curve_that_never_moves_has_no_sharpe() -> None:
    assert metrics.sharpe([0.0, 0.0, 0.0], 365) is None
    assert metrics.sortino([0.0, 0.0, 0.0], 365) is None


def test_without_losses_there_is_no_profit_factor() -> None:
    assert metrics.trade_figures([Decimal(5), Decimal(0)]).profit_factor is None


@given(st.lists(st.decimals(-1000, 1000, places=2), max_size=30))
def test_the_parts_of_trade_figures_add_up(results: list[Decimal]) -> None:
    figures = metrics.trade_figures(results)
    assert figures.wins + figures.losses + figures.flats == figures.count == len(results)
    assert figures.gross_profit - figures.gross_loss == figures.net == sum(results)


def test_the_interval_of_the_expectancy_is_the_same_for_the_same_generator() -> None:
    results = [10.0, -5.0, 3.0, 8.0, -12.0, 4.0]
    first = bootstrap.expectancy_interval(results, np.random.default_rng(7))
    second = bootstrap.expectancy_interval(results, np.random.default_rng(7))
    assert first == second
    assert first is not None
    assert first.low < np.mean(results) < first.high
    assert not first.shows_an_edge


def test_the_interval_of_many_results_is_the_normal_one() -> None:
    results = [1.0, -0.5] * 600
    interval = bootstrap.expectancy_interval(results, np.random.default_rng(7))
    assert interval is not None
    half = 1.959963984540054 * np.std(results, ddof=1) / math.sqrt(1200)
    assert (interval.low, interval.high) == pytest.approx((0.25 - half, 0.25 + half))
    assert interval.shows_an_edge


def test_blocks_of_neighbours_add_up_over_the_end() -> None:
    assert bootstrap.block_sums(np.array([1.0, 2.0, 4.0, 8.0]), 3).tolist() == [7.0, 14.0, 13.0, 11.0]


def test_trades_that_follow_one_another_are_drawn_one_by_one_and_others_in_blocks() -> None:
    opened_at = np.arange(0, 1000, 10, dtype=np.int64)
    assert bootstrap.block_length(opened_at, opened_at + 10) == 1
    assert bootstrap.block_length(opened_at, opened_at + 11) == 5
    assert bootstrap.block_length(opened_at, opened_at + 105) == 11
    assert bootstrap.block_length(opened_at, opened_at + 10_000) == 25


def test_results_that_come_in_runs_have_a_wider_interval_by_blocks() -> None:
    for count in (60, 6000):
        results = np.repeat(np.random.default_rng(1).normal(size=count // 6), 6)
        single = bootstrap.expectancy_interval(results, np.random.default_rng(7))
        blocks = bootstrap.expectancy_interval(results, np.random.default_rng(7), block=6)
        assert single is not None
        assert blocks is not None
        assert blocks.high - blocks.low > 1.5 * (single.high - single.low)


def test_one_result_has_no_interval() -> None:
    assert bootstrap.expectancy_interval([1.0], np.random.default_rng(7)) is None
