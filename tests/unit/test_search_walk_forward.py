"""Walk-forward: windows that never overlap where they are tried, and an account that only the choice has made."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from atlas_core.errors import DataError, UsageError
from atlas_core.model.timeframe import DAY
from atlas_core.search.conducting import Ending
from atlas_core.search.ledger import Ledger, Trial
from atlas_core.search.objective import read_objective
from atlas_core.search.sweeping import Outcome, understand
from atlas_core.search.walk_forward import WalkForward, walk_forward
from atlas_core.search.windows import Steps, read_steps
from atlas_core.search.worker import Task, Workbench
from tests.search_profile import Notes, bench, crossing, plan_of, sweeping

CHANGES = ("scanner.0.fast=3,8", "scanner.0.slow=20,30")
FACTS = {"walk_forward": "12d/6d", "gap": "1d", "objective": "total_return"}
NANOSECONDS = st.integers(1, 10**6)


@given(NANOSECONDS, NANOSECONDS, st.integers(0, 10**6), st.booleans(), st.integers(1, 10**7))
def test_what_is_tried_lies_after_what_was_chosen_on_and_is_never_tried_twice(
    train: int, test: int, gap: int, is_anchored: bool, length: int
) -> None:
    steps = Steps(train=train, test=max(test, length // 50), gap=gap, is_anchored=is_anchored)
    try:
        windows = steps.windows(100, 100 + length)
    except DataError:
        assert length < train + gap + steps.test
        return
    assert all(window.test_start - window.train_end == gap for window in windows)
    assert all(window.test_end - window.test_start == steps.test for window in windows)
    assert all(window.train_start == 100 or not is_anchored for window in windows)
    assert all(window.train_end - window.train_start == train or is_anchored for window in windows)
    assert all(after.test_start == before.test_end for before, after in pairwise(windows))
    assert windows[-1].test_end <= 100 + length < windows[-1].test_end + steps.test


@pytest.mark.parametrize("text", ["60d", "60/15", "/", "60d/", "0d/5d"])
def test_steps_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"60d/15d|a duration such as"):
        read_steps(text)


@frozen
class Whole:
    """A walk-forward that nothing has cut off: its profile, what came of it, and what it tells."""

    profile: str
    outcome: Outcome
    walk: WalkForward


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    plan = plan_of(crossing(folder), *CHANGES, **FACTS)
    with Ledger.at(folder) as ledger:
        outcome = sweeping(folder, ledger, plan, processes=1).run()
        return Whole(plan.profile, outcome, walked(ledger, outcome))


def test_each_choice_is_the_best_of_its_stretch_and_is_tried_on_the_next(whole: Whole) -> None:
    outcome, walk = whole.outcome, whole.walk
    assert outcome.ending is Ending.COMPLETE
    assert [len(outcome.windows), len(outcome.trials)] == [4, 4 * 5]
    objective = read_objective("total_return")
    work = bench(whole.profile)
    for step in walk.steps:
        window = step.window
        train = [work.trial(Task(number=n, settings=s, span=window.train)) for n, s in enumerate(_grid())]
        best = objective.best(train)
        assert best is not None
        assert step.chosen is not None
        assert step.tested is not None
        assert (step.chosen.settings, step.chosen.figures) == (best.settings, best.figures)
        assert step.tested.figures == work.trial(Task(number=0, settings=best.settings, span=window.test)).figures
        assert window.train_end < step.tested.data.symbols[0].begins
    assert walk.efficiency is not None


def walked(ledger: Ledger, outcome: Outcome) -> WalkForward:
    objective = read_objective("total_return")
    return walk_forward(outcome.windows, outcome.trials, objective, partial(ledger.curve, "crossing-sweep-0001"))


def _grid() -> list[tuple[tuple[str, str], ...]]:
    return [(("scanner.0.fast", fast), ("scanner.0.slow", slow)) for fast in ("3", "8") for slow in ("20", "30")]


def test_the_joined_account_earns_what_the_windows_earned_one_after_the_other(whole: Whole) -> None:
    walk, grown = whole.walk, 1.0
    for step in walk.steps:
        assert step.tested is not None
        grown *= 1.0 + (step.tested.figures["total_return"] or 0.0)
    assert walk.figures["total_return"] == pytest.approx(grown - 1.0, abs=1e-12)
    assert [ts for ts, _ in walk.curve] == sorted({ts for ts, _ in walk.curve})
    assert walk.curve[-1][0] - walk.curve[0][0] > 20 * DAY


def test_a_walk_forward_that_is_cut_off_goes_on_in_the_same_windows(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(crossing(tmp_path), *CHANGES, **FACTS)
    made: list[tuple[str, int]] = []

    def trial(self: Workbench, task: Task) -> Trial:
        if len(made) == 7:
            raise KeyboardInterrupt
        made.append((task.part, task.number))
        return real(self, task)

    real = Workbench.trial
    with Ledger.at(tmp_path) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(Workbench, "trial", trial)
            assert sweeping(tmp_path, ledger, plan, processes=1).run().ending is Ending.INTERRUPTED
        notes = Notes()
        rest = sweeping(tmp_path, ledger, plan, notes, processes=1).run()
    assert rest.ending is Ending.COMPLETE
    assert rest.windows == whole.outcome.windows
    assert len(made) + len(notes.trials) == len(rest.trials)
    assert [(t.key, t.figures) for t in rest.trials] == [(t.key, t.figures) for t in whole.outcome.trials]


def test_what_contradicts_a_walk_forward_is_a_usage_error(tmp_path: Path) -> None:
    profile = crossing(tmp_path)
    for changes, facts in (
        (("universe.start=2026-01-10,2026-01-11",), FACTS),
        (CHANGES, {"gap": "1d"}),
        (CHANGES, {"walk_forward": "12d"}),
    ):
        with pytest.raises(UsageError, match="--walk-forward"):
            understand(plan_of(profile, *changes, **facts))


def test_data_of_less_than_a_window_are_told(tmp_path: Path) -> None:
    plan = plan_of(crossing(tmp_path), *CHANGES, walk_forward="40d/5d", objective="total_return")
    with Ledger.at(tmp_path) as ledger, pytest.raises(DataError, match=r"there are 41\.0 days"):
        sweeping(tmp_path, ledger, plan, processes=1).run()
