"""Which combination is tried next: all of a grid, or some that are drawn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from attrs import define, field, frozen

from atlas_core.errors import UsageError
from atlas_core.search.conditions import Condition
from atlas_core.search.ledger import Trial
from atlas_core.search.space import Setting, Space

LARGEST_GRID = 200_000
MOST_DRAWS_IN_VAIN = 10_000


@frozen
class Proposal:
    """A combination with its number, by which a search that goes on knows it again."""

    number: int
    settings: tuple[Setting, ...]


class Proposer(Protocol):
    """Names combinations one by one, and may learn from what became of them."""

    @abstractmethod
    def total(self) -> int:
        """Return how many trials there will be, as far as that can be told."""

    @abstractmethod
    def next(self) -> Proposal | None:
        """Return the next combination, None when there is none."""

    @abstractmethod
    def learn(self, trial: Trial) -> None:
        """Take notice of what became of a combination."""


@define
class Listed(Proposer):
    """Combinations that are known before the first one is tried, the same ones each time."""

    proposals: tuple[Proposal, ...]
    left_out: int = 0
    _place: int = 0

    def total(self) -> int:
        """Return the number of combinations."""
        return len(self.proposals)

    def next(self) -> Proposal | None:
        """Return the next one of the list."""
        if self._place == len(self.proposals):
            return None
        self._place += 1
        return self.proposals[self._place - 1]

    def learn(self, trial: Trial) -> None:
        """Learn nothing: what is tried does not depend on it."""


def grid(space: Space, conditions: Sequence[Condition] = ()) -> Listed:
    """Return every combination for which all conditions hold; raises UsageError for a space without a size."""
    if space.size is None:
        spans = ", ".join(key for key in space.keys if key not in _with_values(space))
        raise UsageError(f"expected a step in the range of {spans}, or --method random with --trials")
    if space.size > LARGEST_GRID:
        raise UsageError(
            f"expected at most {LARGEST_GRID:,} combinations, was {space.size:,}; take larger steps, or --method random"
        )
    every = (Proposal(number, space.combination(number)) for number in range(space.size))
    kept = tuple(proposal for proposal in every if all(c.holds(proposal.settings) for c in conditions))
    return Listed(kept, space.size - len(kept))


def _with_values(space: Space) -> set[str]:
    return {dimension.key for dimension in space.dimensions if hasattr(dimension, "values")}


def drawn(space: Space, conditions: Sequence[Condition], trials: int, seed: int) -> Listed:
    """Return so many different combinations, drawn evenly, the same ones for a seed; fewer where there are no more."""
    draws = _draws(space, np.random.Generator(np.random.PCG64(seed)))
    found: dict[tuple[Setting, ...], None] = {}
    in_vain = left_out = 0
    while len(found) < trials and in_vain < MOST_DRAWS_IN_VAIN and len(found) != space.size:
        settings = next(draws)
        holds = all(condition.holds(settings) for condition in conditions)
        in_vain = in_vain + 1 if settings in found or not holds else 0
        left_out += not holds
        if holds:
            found.setdefault(settings)
    return Listed(tuple(Proposal(number, settings) for number, settings in enumerate(found)), left_out)


def _draws(space: Space, generator: np.random.Generator) -> Iterator[tuple[Setting, ...]]:
    while True:
        yield space.drawn(generator.random(len(space.dimensions)).tolist())


@define
class Single(Proposer):
    """One combination, chosen before."""

    proposal: Proposal
    _is_named: bool = field(default=False)

    def total(self) -> int:
        """Return one."""
        return 1

    def next(self) -> Proposal | None:
        """Return the combination the first time."""
        if self._is_named:
            return None
        self._is_named = True
        return self.proposal

    def learn(self, trial: Trial) -> None:
        """Learn nothing."""
