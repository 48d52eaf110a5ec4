"""What the basics plugin offers, which options it takes, and that it logs the ends of a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from atlas_basics import plugin
from atlas_core import Component, Context, Kind, Mode, RunInfo, RunSummary, SimClock, TradingCosts
from atlas_core.options import Address, describe, structure
from tests.plugins.basics.samples import INSTRUMENTS

HOOKS = (
    plugin.atlas_scanners,
    plugin.atlas_gates,
    plugin.atlas_sizers,
    plugin.atlas_exit_rules,
    plugin.atlas_alerters,
)
EXAMPLES: dict[str, dict[str, object]] = {
    "sma-cross": {"timeframe": "1h"},
    "cooldown": {"minutes": 60},
    "fixed-quantity": {"quantity": 2},
    "fixed-notional": {"notional": 1000},
    "fixed-fraction": {"fraction_pct": 10},
    "leverage-tiers": {"tiers": [{"name": "all", "leverage": {"*": 2}}]},
    "trailing": {"pct": 5},
    "time": {"max_bars": 24},
    "max-loss": {"pct": 3},
    "scale-out": {"steps": [{"at_r": 1, "close_pct": 50}, {"at_r": 2, "close_pct": 50}]},
}


def components() -> list[Component[Any, Any]]:
    return [component for hook in HOOKS for component in hook()]


def component_named(name: str) -> Component[Any, Any]:
    return next(component for component in components() if component.name == name)


def test_every_part_is_offered_once_with_a_summary() -> None:
    offered = {(component.kind, component.name) for component in components()}
    assert offered == {
        (Kind.SCANNER, "sma-cross"),
        (Kind.GATE, "cooldown"),
        (Kind.GATE, "quality"),
        (Kind.GATE, "fees"),
        (Kind.SIZER, "fixed-quantity"),
        (Kind.SIZER, "fixed-notional"),
        (Kind.SIZER, "fixed-fraction"),
        (Kind.SIZER, "risk-per-trade"),
        (Kind.SIZER, "leverage-tiers"),
        (Kind.EXIT_RULE, "stop"),
        (Kind.EXIT_RULE, "target"),
        (Kind.EXIT_RULE, "sma-cross"),
        (Kind.EXIT_RULE, "trailing"),
        (Kind.EXIT_RULE, "time"),
        (Kind.EXIT_RULE, "scale-out"),
        (Kind.EXIT_RULE, "max-loss"),
        (Kind.EXIT_RULE, "leverage-deadline"),
        (Kind.ALERTER, "log"),
    }
    assert len(components()) == len(offered)
    assert all(component.summary for component in components())


@pytest.mark.parametrize("component", components(), ids=lambda component: component.name)
def test_every_part_is_made_from_a_small_profile_table(component: Component[Any, Any]) -> None:
    options, problems = structure(component.options, EXAMPLES.get(component.name, {}), Address())
    context = Context(
        label=component.name,
        clock=SimClock(),
        log=logger,
        random=None,  # type: ignore[arg-type]
        share=None,  # type: ignore[arg-type]
        instruments=INSTRUMENTS,
        costs=TradingCosts(taker_fee_bps=Decimal(5)),
    )
    assert problems == []
    assert component.factory(options, context) is not None


@pytest.mark.parametrize(
    ("name", "table", "said"),
    [
        ("sma-cross", {"timeframe": "1h", "fast": 50, "slow": 20}, "expected fast below slow, were 50 and 20"),
        ("sma-cross", {}, "expected a timeframe"),
        ("fixed-notional", {"notional": 0}, "expected a number > 0, was 0"),
        ("fixed-fraction", {"fraction_pct": 101}, "expected a number from 0 to 100, was 101"),
        ("risk-per-trade", {"leverage": Decimal("0.5")}, "expected a number >= 1, was 0.5"),
        ("stop", {"pct_overrides": True}, "expected pct to be set where pct_overrides = true"),
        ("target", {"pct": 2, "reward_to_risk": 2}, "expected one of pct and reward_to_risk, were both"),
        ("target", {"overrides": True}, "expected pct or reward_to_risk to be set"),
        ("trailing", {}, "expected a number, was missing"),
        ("time", {}, "expected max_bars or max_hours, were both missing"),
        ("max-loss", {}, "expected pct or money, were both missing"),
        ("scale-out", {"steps": []}, "expected a value that is not empty"),
        ("scale-out", {"steps": [{"close_pct": 50}]}, "expected one of at_r and at_pct, was neither"),
        ("scale-out", {"steps": [{"at_r": 1, "at_pct": 1, "close_pct": 50}]}, "expected one of at_r and at_pct, were"),
        (
            "scale-out",
            {"steps": [{"at_r": 1, "close_pct": 60}, {"at_r": 2, "close_pct": 50}]},
            "expected steps that close 100 % together at most, was 110 %",
        ),
        (
            "scale-out",
            {"steps": [{"at_r": 2, "close_pct": 50}, {"at_r": 1, "close_pct": 50}]},
            "expected steps further and further away, were 2, 1",
        ),
        (
            "scale-out",
            {"steps": [{"at_r": 1, "close_pct": 50}, {"at_pct": 5, "close_pct": 50}]},
            "expected every step to say at_r, or every step at_pct, were both",
        ),
        (
            "scale-out",
            {"steps": [{"at_r": 1, "close_pct": 50}], "break_even_after": 2},
            "expected at most 1 (the steps)",
        ),
        ("quality", {"minimum_magnitude_pct": -1}, "expected a number >= 0, was -1"),
        ("cooldown", {}, "expected a number, was missing"),
    ],
)
def test_a_wrong_option_is_one_problem_that_says_what_was_expected(
    name: str, table: dict[str, object], said: str
) -> None:
    made, problems = structure(component_named(name).options, table, Address())
    assert made is None
    assert [said in str(problem) for problem in problems] == [True]


def test_the_page_of_the_parts_names_each_part_and_each_of_its_options() -> None:
    page = (Path(__file__).parents[3] / "docs" / "strategy-parts.md").read_text()
    names = [name for part in components() for name in (part.name, *(option.name for option in describe(part.options)))]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.fixture
def lines() -> Iterator[list[str]]:
    kept: list[str] = []
    sink = logger.add(kept.append, format="{level} {message}", level="INFO")
    yield kept
    logger.remove(sink)


def test_a_run_is_logged_when_it_starts_and_when_it_ends(lines: list[str]) -> None:
    run = RunInfo(run_id="demo-paper-0001", profile="demo", mode=Mode.PAPER, synthetic=True, directory=Path("runs"))
    summary = RunSummary(
        signals=12,
        trades=3,
        open_positions=1,
        net=Decimal("41.50"),
        equity=Decimal("10041.50"),
        digest="d",
        reason="done",
    )
    plugin.atlas_run_started(run)
    plugin.atlas_run_finished(run, summary)
    assert lines == [
        "INFO run demo-paper-0001 started: paper in runs\n",
        "INFO run demo-paper-0001 finished (done): 12 signals, 3 trades, 1 open, net 41.50, equity 10041.50\n",
    ]


def test_listing_the_plugin_imports_no_numpy() -> None:
    hooks = "p.atlas_scanners, p.atlas_gates, p.atlas_sizers, p.atlas_exit_rules, p.atlas_alerters"
    code = f"import sys, atlas_basics.plugin as p; [list(h()) for h in ({hooks})]; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
