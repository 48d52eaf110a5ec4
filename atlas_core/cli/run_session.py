"""`atlas run` for everything that is no back-test: one process of a session, with its locks and its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import fields_dict, frozen
from loguru import logger

from atlas_core.cli.manifests import COMPOSITION_NAME
from atlas_core.cli.tables import say
from atlas_core.cli.unread import UnwaitedLog
from atlas_core.clock import Clock, LiveClock
from atlas_core.compose import System, compose
from atlas_core.contracts import Capability
from atlas_core.errors import AtlasError, UsageError
from atlas_core.journal import Journal
from atlas_core.profile import Profile
from atlas_core.runs import Mode, RunSummary
from atlas_core.runtime.ending import Ending, read_duration, read_until
from atlas_core.runtime.pacing import Speed, read_speed
from atlas_core.runtime.process import ProcessOptions, SessionProcess, clock_of
from atlas_core.runtime.recording import TapeRecorder
from atlas_core.runtime.session import SessionPlan
from atlas_core.statedir import StateDirectory, write_json

if TYPE_CHECKING:
    from atlas_core.cli.live_screen import LiveScreen
    from atlas_core.cli.run import Launch


@frozen(kw_only=True)
class SessionFlags:
    """The options of `atlas run` that only sessions have, as they were typed."""

    speed: str | None = None
    lasting: str | None = None
    until: str | None = None
    once: bool = False
    arm: bool = False
    take_account: bool = False

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the options."""
        return tuple(fields_dict(cls))

    def forbid(self, mode: Mode) -> None:
        """Raise UsageError when one was typed for a run that is no session."""
        if self != SessionFlags():
            raise UsageError(f"--speed, --for, --until, --once, --arm and --take-account are for sessions, was {mode}")

    def options(self, profile: Profile, mode: Mode, clock: Clock | None) -> ProcessOptions:
        """Read what was typed; raises UsageError."""
        if mode is not Mode.LIVE and (self.arm or self.take_account):
            raise UsageError(f"--arm and --take-account are for live sessions, was {mode}")
        if mode is Mode.LIVE and not self.arm:
            account = profile.live.account
            raise UsageError(f"a live session trades on account {account}; say that you mean it: --arm")
        if sum(map(bool, (self.lasting, self.until, self.once))) > 1:
            raise UsageError("--for, --until and --once contradict each other")
        ending = Ending(
            seconds=read_duration(self.lasting) if self.lasting else None,
            at=self._end(profile, clock) if self.until else None,
            once=self.once,
        )
        return ProcessOptions(speed=self.read_speed(), ending=ending, take_account=self.take_account)

    def read_speed(self) -> Speed:
        """Return the speed of a market of the past; raises UsageError."""
        return read_speed(self.speed or "max")

    def _end(self, profile: Profile, clock: Clock | None) -> int:
        now = clock.now() if isinstance(clock, LiveClock) else profile.universe.start
        if now is None and ":" in (self.until or "")[:3]:
            raise UsageError(f"expected a date with --until {self.until}: when this market begins is not known yet")
        return read_until(self.until or "", now or 0, profile.schedule.zone)


def run_in_process(launch: Launch, flags: SessionFlags) -> None:
    """Run a session in this process and show how it ended."""
    profile, mode = launch.profile, launch.mode
    real_time = mode is Mode.LIVE or Capability.REAL_TIME in profile.provider.component.capabilities
    if real_time and flags.speed is not None:
        raise UsageError(f"--speed is for markets of the past; {profile.provider.use} goes at its own pace")
    clock = clock_of(real_time, flags.read_speed())
    system = compose(profile, mode, clock)
    options = flags.options(profile, mode, clock)
    state = StateDirectory.of(launch.store.home, profile.name, mode)
    with SessionProcess(state, system, options) as process:
        if process.held_back():
            with suppress(OSError):  # a log on a full disk, of all things, must not keep exits from being made
                UnwaitedLog()(f"no entries: {process.held_back()}\n")
        show = _continue(launch, system, process) if system.is_real_time else _make(launch, system, process)
    show()  # the session is over by now: a screen that takes nothing is no crash of it


def _make(launch: Launch, system: System, process: SessionProcess) -> Callable[[], None]:
    """Run a session on a market of the past; return what shows it."""
    run = launch.store.create(launch.profile.name, launch.mode, system.synthetic, began=LiveClock().now())
    screen = launch.begin(system, run)
    made = launch.keep(run, screen, lambda journal: _run(process, journal, run.run_id, launch, screen))
    return partial(launch.show, made)


def _run(process: SessionProcess, journal: Journal, run_id: str, launch: Launch, screen: LiveScreen) -> RunSummary:
    recorder = TapeRecorder.beside(journal.path, journal.count() + 1, launch.overrides)
    return process.run(journal, run_id, SessionPlan(watch=screen, recorder=recorder))


def _note_composition(launch: Launch, directory: Path) -> None:
    """Keep what the session is made of, for its report; a fault there is no reason to leave positions alone."""
    try:
        write_json(directory / COMPOSITION_NAME, {"made_of": launch.made_of()})
    except (AtlasError, OSError) as fault:
        logger.warning("what the session is made of was not kept: {}", fault)


def _continue(launch: Launch, system: System, process: SessionProcess) -> Callable[[], None]:
    """Go on with the journal of a continuing session, or begin it; return what shows its end."""
    state = process.state
    run = launch.store.continue_in(state, system.synthetic)
    _note_composition(launch, run.directory)
    screen = launch.begin(system, run)
    with Journal.resume(state.journal, now=LiveClock().now()) as journal:
        launch.registry.run_started(run)
        with screen:
            summary = _run(process, journal, run.run_id, launch, screen)
    launch.registry.run_finished(run, summary)
    return partial(_show_pause, launch, run.run_id, summary)


def _show_pause(launch: Launch, run_id: str, summary: RunSummary) -> None:
    if not launch.showing.as_json:
        say(f"paused: {summary.reason}; {summary.open_positions} positions stay open. Look: atlas report {run_id}")
        return
    from atlas_core.cli.tables import print_json

    print_json({"run_id": run_id, "reason": summary.reason, "open_positions": summary.open_positions,
                "equity": summary.equity, "journal_digest": summary.digest})  # fmt: skip
