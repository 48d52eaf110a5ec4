"""The conversation between engine and broker that follows one event, the same for every driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence

from atlas_core.engine.engine import Engine
from atlas_core.model.events import BrokerEvent, Command, Event

Answers = Sequence[BrokerEvent]


def converse(engine: Engine, events: Iterable[Event]) -> Generator[Command, Answers, None]:
    """Yield each command that follows from `events`; send back what the broker answered at once.

    Answers are processed in the order in which they came, until there is nothing left to say.
    """
    pending: deque[Event] = deque(events)
    while pending:
        for command in engine.process(pending.popleft()):
            pending.extend((yield command))
