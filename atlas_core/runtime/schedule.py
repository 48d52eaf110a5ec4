"""When things are due: every so often, by a cron line in a named zone, or relative to a market's opening and close.

Pure functions of times. Each occurrence is a slot with a key of its own, (job, local date, slot), that is the same
whenever and however often it is computed: that is how a job runs once on a day with 25 hours, after a clock was set
back and after a restart.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Protocol
from zoneinfo import ZoneInfo

from attrs import frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND, from_datetime, to_datetime
from atlas_core.model.timeframe import DAY, MINUTE, Timeframe

_RELATIVE = re.compile(r"(open|close)(?:([+-])(\d{1,3})m)?")
_LOOK_AHEAD = 400 * DAY


@frozen(order=True)
class Slot:
    """One occurrence of a job: when it is due (nanoseconds UTC), its local date, and its name within that date."""

    due: int
    job: str
    date: str
    slot: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes it one and the same occurrence."""
        return self.job, self.date, self.slot


class Trigger(Protocol):
    """Says when a job is due."""

    @abstractmethod
    def slots(self, job: str, after: int) -> Iterator[Slot]:
        """Yield the occurrences that are due later than `after`, in order; it may end."""


@frozen
class Every(Trigger):
    """At each end of a bucket of a timeframe on the UTC grid: the moments at which bars of it close."""

    timeframe: Timeframe

    def slots(self, job: str, after: int) -> Iterator[Slot]:
        """Yield the bucket ends after a time, for ever."""
        due = after
        while True:
            due = self.timeframe.bucket_end(due)
            moment = to_datetime(due)
            yield Slot(due, job, f"{moment:%Y-%m-%d}", f"{moment:%H:%M}Z")


@frozen
class Cron(Trigger):
    """A cron line of five fields in a zone, with the rules of Debian's cron for the days on which clocks change.

    A time that the clocks skip comes when they jump; one that comes twice is the first one.
    """

    line: str
    zone: str

    def slots(self, job: str, after: int) -> Iterator[Slot]:
        """Yield the times of the line after a time; raises ValueError for a line that is none."""
        from cronsim import CronSim, CronSimError

        local = to_datetime(after).astimezone(ZoneInfo(self.zone))
        try:
            for moment in CronSim(self.line, local):
                yield _local_slot(job, moment, self.line)
        except CronSimError as fault:
            raise ValueError(f"expected a cron line such as '35 9 * * 1-5', was {self.line!r}: {fault}") from fault


def _local_slot(job: str, moment: datetime, line: str) -> Slot:
    hours = line.split()[1]
    # Only a line for certain hours names its slot by the local time: one for every hour has two of them in autumn.
    is_daily = not hours.startswith("*")
    return Slot(
        from_datetime(moment), job, f"{moment:%Y-%m-%d}", f"{moment:%H:%M}" if is_daily else f"{moment:%H:%M%z}"
    )


@frozen(eq=False)
class MarketHours:
    """The sessions of a market as two rising columns of times (nanoseconds UTC), half days and holidays included."""

    opens_at: Sequence[int]
    closes_at: Sequence[int]
    zone: str


@frozen
class AtMarket(Trigger):
    """A number of minutes after (before, when negative) each opening or close of a market."""

    edge: str
    minutes: int
    hours: MarketHours

    def slots(self, job: str, after: int) -> Iterator[Slot]:
        """Yield the times of the sessions that are due later than `after`, until the calendar ends."""
        edges = self.hours.opens_at if self.edge == "open" else self.hours.closes_at
        shift = self.minutes * MINUTE
        for index in range(bisect_right(edges, after - shift), len(edges)):
            local = to_datetime(edges[index]).astimezone(ZoneInfo(self.hours.zone))
            yield Slot(edges[index] + shift, job, f"{local:%Y-%m-%d}", f"{self.edge}{self.minutes:+d}m")


def read_trigger(text: str, zone: str, hours: MarketHours | None) -> Trigger:
    """Return the trigger that `35 9 * * 1-5`, `open+5m` or `close-10m` says; raises ValueError."""
    match = _RELATIVE.fullmatch(text)
    if match is None:
        trigger = Cron(text, zone)
        next(trigger.slots("", 0), None)
        return trigger
    if hours is None:
        raise ValueError(f'expected session = "us-equities" under [universe] for {text!r}, was one without hours')
    edge, sign, minutes = match.groups()
    return AtMarket(edge, int(minutes or 0) * (-1 if sign == "-" else 1), hours)


@frozen(kw_only=True)
class Job:
    """A job: its triggers, and until how many seconds after its time it may still begin."""

    name: str
    triggers: tuple[Trigger, ...]
    grace_seconds: float = 60.0

    def slots(self, after: int, until: int) -> list[Slot]:
        """Return the slots due after `after` and up to `until`, in order; two triggers at one time are one slot."""
        found = {slot.due: slot for trigger in self.triggers for slot in _until(trigger.slots(self.name, after), until)}
        return [found[due] for due in sorted(found)]

    def next_slot(self, after: int) -> Slot | None:
        """Return the first slot after `after`, or None when there is none within some 400 days."""
        firsts = (next(_until(each.slots(self.name, after), after + _LOOK_AHEAD), None) for each in self.triggers)
        return min((slot for slot in firsts if slot is not None), default=None)


def _until(slots: Iterator[Slot], until: int) -> Iterator[Slot]:
    return takewhile(lambda slot: slot.due <= until, slots)


@frozen(kw_only=True)
class Decision:
    """What to do with the slots that have come due: at most one to run; the others are told and left out."""

    run: Slot | None
    skipped: tuple[tuple[Slot, str], ...] = ()


def decide(job: Job, slots: Sequence[Slot], now: int, *, is_running: bool) -> Decision:
    """Return what to do with slots that are due at `now`, oldest first.

    Several are coalesced into the newest; it is not run while the job still runs, nor later than its grace.
    """
    if not slots:
        return Decision(run=None)
    *older, newest = slots
    skipped = [(slot, "coalesced") for slot in older]
    if is_running:
        return Decision(run=None, skipped=(*skipped, (newest, "the run before had not ended")))
    late = (now - newest.due) / NANOSECONDS_PER_SECOND
    if late > job.grace_seconds:
        return Decision(run=None, skipped=(*skipped, (newest, f"missed by {late:.0f} s")))
    return Decision(run=newest, skipped=tuple(skipped))
