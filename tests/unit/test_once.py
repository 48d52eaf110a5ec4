"""`--once` in real time: what the first scan finds is taken and sent, however long the scanners work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from atlas_core.runtime.bounded_calls import BackgroundCalls
from atlas_core.runtime.face import SessionFace
from atlas_core.runtime.progress import ProgressBoard
from atlas_core.runtime.session import Session
from tests.live_scene import Scene

WORKS_FOR = 10


class SlowCalls(BackgroundCalls):
    """Answers ten seconds of the virtual loop later."""

    def begin(self, component: str, ask: Callable[[], Any]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_later(WORKS_FOR, lambda: answer.set_result(ask()))
        return answer


@pytest.mark.parametrize("signals", [((1, "X", 1),), ()])
def test_a_session_has_looked_when_the_answer_was_taken_and_its_orders_have_left(signals: Any) -> None:
    scene = Scene(signals=signals, background=SlowCalls())
    seen: list[tuple[float, list[str]]] = []

    def begin(session: Session) -> None:
        loop = asyncio.get_running_loop()
        face = SessionFace(session, scene.journal, ProgressBoard(loop.time))

        def look() -> None:
            if face.has_looked():
                orders = scene.venue.venue.snapshot().orders
                seen.append((loop.time(), [order.symbol for order in orders]))
            else:
                loop.call_later(0.01, look)

        look()

    scene.run(2, begin)
    [(looked_at, symbols)] = seen
    assert 60 + WORKS_FOR <= looked_at < 60 + WORKS_FOR + 1
    assert symbols == [symbol for _, symbol, _ in signals]
