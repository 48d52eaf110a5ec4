"""A whole sweep: from its plan to the trials of its parts, here or by others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree

from attrs import define, evolve, field, frozen

from atlas_core.errors import ProfileError, UsageError
from atlas_core.options.problems import UNKNOWN_KEY
from atlas_core.plugins import Registry
from atlas_core.problem import Problem
from atlas_core.profile.document import COMMAND_LINE, profile_texts
from atlas_core.search.conditions import Condition, read_condition
from atlas_core.search.conducting import WHOLE, Conductor, Ending, Part, SearchWatch
from atlas_core.search.knowing import SPAN_KEYS, metrics_of_trials
from atlas_core.search.ledger import Ledger, Trial
from atlas_core.search.limits import TrialLimit
from atlas_core.search.objective import Objective, read_objective
from atlas_core.search.plan import Plan, Sweep
from atlas_core.search.proposals import Proposal, Proposer, Single, drawn, grid
from atlas_core.search.space import Choices, Setting, Space, read_space
from atlas_core.search.walk_forward import tested_part, train_part
from atlas_core.search.windows import Steps, Window, read_steps
from atlas_core.search.worker import Assignment, Task, Workbench
from atlas_core.search.workers import Cluster, ProcessPool, Workers, usable_processors

_HUNG = "hung"
METHODS = ("grid", "random", "tpe")
WORTHWHILE_SECONDS = 3.0
"""Work left for one process from which on others are started without being asked for."""


@frozen(kw_only=True)
class Staff:
    """Who shall make the trials: so many processes (None: as many as pay), or the cluster at an address.

    `timeout_seconds` ends the handing out, `trial_seconds` each trial that takes longer.
    """

    processes: int | None = None
    cluster: str = ""
    timeout_seconds: float | None = None
    trial_seconds: float | None = None


@frozen
class Search:
    """A plan that has been understood."""

    plan: Plan
    fixed: tuple[Setting, ...]
    space: Space
    conditions: tuple[Condition, ...]
    objective: Objective

    def proposer(self, directory: Path, part: str = "") -> Proposer:
        """Return what names the combinations of a part; a method that learns keeps what it knows in `directory`.

        Raises UsageError for a space that the method cannot try, MissingExtra without Optuna.
        """
        if self.plan.method == "tpe":
            from atlas_core.search.tpe import STORAGE_NAME, Tpe

            storage, trials = directory / STORAGE_NAME, self._trials()
            return Tpe(self.space, self.conditions, self.objective, trials, self.plan.seed, storage, part)
        if self.plan.method == "random":
            return drawn(self.space, self.conditions, self._trials(), self.plan.seed)
        return grid(self.space, self.conditions)

    def expect_method(self) -> None:
        """Raise UsageError when the method cannot try the space, before anything is kept of it."""
        if self.plan.method == "grid":
            grid(self.space, self.conditions)
        else:
            self._trials()

    def _trials(self) -> int:
        if self.plan.trials is None:
            raise UsageError(f"expected --trials N with --method {self.plan.method}")
        return self.plan.trials

    def steps(self) -> Steps:
        """Return how the windows of a walk-forward follow each other; raises UsageError."""
        return read_steps(self.plan.walk_forward, self.plan.gap, is_anchored=self.plan.anchored)

    def assignment(self) -> Assignment:
        """Return what the trials have in common."""
        return Assignment(
            token=self.plan.digest,
            profile=self.plan.profile,
            texts={str(path): text for path, text in profile_texts(Path(self.plan.profile)).items()},
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
    _expect_steps(plan, space)
    conditions = tuple(read_condition(text, space.keys) for text in plan.conditions)
    search = Search(plan, fixed, space, conditions, read_objective(plan.objective, plan.min_trades))
    search.expect_method()
    return search


def expect_keys(search: Search, registry: Registry) -> None:
    """Raise ProfileError for a key that no profile of the space knows, before anything is tried."""
    bench, first, last = Workbench(search.assignment(), registry), *corners(search.space)[:2]
    strangers: list[list[Problem]] = []
    for settings in (first, last):
        try:
            bench.profile(Task(number=0, settings=settings))
        except ProfileError as fault:
            strangers.append([problem for problem in fault.problems if _is_unknown(problem)])
        else:
            return
    if all(strangers):
        raise ProfileError(strangers[0])


def _is_unknown(problem: Problem) -> bool:
    """Tell whether a key of the command line leads nowhere: to no table of the profile, or to no key of one."""
    return problem.file == COMMAND_LINE and (not problem.table or problem.message.startswith(UNKNOWN_KEY))


def _expect_steps(plan: Plan, space: Space) -> None:
    if not plan.walk_forward:
        if plan.gap or plan.anchored:
            raise UsageError("expected --walk-forward TRAIN/TEST with --gap or --anchored")
        return
    read_steps(plan.walk_forward, plan.gap)
    moving = [key for key in space.keys if key in SPAN_KEYS]
    if moving:
        raise UsageError(f"expected --walk-forward to move the span alone, was also --set {moving[0]}")


@frozen
class Outcome:
    """What a sweep has found so far, why it stopped, and the windows of a walk-forward."""

    trials: tuple[Trial, ...]
    ending: Ending
    windows: tuple[Window, ...] = ()


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
        seconds, folder = self.staff.trial_seconds, self.sweep.directory / _HUNG
        rmtree(folder, ignore_errors=True)
        limit = None if seconds is None else TrialLimit(seconds=seconds, folder=folder)
        return Workbench(evolve(self.search.assignment(), limit=limit), self.registry)

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
            outcome = self._walked() if self.search.plan.walk_forward else self._whole()
            at_once = False
        finally:
            self.conductor.close(at_once=at_once)
        if outcome.ending is Ending.COMPLETE:
            self.sweep.completed()
        return outcome

    def _whole(self) -> Outcome:
        proposer = self.search.proposer(self.sweep.directory)
        trials = self.conductor.run(WHOLE, proposer)
        return Outcome(trials, Ending.COMPLETE if len(trials) >= proposer.total() else self.conductor.ending)

    def _walked(self) -> Outcome:
        """Choose on the first stretch of each window, and try the choice on its second."""
        if not self.sweep.windows:
            self.sweep = self.sweep.stepping(self._windows())
        windows, trials = self.sweep.windows, list[Trial]()
        for window in windows:
            proposer = self.search.proposer(self.sweep.directory, train_part(window))
            later = (len(windows) - window.number) * (proposer.total() + 1) + 1
            part = Part(name=train_part(window), span=window.train, later=later)
            tried = self.conductor.run(part, proposer)
            trials += tried
            best = self.search.objective.best(tried)
            if self.conductor.ending is Ending.COMPLETE and best is not None:
                part = Part(name=tested_part(window), span=window.test, later=later - 1)
                trials += self.conductor.run(part, Single(Proposal(best.number, best.settings)))
        return Outcome(tuple(trials), self.conductor.ending, windows)

    def _windows(self) -> tuple[Window, ...]:
        """Lay the windows over the data of the first combination whose profile can be."""
        steps = self.search.steps()
        fault: ProfileError | None = None
        for settings in corners(self.search.space):
            try:
                return steps.windows(*self.bench.span(Task(number=0, settings=settings)))
            except ProfileError as problem:
                fault = fault or problem
        assert fault is not None
        raise fault

    def _recruited(self, seconds: float, left: int) -> Workers | None:
        """Return processes or a cluster when they were asked for, or when so much is left that they pay."""
        if self.staff.cluster:
            return Cluster(self._shared(), self.staff.cluster)
        wanted, is_limited = self.staff.processes, self.staff.trial_seconds is not None
        if wanted is None:
            wanted = usable_processors() if is_limited or seconds * left > WORTHWHILE_SECONDS else 1
        count = min(wanted, left)
        return ProcessPool(self._shared(), count) if count > 1 or is_limited else None

    def _shared(self) -> Assignment:
        """Write the bars of all trials to memory maps; return what tells others where they lie."""
        windows = self.sweep.windows
        spans = (windows[0].train, windows[-1].test) if windows else ((),)
        for settings in corners(self.search.space):
            for span in spans:
                self.bench.reach(Task(number=0, settings=settings, span=span))
        histories = self.bench.histories.share(self.sweep.bars)
        return evolve(self.bench.assignment, histories=histories)


def corners(space: Space) -> Sequence[tuple[Setting, ...]]:
    """Return combinations that together need all history: first, last, and each value of each other dimension."""
    first = tuple((dimension.key, dimension.at(0.0)) for dimension in space.dimensions)
    last = tuple((dimension.key, dimension.at(1.0)) for dimension in space.dimensions)
    found = dict.fromkeys((first, last))
    for place, dimension in enumerate(space.dimensions):
        values = dimension.values if isinstance(dimension, Choices) and not dimension.is_numeric else (last[place][1],)
        for value in values:
            found.setdefault((*first[:place], (dimension.key, value), *first[place + 1 :]))
    return tuple(space.linked(settings) for settings in found)
