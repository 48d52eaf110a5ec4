"""What the strat plugin offers and which options it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atlas_core import Kind
from atlas_core.clock import SimClock
from atlas_core.contracts import Context
from atlas_core.options import Address, describe, structure
from atlas_strat import plugin
from atlas_strat.options import StratOptions
from atlas_strat.scanner import StratScanner


def messages(table: dict[str, object]) -> list[str]:
    made, problems = structure(StratOptions, table, Address(table="scanner"))
    assert (made is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_the_scanner_is_offered_under_its_name() -> None:
    (component,) = plugin.atlas_scanners()
    assert (component.kind, component.name, component.options) == (Kind.SCANNER, "strat", StratOptions)
    assert "2-1-2" in component.summary


def test_the_factory_makes_the_scanner_from_a_profile_table() -> None:
    (component,) = plugin.atlas_scanners()
    options, problems = structure(StratOptions, {"timeframes": ["15m", "1d"]}, Address())
    context = Context(label="strat", clock=SimClock(), log=None, random=None, share=None)  # type: ignore[arg-type]
    assert problems == []
    assert options is not None
    made = component.factory(options, context)
    assert isinstance(made, StratScanner)
    assert [need.timeframe for need in made.needs()] == ["15m", "1d"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "timeframes: expected a list, was missing"),
        ({"timeframes": []}, "was []"),
        ({"timeframes": ["1h", "1H"]}, "twice or more: 1h"),
        ({"timeframes": ["1h"], "families": ["2-2", "2-3-2"]}, "2-3-2"),
        ({"timeframes": ["1h"], "stop_mode": "far"}, "expected one of"),
        ({"timeframes": ["1h"], "stop_mode": "entry_bar"}, "known before the entry bar"),
        ({"timeframes": ["1h"], "families": ["2-2", "1-3"]}, "complete with a 3"),
        ({"timeframes": ["1h"], "three_two_target_pct": 0}, "expected a number > 0, was 0"),
    ],
)
def test_a_wrong_option_is_one_problem_that_says_what_was_expected(table: dict[str, object], said: str) -> None:
    (message,) = messages(table)
    assert said in message


def test_the_page_of_the_scanner_names_each_of_its_options() -> None:
    page = (Path(__file__).parents[3] / "docs" / "strat.md").read_text()
    assert [option.name for option in describe(StratOptions) if f"`{option.name}`" not in page] == []


def test_listing_the_plugin_imports_no_numpy() -> None:
    code = "import sys, atlas_strat.plugin as p; list(p.atlas_scanners()); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
