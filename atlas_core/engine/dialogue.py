"""The conversation between engine and broker that follows one event, the same for every driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence

from atlas_core.engine.engine import Engine
from atlas_core.errors import EngineError
from atlas_core.model.events import BrokerEvent, Command, Event

Answers = Sequence[BrokerEvent]
LONGEST = 100_000


def converse(engine: Engine, events: Iterable[Event]) -> Generator[Command, Answers, None]:
    """Yield each command that follows from `events`; send back what the broker answered at once.

    Answers are processed in the order in which they came, until there is nothing left to say. Raises EngineError for a
    conversation that does not end.
    """
    pending: deque[Event] = deque(events)
    said = 0
    while pending:
        for command in engine.process(pending.popleft()):
            said += 1
            if said > LONGEST:
                raise EngineError(f"expected an end of the conversation with the broker, was still saying {command}")
            pending.extend((yield command))
