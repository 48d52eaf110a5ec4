"""The sign of life of a session: a small file that says how far each part has come, and when.

It is replaced in one step and never appended to. Losing the last one in a power cut harms nobody, so it is not forced
to the disk. A reader must show how old it is: a session that no longer runs leaves its last heartbeat behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import asdict, evolve, field, fields, frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.statedir import read_json, write_json

BEAT_SECONDS = 2.0
STALE_SECONDS = 15
"""Older than this, a heartbeat is that of a session that hangs or is gone."""


GIVEN_UP = "given up"
BRINGS_BARS = "provider stream"
"""The task without which scanners find nothing new."""


@frozen(kw_only=True)
class Heartbeat:
    """How a session stands. Times are nanoseconds UTC, 0 for never; `as_of` are times of the session's own clock.

    `as_of` tells the last bar, scan, poll, reconcile and commit; `progress` counts the turns of each critical loop;
    `state_hash` is the digest of the journal; `marks` are the last prices; `blocked` are the symbols in which alone
    nothing is entered, each with why; `benched` are the tasks that should go on and do nothing, each `benched` (it is
    tried again) or `given up`. `market_time` differs from `written_at`
    where the market is replayed.
    """

    sequence: int
    written_at: int
    began_at: int
    pid: int
    host: str
    profile: str
    mode: str
    state: str
    run_id: str = ""
    journal: str = ""
    synthetic: bool = False
    speed: str = ""
    market_time: int = 0
    as_of: Mapping[str, int] = field(factory=dict)
    progress: Mapping[str, int] = field(factory=dict)
    late: Mapping[str, float] = field(factory=dict)
    open_positions: int = 0
    open_orders: int = 0
    equity: str = ""
    marks: Mapping[str, str] = field(factory=dict)
    state_hash: str = ""
    entries_stopped: str = ""
    blocked: Mapping[str, str] = field(factory=dict)
    benched: Mapping[str, str] = field(factory=dict)
    next_jobs: Mapping[str, int] = field(factory=dict)
    loop_lag_ms: float = 0.0
    memory_mb: float = 0.0
    open_files: int = 0
    threads: int = 0
    tasks: int = 0
    ended: str = ""

    def age(self, now: int) -> int:
        """Return the seconds since it was written."""
        return max(0, (now - self.written_at) // NANOSECONDS_PER_SECOND)

    def is_stale(self, now: int) -> bool:
        """Tell whether it is too old to be that of a session in order."""
        return self.age(now) > STALE_SECONDS

    def write(self, path: Path) -> None:
        """Replace the file; raises OSError."""
        write_json(path, asdict(self), durable=False)


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return the last sign of life, or None where there is none that can be read."""
    facts = read_json(path)
    known = {each.name for each in fields(Heartbeat)}
    try:
        beat = Heartbeat(**{key: value for key, value in facts.items() if key in known})
        return evolve(beat, written_at=int(beat.written_at), pid=int(beat.pid), began_at=int(beat.began_at))
    except (TypeError, ValueError):
        return None


def health(beat: Heartbeat | None, now: int, *, is_running: bool) -> tuple[str, str]:
    """Return `ok`, `warn`, `bad` or `off`, and why, from what a session shows of itself: never from its own opinion."""
    if beat is None:
        return ("bad", "it runs and gives no sign of life") if is_running else ("off", "it has not run yet")
    if not is_running:
        return ("off", f"ended: {beat.ended}") if beat.ended else ("bad", "it went down without saying so")
    if beat.is_stale(now):
        return "bad", f"its last sign of life is {beat.age(now)} s old"
    if beat.late:
        return "bad", f"does not progress: {', '.join(beat.late)}"
    faults = [f"{task} is {how}" for task, how in beat.benched.items()]
    why = "; ".join(filter(None, (*faults, _no_entries(beat))))
    if GIVEN_UP in beat.benched.values():
        return "bad", why
    return ("warn", why) if why else ("ok", "")


def _no_entries(beat: Heartbeat) -> str:
    """Return where nothing is entered, and why."""
    if beat.entries_stopped:
        return f"no entries: {beat.entries_stopped}"
    symbols_by_reason: dict[str, list[str]] = {}
    for symbol, why in beat.blocked.items():
        symbols_by_reason.setdefault(why, []).append(symbol)
    parts = "; ".join(f"in {', '.join(symbols)}: {why}" for why, symbols in symbols_by_reason.items())
    return f"no entries {parts}" if parts else ""
