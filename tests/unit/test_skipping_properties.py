"""The skipping driver writes the journal of the plain one, over random markets, profiles and limits."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.skipping_scene import Scene, differs, scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(scenes())
@settings(max_examples=25, suppress_health_check=SLOW)
def test_skipping_writes_the_journal_of_the_plain_driver(scene: Scene) -> None:
    assert differs(scene) is None


@pytest.mark.campaign
@given(scenes())
@settings(max_examples=3_000, suppress_health_check=SLOW)
def test_a_long_search_finds_no_scene_in_which_skipping_differs(scene: Scene) -> None:
    assert differs(scene) is None
