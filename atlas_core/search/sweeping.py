"""A whole sweep: from its plan to the trials of its parts, here or by others."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field, frozen

from atlas_core.errors import UsageError
from atlas_core.plugins import Registry
from atlas_core.search.conditions import Condition, read_condition
from atlas_core.search.conducting import WHOLE, Conductor, Ending, Part, SearchWatch
from atlas_core.search.ledger import Ledger, Trial
from atlas_core.search.objective import Objective, read_objective
from atlas_core.search.plan import Plan, Sweep
from atlas_core.search.proposals import Proposal, Proposer, Single, drawn, grid
from atlas_core.search.space import Choices, Setting, Space, read_space
from atlas_core.search.worker import Assignment, Task, Workbench, metrics_of_trials
from atlas_core.search.workers import Cluster, ProcessPool, Workers, usable_processors

METHODS = ("grid", "random", "tpe")
WORTHWHILE_SECONDS = 3.0
"""Work left for one process from which on others are started without being asked for."""


@frozen(kw_only=True)
class Staff:
    """Who shall make the trials: so many processes (None: as many as pay), or the cluster at an address."""

    processes: int | None = None
    cluster: str = ""
    timeout_seconds: float | None = None


@frozen
class Search:
    """A plan that has been understood."""

    plan: Plan
    fixed: tuple[Setting, ...]
    space: Space
    conditions: tuple[Condition, ...]
    objective: Objective

    def proposer(self) -> Proposer:
        """Return what names the combinations of the whole search; raises UsageError."""
        if self.plan.method == "random":
            return drawn(self.space, self.conditions, self._trials(), self.plan.seed)
        return grid(self.space, self.conditions)

    def _trials(self) -> int:
        if self.plan.trials is None:
            raise UsageError(f"expected --trials N with --method {self.plan.method}")
        return self.plan.trials

    def assignment(self) -> Assignment:
        """Return what the trials have in common."""
        return Assignment(
            token=self.plan.digest,
            profile=self.plan.profile,
            base=self.plan.base,
            fixed=self.fixed,
            metrics=metrics_of_trials(self.objective.metric.name),
        )


def understand(plan: Plan) -> Search:
    """Read the texts of a plan; raises UsageError or NotFound with what is wrong and what was expected."""
    if plan.method not in METHODS:
        raise UsageError(f"expected one of the methods {', '.join(METHODS)}, was {plan.method!r}")
    if plan.method == "grid" and plan.trials is not None:
        raise UsageError("expected --trials with --method random or tpe: a grid tries every combination")
    fixed, space = read_space(plan.changes)
    conditions = tuple(read_condition(text, space.keys) for text in plan.conditions)
    return Search(plan, fixed, space, conditions, read_objective(plan.objective, plan.min_trades))


@frozen
class Outcome:
    """What a sweep has found so far, and why it stopped."""

    trials: tuple[Trial, ...]
    ending: Ending


@define
class Sweeping:
    """One sweep at work."""

    sweep: Sweep
    search: Search
    ledger: Ledger
    registry: Registry
    watch: SearchWatch
    staff: Staff
    bench: Workbench = field(init=False)
    conductor: Conductor = field(init=False)

    @bench.default
    def _workbench(self) -> Workbench:
        return Workbench(self.search.assignment(), self.registry)

    @conductor.default
    def _conductor(self) -> Conductor:
        return Conductor(
            sweep=self.sweep.sweep_id,
            ledger=self.ledger,
            bench=self.bench,
            watch=self.watch,
            recruit=self._recruited,
            timeout_seconds=self.staff.timeout_seconds,
        )

    def run(self) -> Outcome:
        """Make what is left to make; raises KeyboardInterrupt at the second one and what no trial can help."""
        at_once = True
        try:
            proposer = self.search.proposer()
            trials = self.conductor.run(WHOLE, proposer)
            at_once = False
        finally:
            self.conductor.close(at_once=at_once)
        ending = Ending.COMPLETE if len(trials) >= proposer.total() else self.conductor.ending
        if ending is Ending.COMPLETE:
            self.sweep.completed()
        return Outcome(trials, ending)

    def run_part(self, part: Part, proposal: Proposal) -> Trial | None:
        """Make one trial of a part, None where the sweep ended before."""
        trials = self.conductor.run(part, Single(proposal))
        return trials[0] if trials else None

    def _recruited(self, seconds: float, left: int) -> Workers | None:
        """Return processes or a cluster when they were asked for, or when so much is left that they pay."""
        if self.staff.cluster:
            return Cluster(self._shared(), self.staff.cluster)
        wanted = self.staff.processes
        if wanted is None:
            wanted = usable_processors() if seconds * left > WORTHWHILE_SECONDS else 1
        return ProcessPool(self._shared(), min(wanted, left)) if wanted > 1 else None

    def _shared(self) -> Assignment:
        """Write the bars of all trials to memory maps; return what tells others where they lie."""
        for settings in corners(self.search.space):
            self.bench.reach(Task(number=0, settings=settings))
        histories = self.bench.histories.share(self.sweep.bars)
        return evolve(self.bench.assignment, histories=histories)


def corners(space: Space) -> Sequence[tuple[Setting, ...]]:
    """Return combinations that together need all history: first, last, and each value of each other dimension."""
    first = tuple((dimension.key, dimension.at(0.0)) for dimension in space.dimensions)
    last = tuple((dimension.key, dimension.at(1.0)) for dimension in space.dimensions)
    found = {first: None, last: None}
    for place, dimension in enumerate(space.dimensions):
        values = dimension.values if isinstance(dimension, Choices) and not dimension.is_numeric else (last[place][1],)
        for value in values:
            found.setdefault((*first[:place], (dimension.key, value), *first[place + 1 :]))
    return tuple(found)
