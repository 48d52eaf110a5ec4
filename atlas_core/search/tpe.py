"""Combinations that Optuna's tree-structured Parzen estimator chooses, learning from each trial."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from atlas_core.errors import MissingExtra
from atlas_core.search.conditions import Condition
from atlas_core.search.ledger import Trial
from atlas_core.search.objective import Objective
from atlas_core.search.proposals import MOST_DRAWS_IN_VAIN, Proposal, Proposer
from atlas_core.search.space import Choices, Dimension, Setting, Space, number_text

STORAGE_NAME = "optuna.log"
MOST_ASKS_IN_VAIN = 20
_PASSED_OVER = "passed_over"


class Tpe(Proposer):
    """Asks a study in a file for combinations, and tells it what became of them.

    Akiba and others, Optuna, 2019; Bergstra and others, Algorithms for Hyper-Parameter Optimization, 2011. What was
    asked for and never told, because the process died, is proposed again first. Several trials at a time are pushed
    apart (constant liar), and what is proposed then depends on the order in which they end.
    """

    def __init__(
        self,
        space: Space,
        conditions: Sequence[Condition],
        objective: Objective,
        trials: int,
        seed: int,
        storage: Path,
        part: str = "",
    ) -> None:
        self._space, self._conditions, self._objective = space, conditions, objective
        self._wanted, self._seed = trials, seed
        self._optuna = _optuna()
        _mend(storage)
        self._study = self._opened(storage, part or "all", seed)
        self._distributions = {dimension.key: self._distribution(dimension) for dimension in space.dimensions}
        self._unfinished = [trial for trial in self._study.trials if trial.state == self._states.RUNNING]
        self._given = sum(_PASSED_OVER not in trial.user_attrs for trial in self._study.trials) - len(self._unfinished)
        known = (trial for trial in self._study.trials if _PASSED_OVER not in trial.user_attrs)
        self._seen = {self._settings(trial.params) for trial in known}

    @property
    def _states(self) -> Any:
        return self._optuna.trial.TrialState

    def total(self) -> int:
        """Return how many trials are wanted, or how many there were when nothing new was found any more."""
        return self._wanted

    def next(self) -> Proposal | None:
        """Return what the study chooses, the same combination never twice."""
        if self._given >= self._wanted:
            return None
        if self._unfinished:
            self._given += 1
            trial = self._unfinished.pop(0)
            return Proposal(trial.number, self._settings(trial.params))
        found = self._asked() or self._drawn()
        if found is None:
            self._wanted = self._given
        return found

    def _asked(self) -> Proposal | None:
        """Return what the study chooses, None when it does not get away from what was tried or is forbidden."""
        for _ in range(MOST_ASKS_IN_VAIN):
            with _quietly():
                asked = self._study.ask(self._distributions)
            settings = self._settings(asked.params)
            if self._is_new(settings):
                return self._proposal(asked.number, settings)
            asked.set_user_attr(_PASSED_OVER, True)
            self._study.tell(asked.number, state=self._states.FAIL)
        return None

    def _drawn(self) -> Proposal | None:
        """Return a combination that is drawn evenly, and asked of the study so that it learns from it."""
        generator = np.random.Generator(np.random.PCG64([self._seed, len(self._seen)]))
        for _ in range(MOST_DRAWS_IN_VAIN):
            settings = self._space.drawn(generator.random(len(self._space.dimensions)).tolist())
            if self._is_new(settings):
                with _quietly():
                    self._study.enqueue_trial(self._params(settings))
                    asked = self._study.ask(self._distributions)
                return self._proposal(asked.number, self._settings(asked.params))
        return None

    def _is_new(self, settings: tuple[Setting, ...]) -> bool:
        return settings not in self._seen and all(condition.holds(settings) for condition in self._conditions)

    def _proposal(self, number: int, settings: tuple[Setting, ...]) -> Proposal:
        self._seen.add(settings)
        self._given += 1
        return Proposal(number, settings)

    def learn(self, trial: Trial) -> None:
        """Tell the study the figure of a trial, or that it has none."""
        value = self._objective.value(trial)
        with _quietly():
            if value is None:
                self._study.tell(trial.number, state=self._states.FAIL, skip_if_finished=True)
            else:
                self._study.tell(trial.number, value, skip_if_finished=True)

    def _opened(self, storage: Path, name: str, seed: int) -> Any:
        optuna = self._optuna
        with _quietly():
            file = optuna.storages.journal.JournalFileBackend(str(storage))
            study = optuna.create_study(
                storage=optuna.storages.JournalStorage(file),
                study_name=name,
                load_if_exists=True,
                direction="maximize" if self._objective.is_maximised else "minimize",
            )
            # A study that goes on must not draw again what it drew at its beginning.
            study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials), constant_liar=True)
        return study

    def _distribution(self, dimension: Dimension) -> Any:
        distributions = self._optuna.distributions
        if not isinstance(dimension, Choices):
            return distributions.FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.is_log)
        if dimension.is_numeric:
            return distributions.IntDistribution(0, len(dimension) - 1)
        return distributions.CategoricalDistribution(dimension.values)

    def _settings(self, params: dict[str, Any]) -> tuple[Setting, ...]:
        own = ((dimension.key, _text(dimension, params[dimension.key])) for dimension in self._space.dimensions)
        return self._space.linked(tuple(own))

    def _params(self, settings: tuple[Setting, ...]) -> dict[str, Any]:
        values = dict(settings)
        return {dimension.key: _param(dimension, values[dimension.key]) for dimension in self._space.dimensions}


def _text(dimension: Dimension, value: Any) -> str:
    if not isinstance(dimension, Choices):
        text = number_text(value)  # six digits may lie beyond an end
        return str(min(max(Decimal(text), dimension.low), dimension.high))
    return dimension.values[value] if dimension.is_numeric else str(value)


def _param(dimension: Dimension, value: str) -> Any:
    if not isinstance(dimension, Choices):
        return float(value)
    return dimension.position(value) if dimension.is_numeric else value


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise MissingExtra("--method tpe", ["optuna"], 'install it: pip install "atlas-trading[research]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextmanager
def _quietly() -> Iterator[None]:
    """Pass over warnings that a part of Optuna may still change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mend(storage: Path) -> None:
    """Remove what a process that died while it wrote left behind: half a line, and its lock.

    The sweep's own lock says that nobody else writes.
    """
    for lock in storage.parent.glob(f"{storage.name}.lock*"):
        lock.unlink(missing_ok=True)
    if storage.exists():
        whole = storage.read_bytes().rpartition(b"\n")
        if whole[2]:
            storage.write_bytes(whole[0] + whole[1])
