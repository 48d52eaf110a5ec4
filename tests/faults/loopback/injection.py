"""What a test does to a daemon from the inside, without a hook in Atlas: time, named points, and a note of each commit.

`install` runs before anything of Atlas is imported (a `sitecustomize` on the path of the child calls it) and replaces
the one clock; `wrap_ports` runs when the plugin is loaded and wraps the ports by which the process touches the world.
At the named point the process kills itself with SIGKILL: nothing is unwound and nothing is flushed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic, time_ns
from typing import Any

from attrs import define, field

from tests.faults.loopback.mutants import MUTANTS
from tests.faults.loopback.pace import Pace, ScaledPolicy, as_line

PLAN = "ATLAS_LOOPBACK_PLAN"
RENAMES = {"heartbeat.json": "heartbeat rename", "lease.json": "lease rename"}
BEFORE, AFTER = "before", "after"


@define
class Injection:
    """The plan of this process: where it dies, how its clock jumps, and where it notes what it acknowledged.

    `steps` are pairs of seconds after the start (of the machine) and of seconds by which the clock is set then.
    """

    pace: Pace | None = None
    notes: int = -1
    point: str = ""
    when: str = BEFORE
    nth: int = 1
    steps: list[tuple[float, float]] = field(factory=list)
    many_crashes: bool = True
    mutant: str = ""
    _began: float = 0.0

    def reach(self, name: str, when: str) -> None:
        """Pass a named point, or die at it."""
        if not name or name != self.point or when != self.when:
            return
        self.nth -= 1
        if self.nth <= 0:
            self.note("point", name=name, when=when)
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, kind: str, **facts: Any) -> None:
        """Write a line that survives this process."""
        with suppress(OSError):  # its disk may be full: that is one of the faults
            os.write(self.notes, as_line({"m": monotonic(), "pid": os.getpid(), "kind": kind, **facts}))

    def now(self) -> int:
        """Return the time of the process."""
        if self.pace is None:
            return time_ns()
        passed = monotonic() - self._began
        return self.pace.now() + round(sum(by for after, by in self.steps if passed >= after) * 1e9)

    def monotonic(self) -> float:
        """Return monotonic seconds of the process."""
        return monotonic() if self.pace is None else self.pace.monotonic()

    def take(self, plan: Mapping[str, Any]) -> None:
        """Take a plan up, and with it the pace of the process."""
        self._began = monotonic()
        self.pace = Pace.of(plan["pace"])
        self.notes = os.open(plan["notes"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self.point, self.when, self.nth = plan.get("point", ""), plan.get("when", BEFORE), plan.get("nth", 1)
        self.steps = plan.get("steps", [])
        self.many_crashes = plan.get("many_crashes", True)
        self.mutant = plan.get("mutant", "")
        asyncio.set_event_loop_policy(ScaledPolicy(self.pace.factor))
        self.note("start")

    def wrap_ports(self) -> None:
        """Wrap what the process does to the disk, and let it crash often without becoming careful."""
        if self.pace is None:
            return
        from atlas_core.control import starts
        from atlas_core.journal import Journal, migrations

        _wrap(Journal, "append", self._append)
        _wrap(Journal, "settle_deliveries", self._at("outbox settle"))
        _wrap(migrations, "_apply", self._migrate)
        _wrap(os, "replace", self._replace)
        import fcntl

        _wrap(fcntl, "flock", self._at("state lock"))
        if self.many_crashes:
            starts.CRASHES_OF_A_LOOP = 2**31
        if self.mutant:
            MUTANTS[self.mutant]()

    def _append(self, append: Callable[..., range], journal: Any, records: Any) -> range:
        kinds = dict.fromkeys(record.kind for record in records)
        for kind in kinds:
            self.reach(f"commit {kind}", BEFORE)
        seqs = append(journal, records)
        if records:
            self.note("commit", seq=seqs[-1], hash=journal.digest(), kinds=list(kinds), ts=records[-1].ts)
        for kind in kinds:
            self.reach(f"commit {kind}", AFTER)
        return seqs

    def _replace(self, replace: Callable[..., None], source: Any, target: Any, **more: Any) -> None:
        name = RENAMES.get(os.path.basename(target), "lease rename" if "accounts" in str(target) else "")
        self.reach(name, BEFORE)
        replace(source, target, **more)
        self.reach(name, AFTER)

    def _migrate(self, apply: Callable[..., None], connection: Any, *more: Any) -> None:
        apply(Statements(connection, self), *more)

    def _at(self, name: str) -> Callable[..., Any]:
        def around(call: Callable[..., Any], *asked: Any, **more: Any) -> Any:
            self.reach(name, BEFORE)
            answer = call(*asked, **more)
            self.reach(name, AFTER)
            return answer

        return around


@define
class Statements:
    """A connection that passes a named point at each statement of a migration."""

    connection: Any
    injection: Injection

    def execute(self, *asked: Any) -> Any:
        """Execute a statement."""
        self.injection.reach("migration statement", BEFORE)
        answer = self.connection.execute(*asked)
        self.injection.reach("migration statement", AFTER)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    inner = getattr(owner, name)

    def wrapped(*asked: Any, **more: Any) -> Any:
        return around(inner, *asked, **more)

    setattr(owner, name, wrapped)


ARMED = Injection()
"""The plan of this process; without one nothing happens."""


def install() -> None:
    """Replace the clock of the process, and take up the plan of the environment if there is one."""
    from atlas_core import clock

    clock.LiveClock.now = lambda _self: ARMED.now()  # type: ignore[method-assign]
    clock.monotonic_seconds = ARMED.monotonic
    text = os.environ.get(PLAN)
    if text:
        ARMED.take(json.loads(text))
