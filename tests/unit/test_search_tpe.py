"""The search by Optuna: it learns, it repeats nothing, and a study that was cut off goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.errors import MissingExtra
from atlas_core.search.conditions import read_condition
from atlas_core.search.conducting import Ending
from atlas_core.search.ledger import Ledger, Trial, TrialStatus
from atlas_core.search.objective import read_objective
from atlas_core.search.proposals import Proposal
from atlas_core.search.space import read_space
from atlas_core.search.tpe import STORAGE_NAME, Tpe
from atlas_core.search.worker import Task, Workbench
from tests.search_profile import Notes, crossing, plan_of, sweeping

CHANGES = ("a.x=0:40:1", "a.y=-3:3", "a.z=one,two")
FACTS = {"method": "tpe", "trials": 6, "objective": "total_return"}


def study(folder: Path, trials: int = 40, *where: str, changes: tuple[str, ...] = CHANGES) -> Tpe:
    _, space = read_space(changes)
    conditions = [read_condition(text, space.keys) for text in where]
    return Tpe(space, conditions, read_objective("total_return"), trials, 3, folder / STORAGE_NAME)


def judged(proposal: Proposal) -> Trial:
    """A hill with its top at x = 30, z = two."""
    values = dict(proposal.settings)
    value = -abs(int(values["a.x"]) - 30) / 10 + (values["a.z"] == "two")
    figures = {"total_return": value, "trades": 5.0}
    return Trial(number=proposal.number, settings=proposal.settings, status=TrialStatus.FINISHED, figures=figures)


def followed(tpe: Tpe, count: int = 1_000) -> list[Trial]:
    trials: list[Trial] = []
    while len(trials) < count and (proposal := tpe.next()) is not None:
        trials.append(judged(proposal))
        tpe.learn(trials[-1])
    return trials


def test_it_learns_where_the_best_is_and_tries_nothing_twice(tmp_path: Path) -> None:
    trials = followed(study(tmp_path, 24))
    assert len(trials) == len({trial.settings for trial in trials}) == 24
    values = [trial.figures["total_return"] or 0.0 for trial in trials]
    assert sum(values[12:]) > sum(values[:12]) + 2
    assert max(values) > 0.7


def test_the_same_seed_proposes_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert followed(study(tmp_path / "a", 12)) == followed(study(tmp_path / "b", 12))


def test_what_a_condition_forbids_is_never_proposed(tmp_path: Path) -> None:
    trials = followed(study(tmp_path, 6, "x < 10 and z == 'two'"))
    assert len(trials) == 6
    assert all(int(dict(trial.settings)["a.x"]) < 10 for trial in trials)


def test_a_small_space_comes_to_an_end(tmp_path: Path) -> None:
    tpe = study(tmp_path, 50, changes=("a.x=28,30,32", "a.z=one,two"))
    assert len(followed(tpe)) == 6
    assert tpe.total() == 6


def test_a_study_that_was_cut_off_goes_on_with_what_was_asked_last(tmp_path: Path) -> None:
    first = study(tmp_path, 10)
    told = followed(first, 4)
    lost = first.next()
    log = tmp_path / STORAGE_NAME
    log.write_bytes(log.read_bytes() + b'{"op_code": 6, "half a li')
    (tmp_path / f"{STORAGE_NAME}.lock").symlink_to("nowhere")
    second = study(tmp_path, 10)
    again = second.next()
    assert again == lost
    second.learn(judged(again))  # type: ignore[arg-type]
    rest = followed(second)
    assert len({trial.settings for trial in (*told, *rest)} | {again.settings}) == 10  # type: ignore[union-attr]


def test_a_sweep_by_tpe_repeats_no_finished_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(crossing(tmp_path), "scanner.0.fast=2:12:1", "exit.stop.pct=0.5:4", **FACTS)
    real, made = Workbench.trial, []

    def trial(self: Workbench, task: Task) -> Trial:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(task.settings)
        return real(self, task)

    with Ledger.at(tmp_path) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(Workbench, "trial", trial)
            assert sweeping(tmp_path, ledger, plan, processes=1).run().ending is Ending.INTERRUPTED
        notes = Notes()
        outcome = sweeping(tmp_path, ledger, plan, notes, processes=1).run()
    assert outcome.ending is Ending.COMPLETE
    assert len({trial.settings for trial in outcome.trials}) == len(outcome.trials) == 6
    assert len(notes.trials) == 3


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"atlas-trading\[research\]"):
        study(tmp_path)
