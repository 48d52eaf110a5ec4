"""The skipping driver writes the journal of the plain one, over random markets, profiles and limits."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.skipping_scene import differs, scene_of

NUMBERS = st.integers(0, (1 << 32) - 1)


@given(NUMBERS)
@example(315)  # a fill's price is the last price until the next event of its symbol: the peak was too high
@settings(max_examples=15)
def test_skipping_writes_the_journal_of_the_plain_driver(number: int) -> None:
    assert differs(scene_of(number)) is None


@pytest.mark.campaign
@given(NUMBERS)
@settings(max_examples=3_000)
def test_a_long_search_finds_no_scene_in_which_skipping_differs(number: int) -> None:
    assert differs(scene_of(number)) is None
