"""What is worked out in columns is what the engine decides, over random markets and simple profiles."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.columnar_scene import SimpleScene, differs, simple_scenes

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
MONEY = "an entry comes near what the account can carry"


@given(simple_scenes())
@settings(max_examples=25, suppress_health_check=SLOW)
def test_columns_come_to_what_the_engine_decides(scene: SimpleScene) -> None:
    assert differs(scene) in (None, MONEY)


@pytest.mark.campaign
@given(simple_scenes())
@settings(max_examples=3_000, suppress_health_check=SLOW)
def test_a_long_search_finds_no_scene_in_which_columns_differ(scene: SimpleScene) -> None:
    assert differs(scene) in (None, MONEY)
