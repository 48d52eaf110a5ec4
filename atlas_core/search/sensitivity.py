"""Whether the best combination stands on a plateau or on a peak: what its neighbours keep of its advantage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from attrs import frozen

from atlas_core.search.ledger import Trial
from atlas_core.search.objective import Objective
from atlas_core.search.space import Choices, Setting, Space

PLATEAU = 0.5
"""Share of the advantage over the median trial that the neighbours of a plateau keep at least."""


@frozen(kw_only=True)
class Sensitivity:
    """The neighbours of the best trial: those one step away in one numeric dimension, the others equal.

    `kept` is `(median of the neighbours - median of all) / (best - median of all)`: 1 where a step costs nothing, 0
    where it costs the whole advantage. None where there is no advantage, or where no neighbour was tried.
    """

    best: float
    neighbours: tuple[float, ...]
    possible: int
    median_of_all: float
    kept: float | None

    @property
    def word(self) -> str:
        """Return `plateau` or `peak`, or that it is not known."""
        if self.kept is None:
            return "not known"
        return "plateau" if self.kept >= PLATEAU else "peak"


def sensitivity(space: Space, objective: Objective, trials: Sequence[Trial]) -> Sensitivity | None:
    """Return how the best trial compares with its neighbours; None without a trial that counts."""
    values = {frozenset(t.settings): value for t in trials if (value := objective.value(t)) is not None}
    best = objective.best(trials)
    if best is None:
        return None
    around = neighbours_of(space, best.settings)
    known = tuple(values[key] for settings in around if (key := frozenset(settings)) in values)
    highest, middle = values[frozenset(best.settings)], median(values.values())
    advantage = highest - middle
    kept = (median(known) - middle) / advantage if known and not math.isclose(advantage, 0.0, abs_tol=1e-12) else None
    return Sensitivity(best=highest, neighbours=known, possible=len(around), median_of_all=middle, kept=kept)


def neighbours_of(space: Space, settings: Sequence[Setting]) -> tuple[tuple[Setting, ...], ...]:
    """Return the combinations one step away along each dimension of numbers."""
    values = dict(settings)
    found = []
    for dimension in space.dimensions:
        if not isinstance(dimension, Choices) or not dimension.is_numeric:
            continue
        place = dimension.position(values[dimension.key])
        for beside in (place - 1, place + 1):
            if 0 <= beside < len(dimension):
                changed = values | {dimension.key: dimension.values[beside]}
                found.append(space.linked(tuple((key, changed[key]) for key in space.keys)))
    return tuple(found)
