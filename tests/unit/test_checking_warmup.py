"""The warm-up that a scanner needs is measured: a short declaration is told with the bars that are missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from click.testing import CliRunner

from atlas_core.checking.market import record_market
from atlas_core.checking.warmup import NEVER, OK, TOO_SHORT, UNKNOWN, WarmupPlan, WarmupReport, check_warmup
from atlas_core.cli import check
from atlas_core.cli.main import atlas
from atlas_core.contracts import Need
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Approve
from tests.cheats import HONEST, Cheat, Rows

PLAIN = HONEST[0]
PLAN = WarmupPlan(starts=5, windows=10)


def measured(cheat: Cheat, **tables: Any) -> WarmupReport:
    profile = cheat.profile(**tables)
    return check_warmup(profile, record_market(profile), PLAN)


def scanning(columns: Any, **settings: Any) -> Cheat:
    return evolve(PLAIN, scanner=lambda _context: Rows(columns=columns, **settings))


def mean_of(length: int) -> Any:
    """Return a score that is the mean of the last closes."""

    def columns(bars: Bars, rows: np.ndarray) -> dict[str, Any]:
        sums = np.concatenate([[0.0], np.cumsum(np.round(bars.close * 100))])
        first = np.maximum(0, rows + 1 - length)
        return {"score": (sums[rows + 1] - sums[first]) / length}

    return columns


def smoothed(weight: float) -> Any:
    """Return a score that is an exponential average."""

    def columns(bars: Bars, rows: np.ndarray) -> dict[str, Any]:
        value, values = float(bars.close[0]) if len(bars) else 0.0, []
        for close in bars.close.tolist():
            value += weight * (close - value)
            values.append(value)
        return {"score": np.array(values)[rows]}

    return columns


def counted(bars: Bars, rows: np.ndarray) -> dict[str, Any]:
    return {"score": np.arange(len(bars), dtype=float)[rows]}


def test_a_scanner_without_memory_needs_nothing() -> None:
    report = measured(PLAIN)
    assert report.is_clean
    assert [(need.declared, need.needed, need.verdict) for need in report.needs] == [(5, 0, OK)]


@pytest.mark.parametrize(("length", "verdict"), [(5, OK), (6, OK), (12, TOO_SHORT)])
def test_a_mean_needs_its_length_and_no_more(length: int, verdict: str) -> None:
    report = measured(scanning(mean_of(length)))
    (need,) = report.needs
    assert need.verdict == verdict
    assert length - 3 <= need.needed <= length - 1  # there is a signal at every third bar
    assert report.is_clean is (verdict == OK)
    assert "differs in score" in need.example


def test_an_exponential_average_needs_far_more_than_its_length() -> None:
    (need,) = measured(scanning(smoothed(0.5))).needs
    assert need.verdict == TOO_SHORT
    assert 20 < need.needed < 40


def test_what_counts_from_the_beginning_never_settles() -> None:
    (need,) = measured(scanning(counted)).needs
    assert need.verdict == NEVER


def test_the_shipped_average_declares_what_it_needs() -> None:
    tables = {"scanners": ['use = "sma-cross"\ntimeframe = "1m"\nfast = 3\nslow = 8']}
    profile = PLAIN.profile(**tables)
    report = check_warmup(profile, record_market(profile), WarmupPlan(starts=40, windows=10))
    (need,) = report.needs
    assert (need.declared, need.verdict) == (8, OK)
    assert 6 <= need.needed <= 8


def test_too_few_bars_are_told_and_fail_nothing() -> None:
    report = measured(scanning(lambda _bars, _rows: {}, timeframes=("1m", "1h")))
    assert [need.verdict for need in report.needs] == [OK, UNKNOWN]
    assert report.is_clean


def test_a_timeframe_that_is_read_and_not_declared_is_told() -> None:
    class Undeclared(Rows):
        def needs(self) -> tuple[Need, ...]:
            return (Need("1m", 5),)

        def scan(self, market: Any) -> Any:
            market.bars("X", "5m")
            return super().scan(market)

    (need,) = measured(evolve(PLAIN, scanner=lambda _context: Undeclared())).needs
    assert need.verdict == TOO_SHORT
    assert "X 5m" in need.example


def test_a_gate_that_reads_more_than_it_declares_is_told_by_a_run() -> None:
    class Historian:
        def review(self, _signal: Any, _portfolio: Any, market: Any) -> Approve:
            return Approve("", float(len(market.bars("X", "1m"))))

    (found,) = measured(evolve(PLAIN, gate=lambda _context: Historian())).findings
    assert found.component == "gate cheat"
    assert found.with_more != found.with_declared


def test_the_command_ends_with_code_4_and_the_bars_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = scanning(mean_of(12)).profile()
    monkeypatch.setattr(
        check, "recorded", lambda _profile, _options: (profile, record_market(profile), "the code of the test")
    )
    arguments = ["check", "warmup", "any", "--starts", "4", "--windows", "4"]
    result = CliRunner().invoke(atlas, arguments, catch_exceptions=False)
    assert result.exit_code == 4
    assert "too short" in result.stdout
    document = json.loads(CliRunner().invoke(atlas, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert document["needs"][0]["needed"] > document["needs"][0]["declared"] == 5


def test_the_warm_up_of_the_demo_suffices_from_the_command_line() -> None:
    arguments = ["check", "warmup", "demo", "--to", "2026-04-07", "--starts", "3", "--windows", "6", "--json"]
    document = json.loads(CliRunner().invoke(atlas, arguments, catch_exceptions=False).stdout)
    assert document["ok"]
    assert [need["timeframe"] for need in document["needs"]] == ["15m", "1h", "4h"]
