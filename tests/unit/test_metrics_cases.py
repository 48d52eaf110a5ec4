"""Every required value of the shared metrics cases; a value that nothing here computes fails."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest

from atlas_core.clock import from_datetime, to_datetime
from atlas_core.model.timeframe import DAY
from atlas_core.report import metrics
from atlas_core.report.catalogue import metric_values
from atlas_core.report.equity import EquityPoint, deepest_fall
from atlas_core.report.results import Results, TradeColumns, curve_columns
from tests.shared import shared_file

REGISTRY = {
    "total_return": "total_return", "cagr": "cagr_calendar_365_25", "volatility": "ann_vol", "sharpe": "sharpe",
    "sortino": "sortino", "calmar": "calmar_calendar", "ulcer_index": "ulcer_index", "omega": "omega_0",
    "value_at_risk_95": "var_95_hist", "expected_shortfall_95": "cvar_95_hist", "skew": "skew_sample",
    "kurtosis": "kurtosis_excess_sample", "best_day": "best_day", "worst_day": "worst_day",
    "positive_days": "positive_days_pct",
}  # fmt: skip
SAME_IN_LIBRARIES = {
    "sharpe": "sharpe", "sortino": "sortino", "max_drawdown": "max_drawdown", "ann_vol": "ann_vol", "omega": "omega_0",
    "var_95": "var_95_hist", "cvar_95": "cvar_95_hist",
}  # fmt: skip


@cache
def _cases() -> dict[str, Any]:
    return dict(json.loads(shared_file("cases/metrics_cases.json").read_text(encoding="utf-8")))


def _hold(made: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert set(expected) - set(made) == set(), "values that nothing here computes"
    for name, value in expected.items():
        if isinstance(value, str) or value is None:
            assert made[name] == value, name
        else:
            assert made[name] is not None, name
            assert math.isclose(float(made[name]), value, rel_tol=1e-8, abs_tol=1e-12), name


def _of_trades(results: list[float]) -> dict[str, Any]:
    figures = metrics.trade_figures([Decimal(str(result)) for result in results])
    return {
        "n": figures.count, "wins": figures.wins, "losses": figures.losses, "flats": figures.flats,
        "win_rate": figures.win_rate, "gross_profit": figures.gross_profit, "gross_loss": figures.gross_loss,
        "profit_factor": figures.profit_factor, "expectancy": figures.expectancy, "avg_win": figures.average_win,
        "avg_loss": figures.average_loss, "payoff_ratio": figures.payoff_ratio, "sqn_ddof1": metrics.sqn(results),
        "sqn_ddof0": metrics.sqn(results, ddof=0), "sqn_capped_100": metrics.sqn(results, cap=100),
    }  # fmt: skip


def _day(ts: int | None) -> str | None:
    return None if ts is None else to_datetime(ts).strftime("%Y-%m-%d")


def _moment(day: str) -> int:
    return from_datetime(datetime.fromisoformat(day).replace(tzinfo=UTC))


def _curve(equity: list[float], days: list[str] | None) -> list[EquityPoint]:
    times = [index * DAY for index in range(len(equity))] if days is None else list(map(_moment, days))
    return [EquityPoint(ts, Decimal(str(value))) for ts, value in zip(times, equity, strict=True)]


def _of_curve(equity: list[float], days: list[str] | None, periods: int) -> dict[str, Any]:
    curve = _curve(equity, days)
    values = np.array(equity, dtype=np.float64)
    returns, start, end = values[1:] / values[:-1] - 1.0, equity[0], equity[-1]
    fall, depth = deepest_fall(*curve_columns(curve)[:2]), metrics.max_drawdown(values)
    by_periods = metrics.cagr_of_periods(start, end, len(returns), periods)
    by_calendar = metrics.cagr(start, end, (curve[-1].ts - curve[0].ts) / DAY, minimum_days=0)
    figure: Callable[[Callable[..., float]], float | None] = lambda of: float(of(returns)) if len(returns) else None  # noqa: E731
    return {
        "n_returns": len(returns), "total_return": metrics.total_return(start, end), "cagr_periods": by_periods,
        "cagr_calendar_365_25": by_calendar, "ann_vol": metrics.volatility(returns, periods),
        "sharpe": metrics.sharpe(returns, periods), "sortino": metrics.sortino(returns, periods),
        "max_drawdown": depth, "mdd_peak": _day(fall.peak_at), "mdd_trough": _day(fall.trough_at),
        "longest_underwater_bars": metrics.longest_run(metrics.underwater(values) < 0),
        "calmar_periods": metrics.calmar(by_periods, depth), "calmar_calendar": metrics.calmar(by_calendar, depth),
        "calmar": metrics.calmar(by_periods, depth), "best_day": figure(np.max), "worst_day": figure(np.min),
        "positive_days_pct": figure(lambda found: np.mean(found > 0)), "var_95_hist": metrics.value_at_risk(returns),
        "cvar_95_hist": metrics.expected_shortfall(returns), "skew_sample": metrics.skewness(returns),
        "kurtosis_excess_sample": metrics.excess_kurtosis(returns), "ulcer_index": metrics.ulcer_index(values),
        "omega_0": metrics.omega(returns),
    }  # fmt: skip


def test_trade_figures_agree_with_hand_arithmetic() -> None:
    for case in _cases()["hand_trades"]:
        _hold(_of_trades(case["pnl"]), case["expect"])


def test_curve_figures_agree_with_hand_arithmetic() -> None:
    for case in _cases()["hand_curves"]:
        made = _of_curve(case["equity"], case.get("times"), case.get("periods_per_year", 252))
        _hold(made, case["expect"])


def _real_curves() -> list[tuple[dict[str, Any], list[float], list[str]]]:
    found = []
    for case in _cases()["curves"].values():
        name = str(case["note"]).removeprefix("close of ").split(" ")[0]
        with shared_file(f"cases/{name}").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        day = next(column for column in rows[0] if column.lower() in ("date", "time", "day"))
        found.append((case, [float(row["close"]) for row in rows], [row[day][:10] for row in rows]))
    return found


def test_real_curves_agree_with_the_public_libraries() -> None:
    for case, equity, days in _real_curves():
        assert (len(equity), days[0], days[-1]) == (case["rows"], case["first"], case["last"])
        made = _of_curve(equity, days, case["periods_per_year"])
        _hold(made, case["recommended"])
        for library in case["libraries"].values():
            named = {ours: library[theirs] for theirs, ours in SAME_IN_LIBRARIES.items() if theirs in library}
            _hold(made, named)


def test_the_registry_gives_the_same_for_real_curves() -> None:
    for case, equity, days in _real_curves():
        marked_at, values, exposure = curve_columns(_curve(equity, days))
        results = Results(
            starting_cash=equity[0], ending_equity=equity[-1], marked_at=marked_at, equity=values, exposure=exposure,
            trades=TradeColumns(()), periods=case["periods_per_year"],
        )  # fmt: skip
        made, expected = metric_values(results), case["recommended"]
        assert made["max_drawdown"] == pytest.approx(-expected["max_drawdown"], rel=1e-8)
        for name, theirs in REGISTRY.items():
            assert made[name] == pytest.approx(expected[theirs], rel=1e-8), name
