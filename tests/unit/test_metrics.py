from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.report import bootstrap, metrics


def test_a_yearly_return_is_shown_from_thirty_days_only() -> None:
    assert metrics.cagr(100, 110, 29.9) is None
    assert metrics.cagr(100, 110, 365.25) == pytest.approx(0.1)
    assert metrics.cagr(100, 0, 400) == -1.0
    assert metrics.cagr(100, -5, 400) is None


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
