"""What makes trials: the profile, the plugins and the history of a sweep, known once in each process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal

from attrs import define, evolve, field, frozen
from loguru import logger

from atlas_core.children import end_with_parent
from atlas_core.clock import Stopwatch
from atlas_core.compose import compose
from atlas_core.errors import AtlasError, ContractError, DataError, ProfileError
from atlas_core.plugins import Registry, discover
from atlas_core.profile import Profile
from atlas_core.profile.document import Document, read_document
from atlas_core.profile.load import Known, plugin_filter, resolved
from atlas_core.report.catalogue import metric_values
from atlas_core.runs import Mode
from atlas_core.search.history import Histories, SharedHistory
from atlas_core.search.knowing import system_digest
from atlas_core.search.ledger import Trial, TrialStatus
from atlas_core.search.limits import TrialLimit
from atlas_core.search.space import Setting
from atlas_core.search.trial import run_trial, span_of_run

_REASON_LENGTH = 500
_CHOOSES_DATA = ("universe.", "provider.")


@frozen(kw_only=True)
class Assignment:
    """What every trial of a sweep has in common; small, so that it can be sent with each.

    `token` stands for the whole in comparisons: a process that knows it need not look at the rest. `texts` holds what
    the profile's files said when the sweep began, by path: nobody reads them again.
    """

    token: str
    profile: str = field(eq=False)
    texts: Mapping[str, str] = field(eq=False, repr=False)
    base: str = field(eq=False)
    fixed: tuple[Setting, ...] = field(eq=False)
    metrics: tuple[str, ...] = field(eq=False)
    histories: tuple[SharedHistory, ...] = field(eq=False, default=(), repr=False)
    limit: TrialLimit | None = field(eq=False, default=None)


@frozen(kw_only=True)
class Task:
    """One trial to make; `span` holds the start and end of a window, which come last."""

    number: int
    settings: tuple[Setting, ...]
    part: str = ""
    span: tuple[Setting, ...] = ()


@define
class Workbench:
    """Makes trials one after the other in this process."""

    assignment: Assignment
    registry: Registry
    histories: Histories = field(factory=Histories)
    _document: Document = field(init=False)
    _known: Known = field(factory=Known, init=False)

    @_document.default
    def _read(self) -> Document:
        return read_document(Path(self.assignment.profile), texts=texts_of(self.assignment))

    @classmethod
    def of(cls, assignment: Assignment) -> Workbench:
        """Discover the plugins that the profile allows, and hold the histories that are shared."""
        allowed = plugin_filter(assignment.profile, overrides=assignment.fixed, texts=texts_of(assignment))
        bench = cls(assignment, discover(block=allowed.block, only=allowed.only))
        bench.histories.adopt(assignment.histories)
        return bench

    def profile(self, task: Task) -> Profile:
        """Return the profile of a trial; raises ProfileError."""
        overrides = (*self.assignment.fixed, *task.settings, *task.span)
        path = Path(self.assignment.profile)
        document = self._document.copy()
        return resolved(document, path, self.registry, overrides, resolve_secrets=True, known=self._known)

    def span(self, task: Task) -> tuple[int, int]:
        """Return where the run of a trial begins and ends (nanoseconds UTC); raises what `trial` and its profile do."""
        return span_of_run(compose(self.profile(task), Mode.BACKTEST), self.histories)

    def reach(self, task: Task) -> None:
        """Read the history that a trial needs; one whose profile or data cannot be needs none."""
        try:
            self.span(task)
        except (ProfileError, DataError):
            return

    def trial(self, task: Task) -> Trial:
        """Make one trial. A profile that cannot be and a component that fails are results.

        So are data that are not there, where the settings choose them. Raises DataError otherwise, PluginError,
        VenueError and what else is no fault of the trial's settings.
        """
        watch, trial = Stopwatch(), self.failed(task, "")
        try:
            run = run_trial(compose(self.profile(task), Mode.BACKTEST), self.histories)
        except ProfileError as fault:
            return evolve(trial, status=TrialStatus.INVALID, reason=_first(fault), seconds=watch.seconds())
        except DataError as fault:
            if not any(key.startswith(_CHOOSES_DATA) for key, _ in task.settings):
                raise
            return evolve(
                trial, status=TrialStatus.INVALID, reason=str(fault)[:_REASON_LENGTH], seconds=watch.seconds()
            )
        except ContractError as fault:
            return evolve(trial, reason=str(fault)[:_REASON_LENGTH], seconds=watch.seconds())
        return evolve(
            trial,
            status=TrialStatus.FINISHED,
            data=run.data,
            figures=metric_values(run.results, self.assignment.metrics),
            curve=run.results.daily_curve(),
            seconds=watch.seconds(),
        )

    def failed(self, task: Task, reason: str) -> Trial:
        """Return a trial that has no figures, and why."""
        return Trial(
            number=task.number,
            part=task.part,
            settings=task.settings,
            system=system_digest(self.assignment.base, (*self.assignment.fixed, *task.settings)),
            status=TrialStatus.FAILED,
            reason=reason,
        )


def texts_of(assignment: Assignment) -> dict[Path, str]:
    """Return the texts of the profile's files by their resolved paths."""
    return {Path(path): text for path, text in assignment.texts.items()}


def _first(fault: ProfileError) -> str:
    more = len(fault.problems) - 1
    return str(fault.problems[0])[:_REASON_LENGTH] + (f" (and {more} more)" if more else "")


@lru_cache(maxsize=1)
def bench_of(assignment: Assignment) -> Workbench:
    """Return the workbench of this process, made when the first trial of an assignment arrives."""
    return Workbench.of(assignment)


def make_trial(assignment: Assignment, task: Task) -> Trial:
    """Make a trial in a worker process, which ends with it when it takes longer than it may.

    A scheduler that hands out such a trial once more is answered at once.
    """
    bench, limit = bench_of(assignment), assignment.limit
    if limit is not None and (reason := limit.told(task.part, task.number)):
        return bench.failed(task, reason)
    try:
        with nullcontext() if limit is None else limit.kept(task.part, task.number):
            return bench.trial(task)
    except AtlasError as fault:
        # Pickled as it is, a fault of several arguments would break the pool that carries it.
        raise type_of(fault)(str(fault)) from None


def type_of(fault: AtlasError) -> type[AtlasError]:
    """Return the class to raise anew, one that takes a message only."""
    return next(kind for kind in type(fault).__mro__ if "__init__" not in vars(kind) and issubclass(kind, AtlasError))


def begin_worker() -> None:
    """Prepare a process of the pool: Ctrl-C is for the parent to hear, and without a parent there is no work."""
    signal(SIGINT, SIG_IGN)
    logger.remove()
    logger.add(sys.stderr, level="ERROR", format="worker: {message}")
    end_with_parent()
