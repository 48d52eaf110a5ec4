"""Sends orders and follows them through their states."""

from __future__ import annotations

from decimal import Decimal

from attrs import define

from atlas_core.engine.ports import Recorder
from atlas_core.engine.state import ACTIVE, OrderTrack, PositionTrack, SignalState, State
from atlas_core.model.events import Cancel, Submit
from atlas_core.model.instrument import ONE
from atlas_core.model.orders import (
    Action,
    Order,
    OrderKind,
    OrderRole,
    OrderStatus,
    Touch,
    action_for,
    client_order_id,
)
from atlas_core.model.records import ExitRequested, OrderIntended, OrderMoved
from atlas_core.model.timeframe import SECOND

STILL_HELD = 15 * SECOND
"""How long a refused exit is sent again before its stop comes back."""

END = "end"
"""The rule of exits that close everything."""

PROTECTIVE = (OrderRole.STOP, OrderRole.TARGET)
_WAITING = (OrderStatus.INTENDED, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)
_WORKING = (*_WAITING, OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED)
_FROM: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    OrderStatus.SUBMITTED: (OrderStatus.INTENDED,),
    OrderStatus.ACKNOWLEDGED: _WAITING,
    OrderStatus.UNKNOWN: (OrderStatus.INTENDED, OrderStatus.SUBMITTED),
    OrderStatus.REJECTED: (*_WAITING, OrderStatus.ACKNOWLEDGED),  # many venues acknowledge first and judge then
    OrderStatus.CANCELLED: _WORKING,
    OrderStatus.EXPIRED: _WORKING,
}


def may_move(status: OrderStatus, to: OrderStatus) -> bool:
    """Tell whether an order may go from one status to another; terminal states absorb everything."""
    return status in _FROM.get(to, ())


