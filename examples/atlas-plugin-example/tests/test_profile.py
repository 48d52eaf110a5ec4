"""The profile sees no future, is warm in time, and decides the same as a session and as a back-test."""

from __future__ import annotations

from pathlib import Path

from atlas_core.testing import assert_profile_holds

PROFILE = Path(__file__).resolve().parents[1] / "profiles" / "channel-breakout.toml"


def test_the_profile_holds() -> None:
    span = [("universe.start", '"2026-01-08"'), ("universe.end", '"2026-01-12"')]
    assert_profile_holds(PROFILE, overrides=span, cuts=6, runs=1)
