"""One guard around every call of a decider: who fails is named, and the failure leads to less risk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import define

from atlas_core.clock import to_datetime
from atlas_core.engine.ports import Recorder
from atlas_core.errors import ContractError
from atlas_core.model.decisions import Alert, Severity
from atlas_core.model.events import Raise
from atlas_core.model.records import AlertRaised, ComponentFailed

T = TypeVar("T")


@define
class Guard:
    """Calls deciders. A back-test stops at the first failure; a session applies the kind's policy and goes on."""

    recorder: Recorder
    stops_at_failure: bool

    def call(self, component: str, subject: str, policy: str, ask: Callable[[], T]) -> T | None:
        """Return the answer of `ask`, or None after a failure, which is recorded with the `policy` applied.

        `ask` raises ContractError for an answer that the contract does not allow. Raises ContractError in a back-test.
        """
        try:
            return ask()
        except Exception as error:
            self._failed(component, subject, policy, error)
            return None

    def _failed(self, component: str, subject: str, policy: str, error: Exception) -> None:
        now = self.recorder.now
        text = f"{component} failed on {subject} at {to_datetime(now):%Y-%m-%d %H:%M}Z: {type(error).__name__}: {error}"
        if self.stops_at_failure:
            raise ContractError(text) from error
        self.contain(component, text, policy)

    def contain(self, component: str, text: str, policy: str) -> None:
        """Record a failure that a session survives, and tell people."""
        self.recorder.write(ComponentFailed(ts=self.recorder.now, component=component, error=text, policy=policy))
        raise_alert(self.recorder, Severity.CRITICAL, f"{component} failed", f"{text}; {policy}", component)


def raise_alert(recorder: Recorder, severity: Severity, title: str, text: str, key: str) -> None:
    """Record an alert and ask for its delivery."""
    recorder.write(AlertRaised(ts=recorder.now, severity=severity, title=title, text=text, key=key))
    recorder.command(Raise(Alert(ts=recorder.now, severity=severity, title=title, text=text, key=key)))
