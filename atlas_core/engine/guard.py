"""One guard around every call of a decider: who fails is named, and the failure leads to less risk."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import define, field

from atlas_core.clock import to_datetime
from atlas_core.engine.breaker import Breaker
from atlas_core.engine.ports import Recorder
from atlas_core.errors import ComponentHung, ContractError, cause_of
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.events import Raise
from atlas_core.model.records import AlertRaised, ComponentFailed
from atlas_core.model.timeframe import HOUR, MINUTE

T = TypeVar("T")

FAILURES_TO_BENCH = 5
BENCHED_FOR = 10 * MINUTE
LONGEST_BENCHED_FOR = 4 * HOUR


class Ask(Protocol):
    """The way in which a session calls its deciders: at once, or in a thread with a deadline."""

    @abstractmethod
    def __call__(self, component: str, ask: Callable[[], T], /) -> T:
        """Return what `ask` returns; raises what it raises, and ComponentHung when it takes too long."""


def directly(_component: str, ask: Callable[[], T], /) -> T:
    """Call a decider at once, however long it takes."""
    return ask()


def decider_breaker() -> Breaker:
    """Return the breaker of one decider, in nanoseconds of the market's time: five failures in a row open it."""
    return Breaker(FAILURES_TO_BENCH, None, BENCHED_FOR, LONGEST_BENCHED_FOR)


def weight_of(error: BaseException) -> int:
    """Return as how many failures an error counts: one call that hangs has cost enough to bench its component."""
    return FAILURES_TO_BENCH if isinstance(error, ComponentHung) else 1


@define
class Guard:
    """Calls deciders. A back-test stops at the first failure; a session applies the kind's policy and goes on.

    In a session a decider that fails five times in a row, or hangs once, is benched: it is not asked and the policy of
    its kind applies, until a trial succeeds. Its two answers (an exit and levels, say) are benched apart.
    """

    recorder: Recorder
    stops_at_failure: bool
    ask: Ask = directly
    _breakers: dict[tuple[str, str], Breaker] = field(factory=dict)

    def call(self, component: str, subject: str, policy: str, ask: Callable[[], T]) -> T | None:
        """Return the answer of `ask`, or None after a failure, which is recorded with the `policy` applied.

        None too, without a record, while the component is benched. `ask` raises ContractError for an answer that the
        contract does not allow. Raises ContractError in a back-test.
        """
        if not self.stops_at_failure:
            return self._contained(component, subject, policy, ask)
        try:
            return ask()
        except (Exception, SystemExit) as error:
            raise ContractError(self._told(component, subject, error)) from error

    def is_benched(self, component: str) -> bool:
        """Tell whether a component is not asked at present, for any of its answers."""
        now = self.recorder.now
        return any(name == component and not b.allows(now) for (name, _), b in self._breakers.items())

    def contain(self, component: str, text: str, policy: str, severity: Severity = Severity.CRITICAL) -> None:
        """Record a failure that a session survives, and tell people."""
        self.recorder.write(ComponentFailed(ts=self.recorder.now, component=component, error=text, policy=policy))
        raise_alert(self.recorder, severity, f"{component} failed", f"{text}; {policy}", component)

    def _contained(self, component: str, subject: str, policy: str, ask: Callable[[], T]) -> T | None:
        breaker = self._breakers.get((component, policy))
        if breaker is not None and not breaker.allows(self.recorder.now):
            return None
        try:
            answer = self.ask(component, ask)
        except (Exception, SystemExit) as error:  # a plugin that asks the process to end has failed, no more
            self._failed(component, subject, policy, error)
            return None
        if breaker is not None:
            self._recovered(component, policy, breaker)
        return answer

    def _failed(self, component: str, subject: str, policy: str, error: BaseException) -> None:
        breaker = self._breakers.setdefault((component, policy), decider_breaker())
        if breaker.failed(self.recorder.now, weight_of(error)):
            minutes = int(breaker.rest_left(self.recorder.now)) // MINUTE
            policy = f"{policy}; benched, tried again after {minutes} minutes"
        self.contain(component, self._told(component, subject, error), policy)

    def _recovered(self, component: str, policy: str, breaker: Breaker) -> None:
        del self._breakers[component, policy]
        if breaker.is_open:
            raise_alert(self.recorder, Severity.INFO, f"{component} works again", "", component)

    def _told(self, component: str, subject: str, error: BaseException) -> str:
        at = f"{to_datetime(self.recorder.now):%Y-%m-%d %H:%M}Z"
        return f"{component} failed on {subject} at {at}: {cause_of(error)}"


def raise_alert(recorder: Recorder, severity: Severity, title: str, text: str, key: str) -> None:
    """Record an alert and ask for its delivery."""
    recorder.write(AlertRaised(ts=recorder.now, severity=severity, title=title, text=text, key=key))
    recorder.command(Raise(Alert(ts=recorder.now, severity=severity, title=title, text=text, key=key)))
