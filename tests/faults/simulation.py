"""One simulated run: storms and calms over a session that dies and comes back, and what the checkers say of it."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from loguru import logger

from atlas_core.testing import VirtualLoop, VirtualTimeError, run_virtual
from tests.faults.books import Books
from tests.faults.chance import Chance
from tests.faults.checking import Breach, Judge
from tests.faults.checks_state import CHECKS
from tests.faults.coverage import Coverage
from tests.faults.events import Nature
from tests.faults.host import Host, HostDied, is_thorough
from tests.faults.people import Files, People
from tests.faults.replaying import difference, verified
from tests.faults.setup import Setup
from tests.faults.system import MAX_EXPOSURE_PCT, Control
from tests.faults.trace import Entry, Trace
from tests.faults.world import CASH, World

CALM_SECONDS = 330.0
STILL_SECONDS = 70.0
SHUTDOWN_SECONDS = 120.0


@define
class Outcome:
    """What became of one run."""

    setup: Setup
    breaches: list[Breach]
    trace: Trace
    struck: Counter[str]
    covered: Counter[str]
    crashes: int = 0
    starts: int = 0
    hours: float = 0.0

    @property
    def digest(self) -> str:
        """A hash of everything observed, made when it is asked for: it takes as long as the checkers do."""
        return self.trace.digest()

    def story(self, last: int = 200) -> str:
        """Return the entries that led to the first breach."""
        end = self.breaches[0].index + 1 if self.breaches else len(self.trace)
        return "\n".join(self.trace.lines(max(0, end - last), end))


@define
class Run:
    """The parts of a run while it goes on."""

    setup: Setup
    world: World
    files: Files
    host: Host = field(init=False)
    nature: Nature = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.host = Host(
            self.world, lambda process: Control(self.setup, process, self.files), self._lasting, self.files
        )  # fmt: skip
        self.nature = Nature(self.world, self.host, People(self.files, self.host.clock, self.host.is_running))

    async def _lasting(self, seconds: float) -> None:
        await self.nature.lasting(seconds)

    async def play(self) -> None:
        """Let storms and calms follow each other until the time is over; stop in good order at the end."""
        trace, setup, loop = self.world.trace, self.setup, self.world.loop
        trace.process(
            "limits", max_positions=setup.max_positions, equity=CASH, max_exposure_pct=MAX_EXPOSURE_PCT,
            symbols=setup.symbols, max_orders_per_minute=setup.max_orders_per_minute,
        )  # fmt: skip
        tasks = [asyncio.create_task(self.world.turn(), name="world turns"), *self.nature.begin()]
        keeper = asyncio.create_task(self.host.keep(), name="world host")
        end = setup.hours * 3_600
        try:
            while loop.time() < end:
                length = min(setup.storm_seconds, end - loop.time() - CALM_SECONDS)
                await _first(keeper, asyncio.sleep(max(60.0, length)))
                await _first(keeper, self._calm())
                self.nature.make_storm()
                trace.process("storm")
            self.nature.make_calm()
            self.host.end()
            await asyncio.wait({keeper}, timeout=SHUTDOWN_SECONDS)
            if not keeper.done():
                trace.process("deadlock", text="the session does not stop")
        finally:
            for task in (*tasks, keeper):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if keeper.done() and not keeper.cancelled():
            keeper.result()

    async def _calm(self) -> None:
        """End every fault, let everything come to rest, and look whether books and venue agree."""
        world = self.world
        self.nature.make_calm()
        world.hurry()
        world.trace.process("calm")
        await asyncio.sleep(CALM_SECONDS - STILL_SECONDS)
        world.is_still = True
        await asyncio.sleep(STILL_SECONDS)
        venue, control = world.venue, self.host.control
        fills = sum(1 for entry in world.trace if entry.kind == "fill")
        world.trace.process(
            "settled", symbols=self.setup.symbols, prices=dict(venue.prices), fills=fills,
            profit=venue.equity() - CASH,
        )  # fmt: skip
        session = control.session if control is not None else None
        is_last = world.loop.time() + 2 * CALM_SECONDS > self.setup.hours * 3_600
        if is_last and session is not None and self.host.process is not None:  # replaying all of a journal takes long
            world.trace.process("replayed", difference=difference(session, self.host.process.journal))
            world.trace.process("sizes", tasks=len(asyncio.all_tasks(world.loop)))
        world.is_still = False


async def _first(keeper: asyncio.Task[None], what: Any) -> None:
    """Wait for something; what the host raises meanwhile is raised here."""
    task = asyncio.ensure_future(what)
    if isinstance(task, asyncio.Task):
        task.set_name("world waits")
    await asyncio.wait({keeper, task}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
    if keeper.done():
        keeper.result()


def _note(world: World, told: dict[str, Any]) -> None:
    """Write into the trace what was raised where nobody listens; a dead process may raise what it likes."""
    error = told.get("exception")
    if not isinstance(error, HostDied | asyncio.CancelledError):
        world.trace.process("bug", error=f"{told['message']}: {error!r}", where="")


async def _until_breach(run: Run) -> None:
    """Play a run and cut it off as soon as an invariant does not hold."""
    judge, trace, playing = Judge.of(CHECKS), run.world.trace, asyncio.current_task()
    assert playing is not None

    def hear(entry: Entry) -> None:
        judge.see(entry)
        if judge.is_broken:
            trace.hear = None
            run.world.loop.call_soon(playing.cancel)

    trace.hear = hear
    try:
        await run.play()
    except asyncio.CancelledError:
        if not judge.is_broken:
            raise


def simulate(
    setup: Setup, changed: AbstractContextManager[Any] | None = None, *, stops_at_breach: bool = False
) -> Outcome:
    """Run one setup, under a change of the client if one is given; return what the checkers say.

    A run that `stops_at_breach` takes the same steps up to its first breach.
    """
    was_collecting = gc.isenabled()
    gc.disable()  # a run makes many small objects and keeps most of them until it is judged
    try:
        run = _played(setup, changed or nullcontext(), _until_breach if stops_at_breach else Run.play)
        return _judged(run)
    finally:
        if was_collecting:
            gc.enable()


def _played(
    setup: Setup, changed: AbstractContextManager[Any], play: Callable[[Run], Coroutine[Any, Any, None]]
) -> Run:
    """Let a run happen from its beginning to its end."""
    logger.disable("atlas_core")
    parts: list[Run] = []
    memory = TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    folder = Path(memory.name)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        world = World(loop, Chance(setup.seed), setup.symbols, setup.personality, setup.plan, setup.feed)
        loop.set_exception_handler(lambda _, told: _note(world, told))
        parts.append(Run(setup, world, Files(folder, world.trace)))
        await play(parts[0])

    choose = Chance(setup.seed).stream("scheduler").randrange if setup.is_shuffled else None
    try:
        with changed:
            run_virtual(main(), choose)
    except VirtualTimeError as error:
        parts[0].world.trace.process("deadlock", text=str(error))
    finally:
        for run in parts:
            run.files.close()
        memory.cleanup()
        logger.enable("atlas_core")  # other tests of this process read what is logged
    return parts[0]


def _judged(run: Run) -> Outcome:
    """Hold what happened against the invariants."""
    world, host = run.world, run.host
    if host.disk is not None:
        problem = verified(host.disk, host.committed, decodes=is_thorough(run.setup.seed))
        host.disk.close()
        world.trace.process("verified", problem=problem)
    books = Books()
    coverage = Coverage(books)
    judge = Judge([*(kind(books) for kind in CHECKS), coverage], books)
    for entry in world.trace:
        judge.see(entry)
    return Outcome(
        setup=run.setup,
        breaches=judge.breaches(),
        trace=world.trace,
        struck=world.weather.struck,
        covered=coverage.seen,
        crashes=host.crashes,
        starts=host.starts,
        hours=world.loop.time() / 3_600,
    )
