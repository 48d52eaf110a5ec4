"""The loop of a sweep: hands trials out, keeps each result at once, and ends in good order whenever it is asked to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from enum import StrEnum
from typing import Protocol

from attrs import define, evolve, field, frozen

from atlas_core.clock import LiveClock, Stopwatch
from atlas_core.errors import DataError
from atlas_core.search.ledger import Ledger, Trial, TrialStatus
from atlas_core.search.limits import TrialLimit
from atlas_core.search.proposals import Proposer
from atlas_core.search.space import Setting
from atlas_core.search.worker import Task, Workbench
from atlas_core.search.workers import ThisProcess, Workers

POLL_SECONDS = 0.5
WONDER_SECONDS = 60.0
DIED = "its worker process died twice (killed, or out of memory)"


class Ending(StrEnum):
    """Why no more trials are handed out."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    TIME_OUT = "time-out"


class SearchWatch(Protocol):
    """Follows a search; never influences it."""

    @abstractmethod
    def begun(self, part: str, total: int, kept: int) -> None:
        """Learn that a part with `total` trials begins, of which `kept` are known from before."""

    @abstractmethod
    def made(self, trial: Trial) -> None:
        """Learn what became of a trial."""

    @abstractmethod
    def told(self, text: str) -> None:
        """Learn something that a person should know."""


@frozen(kw_only=True)
class Part:
    """The whole search, or one window of a walk-forward: the span of its data, last of all settings.

    `later` is how many trials of other parts will follow.
    """

    name: str = ""
    span: tuple[Setting, ...] = ()
    later: int = 0


WHOLE = Part()

Recruiter = Callable[[float, int], Workers | None]
"""Given the seconds of a trial and how many are left: who shall make them, None for this process."""


