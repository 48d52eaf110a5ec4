from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atlas_core.model.decisions import Approve, GateMask, Refuse


def mask(**changes: Any) -> GateMask:
    columns: dict[str, Any] = {
        "passed": np.array([True, False]), "value": np.array([2.5, 0.5]), "threshold": 1.0, "reason": "ratio",
    }  # fmt: skip
    return GateMask(**(columns | changes))


def test_one_threshold_and_one_reason_stand_for_every_row() -> None:
    assert mask().answer(0) == Approve("ratio", 2.5, 1.0)
    assert mask().answer(1) == Refuse("ratio", 0.5, 1.0)


def test_each_row_may_have_its_own_threshold_and_reason() -> None:
    answers = mask(threshold=np.array([1.0, 2.0]), reason=np.array(["far enough", "too near"]))
    assert answers.answer(0) == Approve("far enough", 2.5, 1.0)
    assert answers.answer(1) == Refuse("too near", 0.5, 2.0)


def test_a_whole_number_is_a_threshold_too() -> None:
    assert mask(threshold=1).answer(1) == Refuse("ratio", 0.5, 1.0)


def test_a_value_that_is_not_known_is_none() -> None:
    answers = mask(value=np.array([np.nan, 0.5]))
    assert answers.answer(0) == Approve("ratio", None, 1.0)
    assert answers.answer(1) == Refuse("ratio", 0.5, 1.0)


def test_an_infinite_value_never_reaches_the_journal_which_refuses_it() -> None:
    assert mask(value=np.array([np.inf, -np.inf])).answer(0) == Approve("ratio", None, 1.0)
    assert mask(threshold=float("inf")).answer(1) == Refuse("ratio", 0.5, None)


@pytest.mark.parametrize("threshold", [float("nan"), np.array([np.nan, np.nan])])
def test_a_threshold_that_is_not_known_is_none(threshold: Any) -> None:
    assert mask(threshold=threshold).answer(1) == Refuse("ratio", 0.5, None)


def test_an_answer_holds_plain_values() -> None:
    answers = mask(value=np.array([3, 1], dtype=np.int32), threshold=np.array([2, 2]), reason=np.array(["far", "near"]))
    answer = answers.answer(1)
    assert [type(part) for part in (answer.reason, answer.value, answer.threshold)] == [str, float, float]
