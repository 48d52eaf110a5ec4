from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.report.distributions import fan
from atlas_core.report.results import TradeColumns
from atlas_core.report.robustness import COST_FACTORS, cost_sensitivity
from atlas_core.report.summary import notes_of, report_of
from tests.sample_run import sample_run
from tests.trade_columns import GivenColumns


def _trades(net: list[float], costs: list[float]) -> TradeColumns:
    fees, slippage = np.array(costs) * 0.75, np.array(costs) * 0.25
    return GivenColumns(net=np.array(net, dtype=np.float64), fees=fees, slippage=slippage)


def test_higher_costs_are_taken_from_every_trade() -> None:
    free, once, twice, _ = cost_sensitivity(_trades([10.0, -5.0, 2.0], [4.0, 4.0, 4.0]))
    assert (once.net, once.costs, once.win_rate) == (7.0, 12.0, pytest.approx(2 / 3))
    assert (free.net, free.costs, free.profit_factor) == (19.0, 0.0, pytest.approx(20.0))
    assert (twice.net, twice.costs, twice.win_rate) == (-5.0, 24.0, pytest.approx(1 / 3))
    assert twice.profit_factor == pytest.approx(6 / 11)


def test_without_trades_there_is_no_figure_but_the_sums() -> None:
    for case in cost_sensitivity(_trades([], [])):
        assert (case.net, case.costs, case.expectancy, case.profit_factor, case.win_rate) == (0, 0, None, None, None)


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 50)), min_size=1, max_size=20))
def test_no_figure_gets_better_when_costs_rise(trades: list[tuple[float, float]]) -> None:
    cases = cost_sensitivity(_trades([net for net, _ in trades], [costs for _, costs in trades]))
    assert [case.factor for case in cases] == list(COST_FACTORS)
    for cheap, dear in pairwise(cases):
        assert dear.net <= cheap.net + 1e-9
        assert dear.win_rate <= cheap.win_rate  # type: ignore[operator]


def test_another_order_of_the_same_trades_ends_where_they_did() -> None:
    results = np.random.default_rng(1).normal(1, 20, 80)
    made = fan(results, 1000.0, np.random.default_rng(2), reorders=True)
    assert made is not None
    assert [path[-1] for path in made.paths] == pytest.approx([1000 + results.sum()] * len(made.paths))
    assert made.drawdown_95 > made.drawdown_median > 0


def test_trades_that_lose_together_fall_deeper_when_drawn_together() -> None:
    results = np.repeat(np.random.default_rng(3).normal(0, 20, 20), 8)
    single = fan(results, 5000.0, np.random.default_rng(2))
    together = fan(results, 5000.0, np.random.default_rng(2), block=8)
    assert single is not None
    assert together is not None
    assert together.drawdown_median > 1.3 * single.drawdown_median


def test_a_run_says_that_holding_would_have_earned_more() -> None:
    report = report_of(sample_run())
    points = report.curve
    assert not any("buying and holding" in note for note in notes_of(report.beside(points)))
    better = (points[0], *(evolve(point, equity=point.equity * 2) for point in points[1:]))
    assert "buying and holding the universe earned more: +102.70 % against +1.35 %" in notes_of(report.beside(better))
