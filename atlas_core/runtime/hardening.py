"""What keeps the plugins of a session from delaying each other: threads, deadlines and loops of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from attrs import evolve

from atlas_core.runtime.bounded_calls import BackgroundCalls, BoundedCalls
from atlas_core.runtime.isolation import Isolation
from atlas_core.runtime.session import SessionPlan


@contextmanager
def hardened(plan: SessionPlan) -> Iterator[SessionPlan]:
    """Return the plan of a session that goes on in real time: no plugin is called in the thread of the session's loop.

    The threads end with the context, except those that a plugin does not let go. A session in simulated time needs none
    of this, and a virtual loop allows none.
    """
    with BoundedCalls() as calls, closing(BackgroundCalls()) as background, Isolation() as isolation:
        yield evolve(plan, calls=calls, background=background, isolation=isolation)
