"""What a simulated account goes on with after a restart: the engine's state, told as the venue keeps it."""

from __future__ import annotations

from atlas_core.engine.state import OrderTrack, PositionTrack, State
from atlas_core.model.orders import Order, OrderStatus
from atlas_core.model.records import OrderIntended
from atlas_core.model.venue import CarriedAccount, CarriedOrder, CarriedPosition

_AT_THE_VENUE = (OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED)


def carried_account(state: State, seen_at: int) -> CarriedAccount:
    """Return cash, positions and working orders; `seen_at` is when the last prices were seen."""
    return CarriedAccount(
        cash=state.cash,
        positions=tuple(_position(track, seen_at) for track in state.positions.values()),
        orders=tuple(_order(track) for track in state.orders.values() if track.status in _AT_THE_VENUE),
    )


def _position(track: PositionTrack, seen_at: int) -> CarriedPosition:
    sign = track.side.sign
    return CarriedPosition(
        symbol=track.symbol,
        quantity=sign * track.quantity,
        cost=sign * track.entry_cost * track.multiplier,
        leverage=track.leverage,
        last_price=track.last_price,
        seen_at=seen_at,
    )


def _order(track: OrderTrack) -> CarriedOrder:
    return CarriedOrder(
        order=order_of(track.intent),
        filled=track.cumulative_quantity,
        paid=track.cumulative_cost,
        fee=track.cumulative_fee,
    )


def order_of(intent: OrderIntended) -> Order:
    """Return the order that an intent is about."""
    return Order(
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        action=intent.action,
        kind=intent.order_kind,
        quantity=intent.quantity,
        role=intent.role,
        signal_key=intent.signal_key,
        attempt=intent.attempt,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
        trail_offset=intent.trail_offset,
        reduce_only=intent.reduce_only,
        leverage=intent.leverage,
        oco_group=intent.oco_group,
        created_at=intent.ts,
        reason=intent.reason,
    )