@define
class OrderDesk:
    """Derives identities, records each intent before its command, and moves orders along."""

    namespace: str
    state: State
    recorder: Recorder
    holds_quantity: bool = False

    def send(
        self,
        *,
        signal_key: str,
        role: OrderRole,
        symbol: str,
        action: Action,
        kind: OrderKind,
        quantity: Decimal,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        reduce_only: bool = False,
        leverage: Decimal = ONE,
        touch: Touch | None = None,
        reference_price: Decimal | None = None,
        reason: str = "",
        rule: str = "",
        linked: bool = False,
    ) -> Order:
        """Record the intent, then ask for the order to be sent.

        `linked`: its fill ends the other linked orders of its trade, so it must close all that is open.
        """
        attempt = self.state.attempts.get((signal_key, role), 0) + 1
        now = self.recorder.now
        order = Order(
            client_order_id=client_order_id(self.namespace, signal_key, role, attempt),
            symbol=symbol,
            action=action,
            kind=kind,
            quantity=quantity,
            role=role,
            signal_key=signal_key,
            attempt=attempt,
            limit_price=limit_price,
            stop_price=stop_price,
            reduce_only=reduce_only,
            leverage=leverage,
            oco_group=signal_key if linked else "",
            created_at=now,
            touch=touch,
            reason=reason,
        )
        self.recorder.write(_intent(order, now, reference_price, rule))
        self.recorder.write(OrderMoved(ts=now, client_order_id=order.client_order_id, status=OrderStatus.SUBMITTED))
        self.state.orders[order.client_order_id].is_from_touch = touch is not None
        self.recorder.command(Submit(order))
        return order

    def close_position(self, position: PositionTrack, rule: str, reason: str, quantity: Decimal | None = None) -> None:
        """Send the market order that closes a position, or `quantity` of it; its fill tells the rest.

        What is still missing of the entry is withdrawn first, or it would fill behind the exit. Where the venue holds
        the quantity of working stops, they are withdrawn too, and the exit waits until it is confirmed that they are
        gone.
        """
        self.withdraw_entries(position.symbol)
        protective = self.protective_orders(position.symbol) if self.holds_quantity else []
        if not protective:
            self._send_exit(position, rule, reason, quantity)
            return
        self._want_exit(position, rule, reason, quantity)
        for track in protective:
            self.cancel(track)

    def close_all(self, reason: str) -> None:
        """Close whatever is open, once."""
        for position in list(self.state.positions.values()):
            if not position.is_closing:
                self.close_position(position, END, reason)

    def close_unwanted(self, symbol: str) -> None:
        """Close what an entry filled after everything was closed; the exit before, of what was known, goes first."""
        position = self.state.positions.get(symbol)
        reason = None if position is None else self.state.unwanted.get(position.signal.key)
        if position is not None and reason is not None and not position.is_closing:
            self.close_position(position, END, reason)

    def resume_exit(self, position: PositionTrack) -> None:
        """Send an exit that waited, once nothing holds the quantity; withdraw again what a restart forgot to."""
        if position.exit_wanted is None:
            return
        protective = self.protective_orders(position.symbol)
        if not protective:
            wanted = position.exit_wanted
            self._send_exit(position, wanted.rule, wanted.reason, wanted.quantity)
        for track in protective:
            if not track.is_withdrawn:
                self.cancel(track)

    def want_again(self, position: PositionTrack, track: OrderTrack) -> None:
        """Ask for a refused exit once more: a venue may go on holding the quantity for a while after a withdrawal."""
        is_still_held = self.recorder.now - position.uncovered_since <= STILL_HELD
        if self.holds_quantity and track.intent.role is OrderRole.EXIT and position.uncovered_since and is_still_held:
            intent = track.intent
            part = intent.quantity if intent.quantity < position.quantity else None
            self._want_exit(position, intent.rule, intent.reason, part)

    def _want_exit(self, position: PositionTrack, rule: str, reason: str, quantity: Decimal | None) -> None:
        self.recorder.write(
            ExitRequested(ts=self.recorder.now, trade_id=position.trade_id, rule=rule, reason=reason, quantity=quantity)
        )

    def _send_exit(self, position: PositionTrack, rule: str, reason: str, quantity: Decimal | None) -> None:
        """Send an exit of `quantity`, or of whatever an exit of a part that is on its way leaves."""
        left = position.quantity - self.state.part_on_its_way(position)
        amount = left if quantity is None else min(quantity, left)
        if amount <= 0:
            return
        self.send(
            signal_key=position.signal.key,
            role=OrderRole.EXIT,
            symbol=position.symbol,
            action=action_for(position.side, opening=False),
            kind=OrderKind.MARKET,
            quantity=amount,
            reduce_only=True,
            leverage=position.leverage,
            reference_price=position.last_price,
            reason=reason,
            rule=rule,
            linked=amount == position.quantity,
        )

    def protective_orders(self, symbol: str) -> list[OrderTrack]:
        """Return the stops and targets of a symbol that may still work."""
        return self.state.working_orders(symbol, PROTECTIVE)

    def withdraw_entries(self, symbol: str = "") -> None:
        """Ask for the withdrawal of entry orders, of one symbol or of all."""
        for track in list(self.state.orders.values()):
            intent = track.intent
            if track.is_working and intent.role is OrderRole.ENTRY and symbol in ("", intent.symbol):
                self.cancel(track)

    def withdraw_orphans(self) -> None:
        """Ask for the withdrawal of what still works for a trade that is over: it could hit the next one.

        So could the rest of an entry, also while an exit is on its way; and no entry fills while entries are stopped.
        After a restart nobody else remembers either.
        """
        for track in list(self.state.orders.values()):
            if not (track.is_withdrawn or track.status.is_terminal) and self._is_orphan(track.intent):
                self.cancel(track)

    def _is_orphan(self, intent: OrderIntended) -> bool:
        position = self.state.positions.get(intent.symbol)
        is_over = position is None or position.signal.key != intent.signal_key
        if intent.role is not OrderRole.ENTRY:
            return is_over
        signal = self.state.signals.get(intent.signal_key)
        was_entered = signal is not None and signal.state is SignalState.OPEN
        is_rest = was_entered and (is_over or (position is not None and position.is_closing))
        return is_rest or self.state.trading_state != ACTIVE

    def cancel(self, track: OrderTrack) -> None:
        """Ask for an order's withdrawal; it stays working until the venue says that it is gone."""
        if not track.is_withdrawn:
            track.is_withdrawn, track.withdrawn_since = True, self.recorder.now
        track.withdrawn_at = self.recorder.now
        self.recorder.command(Cancel(track.intent.client_order_id))

    def find(self, client_id: str) -> OrderTrack | None:
        """Return an order of ours, also one that ended lately; None for one that is not."""
        return self.state.find_order(client_id)

    def move(self, client_id: str, to: OrderStatus, *, venue_order_id: str = "", reason: str = "") -> bool:
        """Move an order; a repeated or late message changes nothing and returns False."""
        track = self.find(client_id)
        if track is None or not may_move(track.status, to):
            return False
        self.recorder.write(
            OrderMoved(
                ts=self.recorder.now, client_order_id=client_id, status=to, venue_order_id=venue_order_id, reason=reason
            )
        )
        return True


def _intent(order: Order, now: int, reference_price: Decimal | None, rule: str) -> OrderIntended:
    return OrderIntended(
        ts=now,
        client_order_id=order.client_order_id,
        signal_key=order.signal_key,
        role=order.role,
        attempt=order.attempt,
        symbol=order.symbol,
        action=order.action,
        order_kind=order.kind,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail_offset=order.trail_offset,
        reduce_only=order.reduce_only,
        leverage=order.leverage,
        oco_group=order.oco_group,
        reason=order.reason,
        rule=rule,
        reference_price=reference_price,
    )
