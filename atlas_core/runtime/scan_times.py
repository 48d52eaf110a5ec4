"""At which of the times at which bars close the scanners look: the `[schedule]` of a profile, for every way to run it.

A pure function of the profile, so that a back-test leaves out exactly the scans that a session does not make.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from attrs import define
from numpy.typing import NDArray

from atlas_core.marketdata.us_equities import ZONE, us_equity_sessions
from atlas_core.model.session import TradingSession
from atlas_core.model.timeframe import DAY
from atlas_core.profile import Profile
from atlas_core.runtime.schedule import Every, Job, MarketHours, Trigger, read_trigger

SCAN = "scan"


@cache
def market_hours(session: TradingSession | None) -> MarketHours | None:
    """Return the hours of a trading session; None for one that never closes, or for none."""
    if session is not TradingSession.US_EQUITIES:
        return None
    sessions = us_equity_sessions()
    return MarketHours(sessions.opens_at.tolist(), sessions.closes_at.tolist(), str(ZONE))


def scan_job(profile: Profile) -> Job | None:
    """Return when scans are due; None: whenever a bar that a scanner needs closes."""
    schedule = profile.schedule
    hours = market_hours(profile.universe.session)
    triggers: list[Trigger] = [read_trigger(text, schedule.zone, hours) for text in schedule.scan_at]
    if schedule.scan_every is not None:
        triggers.append(Every(schedule.scan_every))
    return Job(name=SCAN, triggers=tuple(triggers)) if triggers else None


@define
class ScanTimes:
    """Tells whether scanners look at the bars that close at a time; without a job they always do."""

    job: Job | None = None
    _known: tuple[int, int, frozenset[int]] = (0, 0, frozenset())

    def allows(self, ts: int) -> bool:
        """Tell whether a scan is due at this very time."""
        if self.job is None:
            return True
        after, until, due = self._known
        if not after < ts <= until:
            after, until = ts - 1, ts + DAY
            due = frozenset(slot.due for slot in self.job.slots(after, until))
            self._known = after, until, due
        return ts in due

    def mask(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `allows` of each of many times."""
        if self.job is None or not len(times):
            return np.ones(len(times), dtype=np.bool_)
        due = [slot.due for slot in self.job.slots(int(times.min()) - 1, int(times.max()))]
        return np.isin(times, np.array(due, dtype=np.int64))
