"""Sessions that run or ran here, for the commands that ask them and tell them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from atlas_core.cli.completion import complete_profile
from atlas_core.cli.formats import held, when
from atlas_core.cli.kept import store_of
from atlas_core.clock import NANOSECONDS_PER_SECOND, LiveClock
from atlas_core.control.answers import journal_of
from atlas_core.control.beat import Heartbeat, health, read_heartbeat
from atlas_core.control.kill_switch import KillSwitch
from atlas_core.errors import NotFound, UsageError
from atlas_core.runs import Mode
from atlas_core.runtime.instance_lock import Holder, holder_of
from atlas_core.statedir import StateDirectory, known_states

Command = TypeVar("Command", bound=Callable[..., Any])
SESSION_MODES = (Mode.REPLAY, Mode.PAPER, Mode.LIVE)


@frozen(kw_only=True)
class SeenSession:
    """A session as it shows itself at `now`: who runs it, and its last sign of life."""

    state: StateDirectory
    holder: Holder | None
    beat: Heartbeat | None
    now: int

    @property
    def is_running(self) -> bool:
        """Tell whether a process holds it now."""
        return self.holder is not None

    @property
    def health(self) -> tuple[str, str]:
        """Return the level and what it says, which names an engaged kill switch also where no heartbeat has yet."""
        level, why = health(self.beat, self.now, is_running=self.is_running)
        if not self.killed or self.killed in why:
            return level, why
        killed = f"no entries: {self.killed}"
        return ("warn" if level == "ok" else level), f"{why}; {killed}" if why else killed

    @property
    def killed(self) -> str:
        """Return what the kill switch says now, also before the session has noticed it and while none runs."""
        note = KillSwitch(self.state.kill_file).note()
        return f"kill switch: {note}" if note else ""

    @property
    def journal(self) -> Path | None:
        """Return the journal that it writes, or wrote last."""
        return journal_of(self.beat, self.state.journal)

    def require_journal(self) -> Path:
        """Return the journal; raises NotFound."""
        if self.journal is None:
            raise NotFound(f"{self.state.title} has no journal yet; start it: atlas run {self.state.profile}")
        return self.journal

    def as_of(self) -> str:
        """Return how old what is shown is; never without it, so that old news does not look like new."""
        if self.beat is None:
            return "no sign of life yet" if self.is_running else "the session is not running and left no sign of life"
        age = held(max(0, self.now - self.beat.written_at))
        return f"as of {age} ago" if self.is_running else f"the session is not running; as of {age} ago"

    def line(self) -> str:
        """Return the first line of a screen: the session, its mode, and how old the news is."""
        parts = [f"profile {self.state.profile}", self.state.mode.word.upper()]
        if self.beat is not None and self.beat.synthetic:
            parts.append("synthetic market")
        if self.beat is not None and self.beat.run_id:
            parts.append(f"run {self.beat.run_id}")
        return " · ".join([*parts, self.as_of()])


def session_options(command: Command) -> Command:
    """Add the options that say which session is meant, for a command whose argument is something else."""
    mode = click.option(
        "--mode", type=click.Choice([mode.value for mode in SESSION_MODES]), help="Which of a profile's sessions."
    )
    profile = click.option(
        "-p", "--profile", metavar="PROFILE", shell_complete=complete_profile, help="The session's profile."
    )
    return profile(mode(command))


def session_arguments(command: Command) -> Command:
    """Add the argument and the option that say which session is meant."""
    mode = click.option(
        "--mode", type=click.Choice([mode.value for mode in SESSION_MODES]), help="Which of a profile's sessions."
    )
    profile = click.argument("profile", required=False, shell_complete=complete_profile)
    return profile(mode(command))


def find_session(ctx: click.Context, profile: str | None, mode: str | None) -> SeenSession:
    """Return the session that is meant: the named one, else the only one that runs, else the only one there is.

    Raises NotFound and UsageError with the sessions to choose from.
    """
    home = store_of(ctx).home
    profile = _name_of(profile)
    wanted = [
        state
        for state in known_states(home)
        if (profile is None or profile in (state.profile, state.path.parent.name))
        and (mode is None or state.mode is Mode(mode))
    ]
    if not wanted:
        which = f"of profile {profile}" if profile else "yet"
        raise NotFound(f"there is no session {which} below {home}; start one: atlas run demo --speed 1x")
    running = [state for state in wanted if holder_of(state) is not None]
    chosen = running if len(running) == 1 else wanted
    if len(chosen) > 1:
        names = ", ".join(f"{state.profile} --mode {state.mode.value}" for state in running or wanted)
        raise UsageError(f"expected the name of one session, these are there: {names}")
    return look_at(chosen[0])


def _name_of(profile: str | None) -> str | None:
    """Return the name of a profile that is given by its file."""
    if profile is None or not profile.endswith(".toml") or not Path(profile).is_file():
        return profile
    import tomli

    try:
        head = tomli.loads(Path(profile).read_text(encoding="utf-8")).get("profile", {})
    except (OSError, ValueError):
        return profile
    return str(head.get("name", profile)) if isinstance(head, dict) else profile


def all_sessions(ctx: click.Context) -> tuple[SeenSession, ...]:
    """Return every session that runs or ran here."""
    return tuple(look_at(state) for state in known_states(store_of(ctx).home))


def look_at(state: StateDirectory) -> SeenSession:
    """Look at a session as it is now."""
    now = LiveClock().now()
    return SeenSession(state=state, holder=holder_of(state), beat=read_heartbeat(state.heartbeat), now=now)


def ago(seen: SeenSession, ts: int) -> str:
    """Return a time of the session's clock with its age: the market of a replay has a clock of its own."""
    if not ts or seen.beat is None:
        return "never"
    age = max(0, seen.beat.market_time - ts) + (max(0, seen.now - seen.beat.written_at) if _is_real_time(seen) else 0)
    return f"{when(ts - ts % NANOSECONDS_PER_SECOND)} ({held(age)} ago)"


def _is_real_time(seen: SeenSession) -> bool:
    return seen.beat is not None and seen.beat.speed in ("", "1x")
