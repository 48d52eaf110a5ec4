"""Owns every task of a session: each has a name, is watched, and is started again, benched, or ends the session.

A task that fails is told of in the moment it fails. It starts again after a random part of a wait that doubles with
every failure; a plugin whose tasks fail too often is benched and tried again later. What the outside does (a venue in
maintenance, a network) is waited for without end. A fault of our own in a task that the session cannot live without
ends the session, so that a restart recovers from the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from enum import StrEnum
from types import TracebackType
from typing import Any

from attrs import define, field, frozen
from loguru import logger

from atlas_core.control.beat import GIVEN_UP
from atlas_core.engine.breaker import Breaker
from atlas_core.errors import (
    AtlasError,
    AuthFailed,
    EngineError,
    JournalError,
    SafetyStop,
    SessionFailed,
    VenueError,
    cause_of,
)
from atlas_core.model.decisions import Severity

Run = Callable[[], Coroutine[Any, Any, None]]

FIRST_WAIT = 1.0
LONGEST_WAIT = 300.0
FAILURES_TO_BENCH = 5
FAILURE_WINDOW = 600.0
BENCHED_SECONDS = 60.0
HEALTHY_SECONDS = 60.0
BENCHINGS_TO_GIVE_UP = 6
SHUTDOWN_SECONDS = 5.0

ENDS_THE_SESSION = (EngineError, JournalError, SafetyStop)
NEVER_RETRIED = (AuthFailed,)


class Restart(StrEnum):
    """When a task is started again; `ALWAYS` means that its end without an error is a failure too."""

    ALWAYS = "always"
    ON_FAILURE = "on failure"
    NEVER = "never"


class Action(StrEnum):
    """What the supervisor does about a failure."""

    RESTART = "restart"
    BENCH = "bench"
    GIVE_UP = "give up"
    END_SESSION = "end session"


class TaskEnded(AtlasError):
    """A task that goes on for ever came to its end."""


FROM_OUTSIDE = (VenueError, OSError, TaskEnded)
"""What a venue or the network did: a restart of the process would change nothing, and it ends by itself."""


@frozen(kw_only=True)
class TaskFailure:
    """One failure of a task; `wait_seconds` is the time until it starts again."""

    task: str
    plugin: str
    error: BaseException
    action: Action
    wait_seconds: float = 0.0

    @property
    def reason(self) -> str:
        """Return what was raised."""
        return cause_of(self.error)

    @property
    def policy(self) -> str:
        """Return what is done about it."""
        if self.action is Action.RESTART:
            return f"starts again in {self.wait_seconds:.1f} s"
        if self.action is Action.BENCH:
            return f"benched {self.plugin}, tried again in {self.wait_seconds:.0f} s"
        return "not started again" if self.action is Action.GIVE_UP else "ended the session"

    @property
    def severity(self) -> Severity:
        """Return how loudly people are told."""
        return Severity.WARNING if self.action is Action.RESTART else Severity.CRITICAL


@define(eq=False)
class _Owned:
    name: str
    run: Run
    plugin: str
    critical: bool
    restart: Restart
    is_benched: bool = False
    started_at: float = 0.0
    failures: int = 0


@define(eq=False)
class Supervisor(AbstractAsyncContextManager["Supervisor"]):
    """Use it as `async with`; the body is the session. Leaving it cancels every task and waits for their ends.

    `random` gives numbers from 0 up to 1. `on_failure` is told of every failure at once and must not block; what it
    raises ends the session. Tasks that do not end within `shutdown_seconds` are abandoned and named.
    """

    random: Callable[[], float]
    on_failure: Callable[[TaskFailure], None]
    shutdown_seconds: float = SHUTDOWN_SECONDS
    _tasks: dict[asyncio.Task[None], _Owned] = field(factory=dict)
    _breakers: dict[str, Breaker] = field(factory=dict)
    _body: asyncio.Task[Any] | None = None
    _fatal: BaseException | None = None
    _given_up: set[str] = field(factory=set)

    async def __aenter__(self) -> Supervisor:
        self._body = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        body, self._body = self._body, None
        if self._fatal is not None and not isinstance(error, asyncio.CancelledError):
            await _meet_cancellation()
        await self._shut_down()
        if self._fatal is None or body is None:
            return
        is_cancelled_from_outside = body.uncancel() > 0
        if is_cancelled_from_outside:
            return
        if error is not None and not isinstance(error, asyncio.CancelledError):
            logger.error("a task ended the session while it was failing: {}", self._fatal)
            return  # the caller is told what the body raised
        if isinstance(self._fatal, AtlasError):
            raise self._fatal
        raise SessionFailed(cause_of(self._fatal)) from self._fatal

    def own(
        self,
        name: str,
        run: Run,
        *,
        plugin: str = "",
        critical: bool = False,
        restart: Restart = Restart.ON_FAILURE,
    ) -> asyncio.Task[None]:
        """Start a task; `run` makes its coroutine, once for every start. Cancelling the task ends it by plan.

        Tasks of one `plugin` are benched by their common failures. A `critical` task ends the session when it is not to
        be started again, or would be benched for anything but the outside's fault. Raises EngineError outside of the
        `async with`.
        """
        if self._body is None:
            raise EngineError(f"task {name}: expected a supervisor that is entered, was one that is not")
        owned = _Owned(name, run, plugin or name, critical, restart)
        self._given_up.discard(name)
        task = asyncio.create_task(self._keep(owned), name=name)
        self._tasks[task] = owned
        task.add_done_callback(self._forget)
        return task

    def benched(self) -> dict[str, str]:
        """Return the tasks that should go on and do nothing now, each with what they are: `benched`, or `given up`."""
        resting = [owned.name for owned in self._tasks.values() if owned.is_benched]
        return dict.fromkeys(sorted(self._given_up), GIVEN_UP) | dict.fromkeys(resting, "benched")

    def names(self) -> tuple[str, ...]:
        """Return the names of the tasks that are owned now, oldest first."""
        return tuple(owned.name for owned in self._tasks.values())

    def end_session(self, error: BaseException) -> None:
        """End the session with `error`: the body is cancelled, and leaving it raises the error."""
        if self._fatal is None and self._body is not None:
            self._fatal = error
            self._body.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        """Strike off a task that ended. One that was left by a fault of this module would never be started again."""
        self._tasks.pop(task, None)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            logger.critical("task {} has nobody any more: {}", task.get_name(), cause_of(fault))
            self.end_session(fault)

    async def _keep(self, owned: _Owned) -> None:
        """Run a task until it ends by plan, is given up, or ends the session."""
        loop = asyncio.get_running_loop()
        while True:
            owned.is_benched, owned.started_at = False, loop.time()
            error = await _outcome(owned)
            if error is None:
                return
            failure = self._judge(owned, error, loop.time())
            self._tell(failure)
            if failure.action in (Action.GIVE_UP, Action.END_SESSION):
                if owned.restart is not Restart.NEVER:
                    self._given_up.add(owned.name)
                return
            owned.is_benched = failure.action is Action.BENCH
            await asyncio.sleep(failure.wait_seconds)

    def _judge(self, owned: _Owned, error: BaseException, now: float) -> TaskFailure:
        """Decide what is done about a failure."""

        def judged(action: Action, wait: float = 0.0) -> TaskFailure:
            return TaskFailure(task=owned.name, plugin=owned.plugin, error=error, action=action, wait_seconds=wait)

        last_resort = Action.END_SESSION if owned.critical else Action.GIVE_UP
        if isinstance(error, ENDS_THE_SESSION):
            return judged(Action.END_SESSION)
        if owned.restart is Restart.NEVER or isinstance(error, NEVER_RETRIED):
            return judged(last_resort)
        breaker = self._breaker(owned.plugin)
        if now - owned.started_at >= HEALTHY_SECONDS:
            owned.failures = 0
            if breaker.is_open:
                breaker.succeeded()
        owned.failures += 1
        if not breaker.failed(now):
            return judged(Action.RESTART, self._back_off(owned.failures))
        if isinstance(error, FROM_OUTSIDE):
            return judged(Action.BENCH, BENCHED_SECONDS)
        if owned.critical or breaker.openings >= BENCHINGS_TO_GIVE_UP:
            return judged(last_resort)
        return judged(Action.BENCH, breaker.rest_left(now))

    def _breaker(self, plugin: str) -> Breaker:
        if plugin not in self._breakers:
            self._breakers[plugin] = Breaker(FAILURES_TO_BENCH, FAILURE_WINDOW, BENCHED_SECONDS, LONGEST_WAIT)
        return self._breakers[plugin]

    def _back_off(self, failures: int) -> float:
        """Return a random part of a wait that doubles: full jitter keeps many clients from coming back together."""
        return self.random() * min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 32))

    def _tell(self, failure: TaskFailure) -> None:
        logger.warning("task {}: {}; {}", failure.task, failure.reason, failure.policy)
        try:
            self.on_failure(failure)
        except Exception as error:
            self.end_session(error)
        if failure.action is Action.END_SESSION:
            self.end_session(failure.error)

    async def _shut_down(self) -> None:
        """Cancel what is left, the newest first, and wait for it; a task that does not end is abandoned."""
        tasks = list(self._tasks)
        for task in reversed(tasks):
            task.cancel()
        if not tasks:
            return
        _done, late = await asyncio.wait(tasks, timeout=self.shutdown_seconds)
        for task in late:
            logger.error("task {} did not end within {} s and is abandoned", task.get_name(), self.shutdown_seconds)


async def _meet_cancellation() -> None:
    """Take the cancellation that ended the session, which the body had no chance to meet."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)


async def _outcome(owned: _Owned) -> BaseException | None:
    """Run a task once; return what it failed with, None when it ended by plan. Lets a planned cancellation through."""
    try:
        await owned.run()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error  # nobody cancelled us: the task raised it by itself
    except (Exception, SystemExit) as error:  # a plugin that asks the process to end has failed, no more
        return error
    if owned.restart is Restart.ALWAYS:
        return TaskEnded("came to its end, expected to go on")
    return None
