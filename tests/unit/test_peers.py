"""The figures of other systems agree with those that their own code gave once; see `peer_vectors.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlas_core.errors import NotFound
from atlas_core.model.timeframe import DAY
from atlas_core.report.peers import PEERS, peer_figures, peer_metrics
from atlas_core.report.results import Results
from tests.sample_run import START
from tests.trade_columns import GivenColumns

VECTORS = json.loads((Path(__file__).parent / "peer_vectors.json").read_text(encoding="utf-8"))
ROUNDED = {("freqtrade", "sqn"): 5e-5}


def _results(start: float, days: int, day: list[int], net: list[float], entry: list[float]) -> Results:
    equity = np.full(days + 1, start)
    for closed, result in zip(day, net, strict=True):
        equity[closed:] += result
    nothing, closed_at = np.zeros(len(net)), START + np.array(day, dtype=np.int64) * DAY
    return Results(
        starting_cash=start, ending_equity=float(equity[-1]), equity=equity, exposure=equity * 0, periods=365,
        marked_at=START + np.arange(days + 1, dtype=np.int64) * DAY,
        trades=GivenColumns(
            net=np.array(net, dtype=np.float64), fees=nothing, slippage=nothing, funding=nothing, r=nothing * np.nan,
            sign=nothing + 1, entry_value=np.array(entry, dtype=np.float64), exit_value=np.array(entry),
            opened_at=closed_at - DAY, closed_at=closed_at,
        ),
    )  # fmt: skip


def _of(case: dict[str, Any]) -> Results:
    return _results(**{name: case[name] for name in ("start", "days", "day", "net", "entry")})


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{len(case['net'])} trades")
@pytest.mark.parametrize("peer", ["freqtrade", "jesse", "backtesting.py", "vectorbt"])
def test_a_peer_reports_what_its_own_code_does(peer: str, case: dict[str, Any]) -> None:
    figures = peer_figures(_of(case), peer)
    for name, expected in case["expect"][peer].items():
        tolerance = ROUNDED.get((peer, name), 1e-12)
        assert figures.values[name] == pytest.approx(expected, rel=1e-9, abs=tolerance), name


def test_lean_agrees_with_hand_arithmetic() -> None:
    values = peer_figures(_results(1000.0, 4, [1, 2, 3, 4], [100.0, -110.0, 0.0, 99.0], [500.0] * 4), "lean").values
    returns = np.array([0.1, -0.1, 0.0, 0.1])
    yearly = 1.025**365 - 1
    assert values["sharpe"] == pytest.approx(yearly / (returns.std(ddof=1) * np.sqrt(365)))
    assert values["sortino"] == 0.0  # one losing day has no deviation
    assert values["drawdown"] == pytest.approx(0.1)
    assert values["win_rate"] == 0.5
    assert values["profit_loss_ratio"] == pytest.approx(0.1 / 0.05)  # the draw is a loss of 0
    assert values["expectancy"] == pytest.approx(0.5 * 2 - 0.5)
    assert values["profit_factor"] == pytest.approx(199 / 110)
    assert values["value_at_risk_95"] == pytest.approx(0.025 - 1.6448536269514722 * returns.std(ddof=1))


def test_what_does_not_exist_is_what_the_peer_says_instead() -> None:
    winners = _results(1000.0, 3, [1, 2], [10.0, 20.0], [100.0, 100.0])
    said = {peer: peer_figures(winners, peer).values.get("profit_factor") for peer in PEERS}
    assert said == {"freqtrade": 0.0, "jesse": None, "lean": 10.0, "backtesting.py": None, "vectorbt": None}
    assert peer_figures(winners, "freqtrade").values["sortino"] == -100.0
    assert peer_figures(winners, "freqtrade").values["expectancy_ratio"] == 100.0


@pytest.mark.parametrize("peer", PEERS)
def test_a_run_without_trades_and_days_is_no_crash(peer: str) -> None:
    empty = _results(1000.0, 0, [], [], [])
    assert set(peer_figures(empty, peer).values) == {metric.name for metric in peer_metrics(peer)}


def test_a_system_that_is_not_known_is_said() -> None:
    with pytest.raises(NotFound, match="expected one of freqtrade, jesse"):
        peer_metrics("zipline")
