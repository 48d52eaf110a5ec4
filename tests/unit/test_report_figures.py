"""What the charts of a report show: periods, drawdowns, distributions, candles, scales; sums and extremes are kept."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.model.bars import Bars
from atlas_core.model.timeframe import DAY, HOUR, MINUTE, SECOND, parse_timeframe
from atlas_core.report.daily import day_rows
from atlas_core.report.distributions import fan, histogram, last_streak
from atlas_core.report.equity import EquityPoint, deepest_fall
from atlas_core.report.html.candles import spread, thinned_candles
from atlas_core.report.html.charts import thinned
from atlas_core.report.html.scales import Scale, axis_text, decimals_of, round_step, time_ticks
from atlas_core.report.periods import drawdowns, monthly_returns, rolling_sharpe, yearly_returns
from atlas_core.report.results import curve_columns
from atlas_core.report.summary import report_of
from tests.sample_run import START, sample_run
from tests.unit.test_report_page import many_trades

FINITE = st.floats(-1e6, 1e6, allow_nan=False)
MONEY = st.decimals(1, 1_000_000, places=2)


def curve(*values: float, start: int = START) -> tuple[EquityPoint, ...]:
    return tuple(EquityPoint(start + day * DAY, Decimal(str(value))) for day, value in enumerate(values))


def bars(count: int, seed: int = 1) -> Bars:
    opened = START + np.arange(count) * MINUTE
    close = 100 + np.cumsum(np.random.default_rng(seed).normal(0, 1, count))
    first = np.concatenate(([100.0], close[:-1]))
    return Bars(
        "BTC", parse_timeframe("1m"), opened, opened + MINUTE, first, np.maximum(first, close) + 0.5,
        np.minimum(first, close) - 0.5, close, np.ones(count),
    )  # fmt: skip


def test_months_and_years_compound_to_the_whole() -> None:
    points = curve(*[100 + day % 7 + day * 0.1 for day in range(420)])
    for periods in (monthly_returns(points), yearly_returns(points)):
        grown = math.prod(1 + period.value for period in periods)
        assert grown == pytest.approx(float(points[-1].equity / points[0].equity))
    assert [year.year for year in yearly_returns(points)] == [2026, 2027]


def test_midnight_belongs_to_the_month_that_it_ends() -> None:
    start = from_datetime(to_datetime(START).replace(month=4, day=30))
    (april, may) = monthly_returns(curve(100, 110, 121, start=start))
    assert (april.month, april.value) == (4, pytest.approx(0.1))
    assert (may.month, may.value) == (5, pytest.approx(0.1))


@given(st.lists(MONEY, min_size=1, max_size=60))
def test_the_deepest_of_the_drawdowns_is_the_maximum_drawdown_and_they_do_not_overlap(values: list[Decimal]) -> None:
    points = tuple(EquityPoint(START + day * DAY, value) for day, value in enumerate(values))
    falls = drawdowns(points, most=100)
    assert (falls[0].depth if falls else 0.0) == pytest.approx(deepest_fall(*curve_columns(points)[:2]).depth)
    assert [fall.depth for fall in falls] == sorted((fall.depth for fall in falls), reverse=True)
    spans = sorted((fall.peak_at or 0, fall.recovered_at or points[-1].ts) for fall in falls)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert sum(fall.recovered_at is None for fall in falls) <= 1


def test_a_rolling_figure_begins_when_its_window_is_full() -> None:
    points = curve(*[100 + (day % 5) for day in range(80)])
    found = rolling_sharpe(points, 365, window=60)
    assert [ts for ts, _ in found] == [point.ts for point in points[60:]]


@given(st.lists(FINITE, min_size=1, max_size=200))
def test_every_value_is_counted_in_one_range_and_zero_is_a_bound(values: list[float]) -> None:
    bins = histogram(values)
    assert sum(entry.count for entry in bins) == len(values)
    assert all(entry.low * entry.high >= 0 for entry in bins)
    assert all(before.high == pytest.approx(after.low) for before, after in pairwise(bins))


def test_one_outlier_does_not_hide_all_others() -> None:
    bins = histogram([*np.linspace(-10, 10, 1_000), 1_000_000.0])
    assert sum(entry.count > 0 for entry in bins) > 10


@pytest.mark.parametrize(("results", "last"), [([], 0), ([1, 1, -1, -1], -2), ([-1, 2, 3], 2), ([5, 0], 0)])
def test_the_last_streak_counts_back_from_the_end(results: list[float], last: int) -> None:
    assert last_streak(results) == last


def test_chance_keeps_the_mean_and_the_order_of_its_shares() -> None:
    results = [10.0, -8.0, 3.0, -2.0] * 30
    made = fan(results, 1_000.0, np.random.default_rng(7))
    assert made is not None
    assert made.counts[0] == 0
    assert made.counts[-1] == len(results)
    assert {path[0] for path in made.paths} == {1_000.0}
    ends = [path[-1] for path in made.paths]
    assert ends == sorted(ends)
    assert ends[2] == pytest.approx(1_000 + sum(results), rel=0.03)
    assert fan(results, 1_000.0, np.random.default_rng(7)) == made
    assert fan([1.0], 1_000.0, np.random.default_rng(7)) is None


@given(st.lists(FINITE, min_size=1, max_size=3_000), st.integers(10, 900))
def test_a_thinned_line_keeps_its_extremes_and_its_ends(values: list[float], most: int) -> None:
    xs, ys = thinned(list(range(len(values))), values, most)
    assert len(xs) <= max(most + 2, len(values) if len(values) <= most else 0)
    assert (min(ys), max(ys)) == (min(values), max(values))
    assert (xs[0], xs[-1]) == (0, len(values) - 1)


@given(st.integers(1, 3_000), st.integers(2, 300))
def test_thinned_candles_keep_first_last_and_extremes(count: int, most: int) -> None:
    data = bars(count)
    candles = thinned_candles(data, int(data.opened_at[0]), int(data.available_at[-1]), most)
    assert 0 < len(candles) <= most + 1
    assert (candles.open[0], candles.close[-1]) == (data.open[0], data.close[-1])
    assert (max(candles.high), min(candles.low)) == (data.high.max(), data.low.min())
    assert candles.ends[-1] == data.available_at[-1]


def test_a_span_without_bars_has_no_candles() -> None:
    assert len(thinned_candles(bars(10), START + DAY, START + 2 * DAY, 50)) == 0


def test_of_too_many_marks_each_stretch_of_the_run_keeps_its_largest() -> None:
    rows = report_of(many_trades(100)).trades
    shown = spread(rows, 20)
    assert len(shown) == 20
    assert shown == sorted(shown, key=lambda row: row.opened_at)
    assert max(abs(row.net) for row in rows) in {abs(row.net) for row in shown}


@given(FINITE, FINITE, st.integers(2, 10))
def test_ticks_are_round_and_inside(one: float, other: float, most: int) -> None:
    scale = Scale.over([one, other])
    ticks = scale.ticks(most)
    assert all(scale.low - 1e-6 <= tick <= scale.high + 1e-6 for tick in ticks)
    assert len(ticks) <= most + 1


def test_a_logarithmic_scale_has_its_middle_at_the_geometric_mean() -> None:
    scale = Scale.over([100.0, 10_000.0], is_log=True)
    assert scale.share(1_000.0) == pytest.approx(0.5)
    assert 1_000.0 in scale.ticks(5)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(2.5, 2.5, "2.5"), (-5.0, 2.5, "-5.0"), (0.0, 0.25, "0.00"), (12_000, 2_000, "12,000"), (250_000, 50_000, "250k"),
     (1.5e6, 5e5, "1.5M"), (-0.0, 1.0, "0")],
)  # fmt: skip
def test_labels_tell_neighbouring_ticks_apart(value: float, step: float, text: str) -> None:
    assert axis_text(value, step) == text


@pytest.mark.parametrize(("rough", "step"), [(0.7, 1.0), (1.2, 2.0), (2.1, 2.5), (26, 50), (0.0, 1.0)])
def test_a_step_is_the_next_round_number(rough: float, step: float) -> None:
    assert round_step(rough) == pytest.approx(step)
    assert decimals_of(0.025) == 3


@pytest.mark.parametrize(
    ("span", "first"),
    [(6 * HOUR, "05 Apr"), (4 * DAY, "05 Apr"), (60 * DAY, "09 Apr"), (400 * DAY, "Jul 2026"), (9 * 365 * DAY, "2028")],
)
def test_times_are_labelled_by_hours_days_months_or_years(span: int, first: str) -> None:
    ticks = time_ticks(START, START + span, 8)
    assert 2 <= len(ticks) <= 9
    assert ticks[0][1] == first
    assert all(START <= ts <= START + span for ts, _ in ticks)


def test_the_days_add_up_to_the_account() -> None:
    report = report_of(many_trades(60))
    rows = day_rows(report.curve, report.trades)
    assert sum(row.change for row in rows) == report.curve[-1].equity - report.curve[0].equity
    assert sum(row.closed_trades for row in rows) == len(report.trades)
    assert day_rows(report_of(sample_run()).curve, ())[0].drawdown == 0.0


def test_what_the_end_closes_counts_on_the_last_day_and_what_a_session_closes_today_on_no_day_before() -> None:
    marked, trade = curve(10_000, 10_010, start=START // DAY * DAY), report_of(sample_run()).trades[0]
    for later, count in ((SECOND, 1), (2 * HOUR, 0)):
        rows = day_rows(marked, [evolve(trade, closed_at=marked[-1].ts + later)])
        assert [row.closed_trades for row in rows if row.closed_trades] == [1] * count
