"""docs/simulation.md names the test of every assumption, and every option of the venue."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from atlas_core.simulation.costs import CostOptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "unit").glob("test_simulation_*.py")
    )
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named
    assert sorted(name for name in named if f"def {name}(" not in sources) == []


def test_every_assumption_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert [row for row in rows if "`test_" not in row] == []


def test_every_option_is_explained() -> None:
    assert [field.name for field in attrs.fields(CostOptions) if f"`{field.name}`" not in PAGE] == []