@define
class Conductor:
    """Takes parts of a search from proposer to ledger.

    The first trial that finishes is made by this process: a fault that hits every trial is known before others are
    called, and what a trial takes says whether calling them pays.
    """

    sweep: str
    ledger: Ledger
    bench: Workbench
    watch: SearchWatch
    recruit: Recruiter
    timeout_seconds: float | None = None
    ending: Ending = Ending.COMPLETE
    workers: Workers = field(init=False)
    _watch_time: Stopwatch = field(factory=Stopwatch)
    _since_last: Stopwatch = field(factory=Stopwatch)
    _has_wondered: bool = False
    _is_recruited: bool = False
    _outstanding: dict[Future[Trial], Task] = field(factory=dict)
    _suspects: list[Task] = field(factory=list)
    _again: list[Task] = field(factory=list)
    _is_renewal_due: bool = False
    _deaths: dict[tuple[str, int], int] = field(factory=dict)
    _identities: dict[tuple[str, str], str] = field(factory=dict)

    @workers.default
    def _this_process(self) -> Workers:
        return ThisProcess(self.bench)

    def run(self, part: Part, proposer: Proposer) -> tuple[Trial, ...]:
        """Make every trial of a part that the ledger does not have; return those that are known at the end.

        When it was interrupted or its time is over, `ending` says so and the rest is left. A second interruption is
        raised. Raises what no trial can help (DataError, PluginError, VenueError).
        """
        known = {trial.number: trial for trial in self.ledger.trials(self.sweep, part.name)}
        for trial in known.values():
            self._expect_same_data(trial)
        left = proposer.total() - len(known)
        self.watch.begun(part.name, proposer.total(), len(known))
        if self._limit is not None and not self._is_recruited and left > 0 and not self.is_over:
            self._recruit(0.0, left + part.later)  # what hangs in this process would hold up everything
        try:
            self._make(part, proposer, known)
        except KeyboardInterrupt:
            self.ending = Ending.INTERRUPTED
            if self._outstanding:
                self.watch.told("ends when the trials that run are over; Ctrl-C again ends at once")
            self._make(part, proposer, known)
        return tuple(known[number] for number in sorted(known))

    def close(self, *, at_once: bool = False) -> None:
        """Let the workers go."""
        self.workers.close(at_once=at_once)

    @property
    def _limit(self) -> TrialLimit | None:
        return self.bench.assignment.limit

    @property
    def is_over(self) -> bool:
        """Tell whether no more trials are handed out."""
        if self.timeout_seconds is not None and self._watch_time.seconds() >= self.timeout_seconds:
            self.ending = Ending.TIME_OUT if self.ending is Ending.COMPLETE else self.ending
        return self.ending is not Ending.COMPLETE

    def _make(self, part: Part, proposer: Proposer, known: dict[int, Trial]) -> None:
        while True:
            self._hand_out(part, proposer, known)
            if not self._outstanding:
                return
            trials = self._collected()
            self._keep(trials)
            for trial in trials:
                known[trial.number] = evolve(trial, curve=())  # the ledger has it
                proposer.learn(trial)
                self.watch.made(trial)
            if not self._is_recruited:
                self._call_workers(trials, proposer.total() - len(known) + part.later)

    def _hand_out(self, part: Part, proposer: Proposer, known: dict[int, Trial]) -> None:
        while len(self._outstanding) < self.workers.capacity() and not self.is_over:
            if self._is_renewal_due:
                return
            if self._suspects:
                if self._outstanding:
                    return
                task = self._suspects.pop(0)
            elif self._again:
                task = self._again.pop(0)
            else:
                found = self._new_task(part, proposer, known)
                if found is None:
                    return
                task = found
            self._outstanding[self.workers.submit(task)] = task

    def _new_task(self, part: Part, proposer: Proposer, known: dict[int, Trial]) -> Task | None:
        while (proposal := proposer.next()) is not None:
            if proposal.number in known:
                proposer.learn(known[proposal.number])
                continue
            return Task(number=proposal.number, settings=proposal.settings, part=part.name, span=part.span)
        return None

    def _collected(self) -> list[Trial]:
        """Wait for trials; a worker's death makes a suspect of what it may have been doing."""
        done, _ = wait(self._outstanding, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        self._wonder(is_waiting=not done)
        trials, suspects = [], []
        for future in sorted(done, key=lambda future: self._outstanding[future].number):
            task = self._outstanding.pop(future)
            fault = future.exception()
            if fault is None:
                trials.append(future.result())
            elif self.workers.is_death(fault):
                suspects.append(task)
            else:
                raise fault
        trials += self._judged(suspects)
        if done and not self._suspects and not self._outstanding and self._deaths:
            self._deaths.clear()
            self.workers.renew(alone=False)
        return trials

    def _wonder(self, *, is_waiting: bool) -> None:
        """Tell once how to go on without trials that may never end, when none has for a long time."""
        if not is_waiting:
            self._since_last = Stopwatch()
        elif self._limit is None and not self._has_wondered and self._since_last.seconds() >= WONDER_SECONDS:
            self._has_wondered = True
            self.watch.told("no trial has ended for a minute; to give up those that hang: Ctrl-C, then --trial-timeout")

    def _judged(self, suspects: Sequence[Task]) -> list[Trial]:
        """Return the trials that took too long or killed a worker twice.

        Where one took too long the others are made again; without such a culprit each is tried once more, alone.
        """
        given_up = []
        if suspects:
            self._is_renewal_due = True
            late = [(task, told) for task in suspects if (told := self._too_long(task))]
            has_culprit = bool(late) or any(map(self._too_long, self._outstanding.values()))
            others = [task for task in suspects if not self._too_long(task)]
            given_up = [self._given_up(task, told) for task, told in late]
            if has_culprit:
                self._again += others
            else:
                given_up += self._suspected(others)
        if self._is_renewal_due and not self._outstanding:
            self._is_renewal_due = False
            self.workers.renew(alone=bool(self._suspects))
        return given_up

    def _too_long(self, task: Task) -> str:
        return "" if self._limit is None else self._limit.told(task.part, task.number)

    def _given_up(self, task: Task, told: str) -> Trial:
        self.watch.told(f"trial {task.number} {told}: it is given up, and its process replaced")
        return self.bench.failed(task, told)

    def _suspected(self, tasks: Sequence[Task]) -> list[Trial]:
        """Return the trials whose worker died for the second time; the others are made once more, alone."""
        for task in tasks:
            key = task.part, task.number
            self._deaths[key] = self._deaths.get(key, 0) + 1
        twice = [task for task in tasks if self._deaths[task.part, task.number] > 1]
        once = [task for task in tasks if task not in twice]
        if once:
            these = f"{len(once)} trials are" if len(once) > 1 else f"trial {once[0].number} is"
            self.watch.told(f"a worker process died (killed, or out of memory): {these} made once more, alone")
        self._suspects += once
        return [self.bench.failed(task, DIED) for task in twice]

    def _keep(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self._expect_same_data(trial)
        if trials:
            self.ledger.add(self.sweep, trials, LiveClock().now())

    def _expect_same_data(self, trial: Trial) -> None:
        """Raise DataError when two trials that must have had the same data had different ones."""
        data = trial.data
        if not data.identity:
            return
        if self._identities.setdefault((trial.part, data.origin), data.identity) != data.identity:
            raise DataError(
                f"expected trial {trial.number} to run on the data of those before it, they have changed since; "
                "start a new sweep: --new"
            )

    def _call_workers(self, trials: Sequence[Trial], left: int) -> None:
        seconds = [trial.seconds for trial in trials if trial.status is TrialStatus.FINISHED]
        if not seconds or left <= 0:
            return
        self._recruit(seconds[0], left)

    def _recruit(self, seconds: float, left: int) -> None:
        self._is_recruited = True
        workers = self.recruit(seconds, left)
        if workers is not None:
            self.workers = workers
            self.watch.told(f"{workers.describe()} make the rest")
