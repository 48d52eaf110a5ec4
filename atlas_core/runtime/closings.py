"""The times at which a profile closes its positions: on the tape of a market that is replayed, else a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from atlas_core.engine.queue import Timed
from atlas_core.model.events import OperatorCommand, Phase
from atlas_core.profile import Profile
from atlas_core.runtime.scan_times import market_hours
from atlas_core.runtime.schedule import Job, Slot, read_trigger
from atlas_core.tape import TapeEvent

CLOSE = "close"
ACTOR = "schedule"
GRACE_SECONDS = 300.0
"""A close that was missed is still meant some minutes later: it reduces risk."""


def close_job(profile: Profile) -> Job | None:
    """Return when positions are closed; None: never by the schedule."""
    schedule = profile.schedule
    hours = market_hours(profile.universe.session)
    triggers = tuple(read_trigger(text, schedule.zone, hours) for text in schedule.close_at)
    return Job(name=CLOSE, triggers=triggers, grace_seconds=GRACE_SECONDS) if triggers else None


def closing_events(slots: Iterable[Slot]) -> Iterator[Timed[TapeEvent]]:
    """Yield the commands that end what waits and close what is open, each after all else of its instant."""
    for slot in slots:
        yield slot.due, Phase.CONTROL, OperatorCommand(slot.due, "wind-down", ACTOR, closing_arguments(slot))


def closing_arguments(slot: Slot) -> dict[str, object]:
    """Return what the command says."""
    return {"reason": f"schedule: {slot.date} {slot.slot}", "close_positions": True}
