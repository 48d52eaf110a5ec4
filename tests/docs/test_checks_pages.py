"""The pages about look-ahead and parity name what the checks do, with their figures."""

from __future__ import annotations

from pathlib import Path

from atlas_core.checking import lookahead
from atlas_core.checking.causes import Cause
from atlas_core.checking.findings import REPEATED
from atlas_core.checking.lookahead import LookaheadPlan
from atlas_core.checking.warmup import WarmupPlan
from tests.cheats import CHEATS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = " ".join((DOCS / "no-look-ahead.md").read_text(encoding="utf-8").split())
PARITY = (DOCS / "parity.md").read_text(encoding="utf-8")


def test_the_page_names_every_way_in_which_a_profile_is_tried() -> None:
    ways = (
        REPEATED,
        lookahead.CUT,
        lookahead.POISONED,
        lookahead.CLOSE,
        lookahead.MASKED,
        lookahead.STEPPED,
        lookahead.ELSEWHERE,
    )
    for way in ways:
        assert f"| {way} |" in PAGE


def test_the_page_has_the_numbers_of_the_plans() -> None:
    assert f"{LookaheadPlan().scan_cuts} cuts (`--cuts`)" in PAGE
    assert f"(`--runs`, {LookaheadPlan().run_cuts} times)" in PAGE
    assert f"at {WarmupPlan().starts} times (`--starts`)" in PAGE
    assert f"at {WarmupPlan().windows} times (`--windows`)" in PAGE


def test_the_page_counts_the_planted_cheats() -> None:
    assert f"has {len(CHEATS)} components that cheat" in PAGE


def test_the_page_about_parity_explains_every_cause() -> None:
    for cause in Cause:
        assert f"| {cause} |" in PARITY
