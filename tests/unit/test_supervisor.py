"""Supervision of tasks, in virtual time: what a failure of each kind leads to, and what is left in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from attrs import define, field
from loguru import logger

from atlas_core.errors import AuthFailed, EngineError, JournalError, NotReady, SafetyStop, SessionFailed
from atlas_core.model.decisions import Severity
from atlas_core.runtime import supervisor as module
from atlas_core.runtime.supervisor import Action, Restart, Supervisor, TaskEnded, TaskFailure
from atlas_core.testing import run_virtual

HOUR = 3_600.0


@define
class Told:
    """Keeps the failures with their times."""

    failures: list[TaskFailure] = field(factory=list)
    times: list[float] = field(factory=list)

    def __call__(self, failure: TaskFailure) -> None:
        self.failures.append(failure)
        self.times.append(asyncio.get_running_loop().time())

    @property
    def actions(self) -> list[Action]:
        return [failure.action for failure in self.failures]


def supervising(body: Callable[[Supervisor], Awaitable[None]], told: Told | None = None, draw: float = 1.0) -> Told:
    """Run `body` under a supervisor whose every draw is `draw`."""
    told = told or Told()

    async def run() -> None:
        async with Supervisor(lambda: draw, told) as tasks:
            await body(tasks)

    run_virtual(run())
    return told


def failing(*errors: BaseException | None) -> Callable[[], Awaitable[None]]:
    """Return a task that fails with each error in turn; None, and what comes after, runs for ever."""
    remaining = list(errors)

    async def run() -> None:
        error = remaining.pop(0) if remaining else None
        if error is None:
            await asyncio.Event().wait()
        else:
            raise error

    return run


async def always_failing() -> None:
    raise OSError("no line")


async def faulty() -> None:
    raise KeyError("price")


def test_a_failure_is_told_in_the_moment_it_happens_with_what_is_done_about_it() -> None:
    async def later() -> None:
        await asyncio.sleep(7)
        raise OSError("no line")

    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", later, plugin="venue")
        await asyncio.sleep(7.5)

    told = supervising(body)
    [failure] = told.failures
    assert told.times == [7.0]
    assert (failure.task, failure.plugin, failure.reason) == ("stream", "venue", "OSError: no line")
    assert failure.policy == "starts again in 1.0 s"
    assert failure.severity is Severity.WARNING


@pytest.mark.parametrize(
    "error",
    [OSError(), SystemExit(3), asyncio.CancelledError(), RecursionError(), MemoryError(), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_task_raises_it_starts_again_and_the_others_never_notice(error: BaseException) -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("broken", failing(error))  # type: ignore[arg-type]
        other = tasks.own("sound", failing())  # type: ignore[arg-type]
        await asyncio.sleep(10)
        assert not other.done()
        assert tasks.names() == ("broken", "sound")

    assert supervising(body).actions == [Action.RESTART]


def test_waits_double_and_each_is_a_random_part_of_its_bound() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", always_failing)
        await asyncio.sleep(20)

    told = supervising(body, draw=0.5)
    assert [failure.wait_seconds for failure in told.failures[:4]] == [0.5, 1, 2, 4]
    told = supervising(body)
    assert [failure.wait_seconds for failure in told.failures[:4]] == [1, 2, 4, 8]


def test_the_fifth_failure_in_ten_minutes_benches_the_plugin_and_a_trial_follows() -> None:
    errors = [OSError()] * 5

    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", failing(*errors), plugin="venue")  # type: ignore[arg-type]
        await asyncio.sleep(1 + 2 + 4 + 8 + 1)
        assert tasks.benched() == {"stream": "benched"}
        await asyncio.sleep(60)
        assert tasks.benched() == {}
        assert tasks.names() == ("stream",)

    told = supervising(body)
    assert told.actions == [Action.RESTART] * 4 + [Action.BENCH]
    assert told.failures[-1].policy == "benched venue, tried again in 60 s"
    assert told.failures[-1].severity is Severity.CRITICAL


def test_failures_that_are_far_apart_never_bench() -> None:
    async def run() -> None:
        await asyncio.sleep(200)
        raise OSError

    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", run)
        await asyncio.sleep(24 * HOUR)

    told = supervising(body)
    assert set(told.actions) == {Action.RESTART}
    assert {failure.wait_seconds for failure in told.failures} == {1.0}
    assert len(told.failures) > 400


def test_a_faulty_plugin_that_never_recovers_is_given_up_in_the_end() -> None:
    async def body(tasks: Supervisor) -> None:
        task = tasks.own("stream", faulty)
        await asyncio.sleep(24 * HOUR)
        assert task.done()
        assert tasks.names() == ()
        assert tasks.benched() == {"stream": "given up"}
        tasks.own("stream", failing())  # type: ignore[arg-type]
        assert tasks.benched() == {}

    told = supervising(body)
    assert told.actions == [Action.RESTART] * 4 + [Action.BENCH] * 5 + [Action.GIVE_UP]
    assert len(told.failures) <= 20


def test_a_task_of_one_run_that_fails_is_not_missed() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("job", faulty, restart=Restart.NEVER)
        await asyncio.sleep(1)
        assert tasks.benched() == {}

    assert supervising(body).actions == [Action.GIVE_UP]


def test_a_thousand_refused_connections_are_at_most_twenty_attempts_in_ten_minutes() -> None:
    for seed in range(50):
        random = np.random.default_rng(seed).random
        told = Told()

        async def run(told: Told = told, random: Callable[[], float] = random) -> None:
            async with Supervisor(random, told) as tasks:
                tasks.own("stream", always_failing)
                await asyncio.sleep(600)

        run_virtual(run())
        gaps = np.diff(told.times)
        assert len(told.times) <= 20
        assert gaps[: len(gaps) // 2].mean() < gaps[len(gaps) // 2 :].mean()


def test_tasks_of_one_plugin_are_benched_by_their_common_failures_and_no_other_plugin_is() -> None:
    async def body(tasks: Supervisor) -> None:
        for name in ("stream", "poll"):
            tasks.own(name, always_failing, plugin="venue")
        tasks.own("other", failing(OSError()), plugin="other")  # type: ignore[arg-type]
        await asyncio.sleep(4)

    told = supervising(body)
    of_venue = [failure.action for failure in told.failures if failure.plugin == "venue"]
    assert of_venue == [Action.RESTART] * 4 + [Action.BENCH] * 2
    assert [failure.action for failure in told.failures if failure.plugin == "other"] == [Action.RESTART]


def test_a_critical_task_that_keeps_failing_ends_the_session_with_a_clear_error() -> None:
    told = Told()

    async def body(tasks: Supervisor) -> None:
        tasks.own("pump", faulty, critical=True)
        await asyncio.Event().wait()

    with pytest.raises(SessionFailed, match="KeyError: 'price'") as caught:
        supervising(body, told)
    assert isinstance(caught.value.__cause__, KeyError)
    assert told.actions == [Action.RESTART] * 4 + [Action.END_SESSION]


@pytest.mark.parametrize("critical", [False, True])
@pytest.mark.parametrize("error", [OSError("no line"), NotReady("maintenance"), TimeoutError(), None])
def test_a_venue_that_is_away_for_hours_is_waited_for_and_tried_every_minute(
    critical: bool, error: Exception | None
) -> None:
    back = 2 * HOUR

    async def stream() -> None:
        if asyncio.get_running_loop().time() > back:
            await asyncio.Event().wait()
        if error is not None:
            raise error

    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", stream, critical=critical, restart=Restart.ALWAYS)
        await asyncio.sleep(back + 61)
        assert tasks.benched() == {}
        assert tasks.names() == ("stream",)

    told = supervising(body)
    assert set(told.actions) == {Action.RESTART, Action.BENCH}
    assert 115 <= len(told.failures) <= 125


def test_a_critical_task_that_is_never_restarted_ends_the_session_at_once() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("pump", always_failing, critical=True, restart=Restart.NEVER)
        await asyncio.sleep(HOUR)

    told = Told()
    with pytest.raises(SessionFailed):
        supervising(body, told)
    assert told.times == [0.0]


@pytest.mark.parametrize("error", [EngineError("broken"), JournalError("disk full"), SafetyStop("enough")])
def test_an_error_of_the_kernel_ends_the_session_as_itself_whatever_task_met_it(error: Exception) -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("side task", failing(error))  # type: ignore[arg-type]
        await asyncio.Event().wait()

    with pytest.raises(type(error)) as caught:
        supervising(body)
    assert caught.value is error


def test_a_refused_credential_is_never_tried_again() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", failing(AuthFailed("key revoked")))  # type: ignore[arg-type]
        await asyncio.sleep(HOUR)

    told = supervising(body)
    assert told.actions == [Action.GIVE_UP]

    async def critical(tasks: Supervisor) -> None:
        tasks.own("stream", failing(AuthFailed("key revoked")), critical=True)  # type: ignore[arg-type]
        await asyncio.sleep(HOUR)

    with pytest.raises(AuthFailed, match="key revoked"):
        supervising(critical)


def test_a_task_that_ends_by_plan_is_forgotten() -> None:
    async def brief() -> None:
        await asyncio.sleep(1)

    async def body(tasks: Supervisor) -> None:
        for number in range(1_000):
            tasks.own(f"brief {number}", brief, restart=Restart.NEVER)
        await asyncio.sleep(2)
        assert tasks.names() == ()
        assert len(asyncio.all_tasks()) == 1

    assert supervising(body).failures == []


def test_a_task_that_goes_on_for_ever_may_not_end() -> None:
    async def brief() -> None:
        await asyncio.sleep(1)

    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", brief, restart=Restart.ALWAYS)
        await asyncio.sleep(1.5)

    [failure] = supervising(body).failures
    assert isinstance(failure.error, TaskEnded)
    assert failure.reason == "TaskEnded: came to its end, expected to go on"


def test_a_task_that_is_cancelled_on_purpose_has_not_failed() -> None:
    async def body(tasks: Supervisor) -> None:
        task = tasks.own("stream", failing(), restart=Restart.ALWAYS)  # type: ignore[arg-type]
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        assert tasks.names() == ()

    assert supervising(body).failures == []


def test_leaving_cancels_every_task_and_leaves_none_behind() -> None:
    ended: list[str] = []

    async def tidy(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            ended.append(name)

    async def run() -> None:
        async with Supervisor(lambda: 1.0, Told()) as tasks:
            for name in "abc":
                tasks.own(name, lambda name=name: tidy(name))  # type: ignore[misc]
            await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == 1

    run_virtual(run())
    assert ended == ["c", "b", "a"]


def test_a_task_that_does_not_want_to_end_is_abandoned_after_the_deadline() -> None:
    stop = []

    async def stubborn() -> None:
        while not stop:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                continue

    async def run() -> None:
        tasks = Supervisor(lambda: 1.0, Told(), shutdown_seconds=5)
        async with tasks:
            tasks.own("stubborn", stubborn)
            await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() == 6
        stop.append(True)

    said: list[str] = []
    handler = logger.add(lambda message: said.append(message.record["message"]))
    run_virtual(run())
    logger.remove(handler)
    assert said == ["task stubborn did not end within 5 s and is abandoned"]


def test_what_the_body_raises_is_what_the_caller_sees() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.own("stream", failing())  # type: ignore[arg-type]
        raise KeyError("body")

    with pytest.raises(KeyError, match="body"):
        supervising(body)


def test_a_session_cancelled_from_outside_stays_cancelled() -> None:
    async def session() -> None:
        async with Supervisor(lambda: 1.0, Told()) as tasks:
            tasks.own("pump", always_failing, critical=True, restart=Restart.NEVER)
            await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(session())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(run())


def test_an_end_that_the_body_had_no_time_to_meet_is_raised_all_the_same() -> None:
    async def body(tasks: Supervisor) -> None:
        tasks.end_session(SafetyStop("enough"))

    with pytest.raises(SafetyStop, match="enough"):
        supervising(body)


def test_a_listener_that_fails_ends_the_session() -> None:
    def broken(_failure: TaskFailure) -> None:
        raise JournalError("disk full")

    async def run() -> None:
        async with Supervisor(lambda: 1.0, broken) as tasks:
            tasks.own("stream", always_failing)
            await asyncio.Event().wait()

    with pytest.raises(JournalError, match="disk full"):
        run_virtual(run())


def test_a_fault_of_the_supervisor_itself_ends_the_session() -> None:
    def draw() -> float:
        raise OverflowError("too large")

    async def run() -> None:
        async with Supervisor(draw, Told()) as tasks:
            tasks.own("stream", always_failing)
            async with asyncio.timeout(HOUR):
                await asyncio.Event().wait()

    with pytest.raises(SessionFailed, match="OverflowError: too large"):
        run_virtual(run())


def test_a_supervisor_owns_nothing_before_it_is_entered_and_after_it_is_left() -> None:
    async def run() -> None:
        tasks = Supervisor(lambda: 1.0, Told())
        with pytest.raises(EngineError, match="expected a supervisor that is entered"):
            tasks.own("early", always_failing)
        async with tasks:
            pass
        with pytest.raises(EngineError, match="task late"):
            tasks.own("late", always_failing)

    run_virtual(run())


def test_bounds_are_those_of_the_plan() -> None:
    assert (module.FIRST_WAIT, module.LONGEST_WAIT) == (1.0, 300.0)
    assert (module.FAILURES_TO_BENCH, module.FAILURE_WINDOW) == (5, 600.0)
