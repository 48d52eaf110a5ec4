"""The page of the crypto system names tests, commands and groupings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atlas_core.profile import open_profile
from atlas_core.report.groups import GROUPINGS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "crypto-strat.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 10
    assert [name for name in sorted(named) if f"def {name}(" not in sources] == []


def test_the_page_names_every_grouping() -> None:
    assert [name for name in GROUPINGS if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", sorted(set(re.findall(r"configs/([\w-]+\.toml)", PAGE))))
def test_every_profile_that_the_page_names_can_be_loaded_and_has_the_parts_it_lists(name: str) -> None:
    profile, _ = open_profile(ROOT / "configs" / name)
    parts = {selection.use for selection in (*profile.gates, *profile.exits, profile.sizer)}
    assert sorted(part for part in parts if f"`{part}`" not in PAGE) == []
