"""What must happen in a market before one of its events can cause anything."""

from __future__ import annotations

from atlas_core.model.waiting import EVERYTHING, NEVER, NOTHING, Waiting
from atlas_core.simulation.market import Market
from atlas_core.simulation.working import Stance, Working


def waiting_in(market: Market) -> Waiting:
    """Return what the orders and the holding of a market wait for; funding is not in it.

    An order that waits for no price alone (it takes what comes, follows the price, has not arrived or met the market
    yet) lets every bar count, and so does the rest of a bar in which an entry was filled.
    """
    if market.windows:
        return EVERYTHING
    waiting = NOTHING
    if market.liquidation is not None:
        waiting = _price(market, market.liquidation, upward=market.holding.sign < 0)
    for working in market.orders.values():
        if working.stance is Stance.MARKET or working.offset or not working.resting:
            return EVERYTHING
        waiting = waiting.also(_level(market, working))
    return waiting


def _level(market: Market, working: Working) -> Waiting:
    expires_at = working.order.expires_at
    ending = Waiting(at=NEVER if expires_at is None else expires_at)
    if working.stance is Stance.STOP:
        return ending.also(_price(market, working.stop, upward=working.sign > 0))
    if working.limit is None:
        return EVERYTHING
    return ending.also(_price(market, working.limit, upward=working.sign < 0))


def _price(market: Market, ticks: int, *, upward: bool) -> Waiting:
    price = float(market.instrument.from_ticks(ticks))
    return Waiting(above=price) if upward else Waiting(below=price)
