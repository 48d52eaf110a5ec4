"""Planted faults: a daemon with one of them must be found out, or the harness has no eyes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any


def send_again() -> None:
    """A broker says of an unclear answer that nothing was sent, so the order is sent again."""
    from atlas_core.errors import NotSent
    from tests.faults.loopback.plugin import LoopbackBroker

    submit = LoopbackBroker.submit

    async def careless(self: Any, order: Any) -> None:
        try:
            await submit(self, order)
        except Exception as error:
            raise NotSent(str(error)) from error

    LoopbackBroker.submit = careless  # type: ignore[method-assign]


def place_no_stop() -> None:
    """No stop is placed, and nobody is told."""
    from atlas_core.engine.protection import ProtectionDesk

    ProtectionDesk._place = lambda *_: None  # type: ignore[method-assign]
    ProtectionDesk.check = lambda *_: None  # type: ignore[method-assign]


def send_before_the_commit() -> None:
    """What was decided leaves before it is written."""
    from atlas_core.runtime.live_desk import LiveDesk

    flush, turns = LiveDesk.flush, count()

    def eager(self: Any) -> None:
        requests, self._requests = self._requests, []
        for request in requests:
            self.gateway.dispatch(request)
        if next(turns) % 5 == 0:
            flush(self)

    LiveDesk.flush = eager  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    "send again": send_again,
    "place no stop": place_no_stop,
    "send before the commit": send_before_the_commit,
}
