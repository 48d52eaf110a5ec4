"""Prices that come many times a second while the venue refuses what protects or closes a position."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from atlas_core.contracts import Capability
from atlas_core.errors import OrderRefused
from atlas_core.model.events import Quote
from atlas_core.model.orders import Order
from atlas_core.runtime.session import Session
from tests.live_scene import REAL, Scene

MOST_IN_A_MINUTE = 20


def _flood(scene: Scene, role: str, price: float, abilities: Sequence[Capability] = REAL) -> int:
    """Return how often an order of a role was sent in a minute of quotes while the venue refused each of them."""

    def refuse(order: Order) -> None:
        if order.role == role:
            raise OrderRefused("the market is halted")

    async def quotes(session: Session) -> None:
        await asyncio.sleep(3.5 * 60)
        for _ in range(600):
            await session.inbox.put(Quote(scene.venue.now(), "X", price, price, price))
            await asyncio.sleep(0.1)

    def begin(session: Session) -> None:
        tasks.append(asyncio.ensure_future(quotes(session)))

    tasks: list[asyncio.Task[None]] = []
    scene.venue.before["submit"] = refuse
    scene.run(4.6, begin)
    return scene.venue.names().count(role)


def test_a_stop_that_is_refused_is_not_sent_again_at_every_quote() -> None:
    scene = Scene()
    assert 1 <= _flood(scene, "stop", 100.0) <= MOST_IN_A_MINUTE


def test_an_exit_that_is_refused_is_not_sent_again_at_every_quote() -> None:
    scene = Scene(abilities=(Capability.MARKET, Capability.SHORT, Capability.PERP))
    assert 1 <= _flood(scene, "exit", 90.0) <= MOST_IN_A_MINUTE


def test_a_stop_that_the_venue_ends_again_and_again_is_not_replaced_without_end() -> None:
    scene = Scene()

    def end(order: Order) -> None:
        if order.role == "stop":
            scene.venue._tell(scene.venue.venue.withdraw(order.client_order_id, scene.venue.now()))

    scene.venue.after["submit"] = end
    scene.run(4.6)
    assert 1 <= scene.venue.names().count("stop") <= MOST_IN_A_MINUTE
