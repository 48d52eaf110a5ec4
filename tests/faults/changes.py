"""Changes of the client that make up the mutants: each replaces a method or a figure by a worse one, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zlib import crc32

from attrs import evolve

from atlas_core.engine import bookkeeping, guard, inquiry, protection, reconciling
from atlas_core.engine import orders as order_module
from atlas_core.engine.bookkeeping import Bookkeeper, Growth
from atlas_core.engine.engine import Engine
from atlas_core.engine.inquiry import InquiryDesk
from atlas_core.engine.limits import LimitDesk
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.reconciling import ReconcileDesk
from atlas_core.engine.signals import SignalDesk
from atlas_core.engine.state import PositionTrack
from atlas_core.model.events import OrderRejected, OrderUnknown, Submit
from atlas_core.model.instrument import Instrument
from atlas_core.model.orders import Order, OrderRole, OrderStatus
from atlas_core.runtime import gateway as gateway_module
from atlas_core.runtime import session as session_module
from atlas_core.runtime.gateway import OrderGateway
from atlas_core.runtime.live_desk import LiveDesk
from atlas_core.runtime.reconciler import Reconciler
from atlas_core.watching import Scribe
from tests.faults.changes_outside import OUTSIDE
from tests.faults.changing import Change, both, false, nothing, swap, true, without_limit, wrap

# --- the order path


def _new_identity(send: Any) -> Any:
    async def again(self: OrderGateway, order: Order) -> None:
        submit, tries = self.broker.submit, 0

        class Other:
            async def submit(_, same: Order) -> None:
                nonlocal tries
                tries += 1
                name = same.client_order_id if tries == 1 else f"{same.client_order_id[:-2]}{tries:02d}"
                await submit(evolve(same, client_order_id=name))

        self.broker, real = Other(), self.broker  # type: ignore[assignment]
        try:
            await send(self, order)
        finally:
            self.broker = real

    return again


def _refused_when_unknown(tell: Any) -> Any:
    def dispatch(self: OrderGateway, command: Any) -> None:
        if not getattr(self.tell, "is_mutant", False):
            real = self.tell

            def other(item: Any) -> None:
                if isinstance(item, OrderUnknown):
                    item = OrderRejected(ts=item.ts, client_order_id=item.client_order_id, reason=item.reason)
                real(item)

            other.is_mutant = True  # type: ignore[attr-defined]
            self.tell = other
        tell(self, command)

    return dispatch


def _failed_question_is_not_found(find: Any) -> Any:
    async def ask(self: OrderGateway, name: str) -> None:
        before = self.broker.find

        class Other:
            async def find(_, asked: str) -> Any:
                try:
                    return await before(asked)
                except Exception:
                    return None

        self.broker, real = Other(), self.broker  # type: ignore[assignment]
        try:
            await find(self, name)
        finally:
            self.broker = real

    return ask


def _blind_resend(send: Any) -> Any:
    async def twice(self: OrderGateway, order: Order) -> None:
        told: list[Any] = []
        real, self.tell = self.tell, told.append
        try:
            await send(self, order)
        finally:
            self.tell = real
        if any(isinstance(item, OrderUnknown) for item in told):
            await send(self, order)
        else:
            for item in told:
                real(item)

    return twice


def _dispatch_first(flush: Any) -> Any:
    def other(self: LiveDesk) -> None:
        if not self._requests:
            flush(self)
            return
        requests, self._requests = self._requests, []
        for request in requests:
            self.gateway.dispatch(request)
        asyncio.get_running_loop().call_later(0.02, flush, self)

    return other


def _resend_at_restart(start: Any) -> Any:
    def begin(self: LiveDesk, ts: int) -> None:
        start(self, ts)
        for track in list(self.engine.state.orders.values()):
            if track.status is OrderStatus.UNKNOWN:
                i = track.intent
                order = Order(
                    client_order_id=i.client_order_id, symbol=i.symbol, action=i.action, kind=i.order_kind,
                    quantity=i.quantity, role=i.role, signal_key=i.signal_key, attempt=i.attempt,
                    limit_price=i.limit_price, stop_price=i.stop_price, reduce_only=i.reduce_only,
                    created_at=self.engine.recorder.now,
                )  # fmt: skip
                self.gateway.dispatch(Submit(order))

    return begin


def _permit_remembered(denial: Any) -> Any:
    def first(self: OrderGateway, order: Order) -> str:
        said = denial(self, order)
        return "" if order.role is OrderRole.ENTRY and "kill" in said else str(said)

    return first


# --- proofs


def _ended_at_once(self: InquiryDesk, client_order_id: str) -> Any:
    track = self.state.orders.get(client_order_id)
    if track is None or track.status not in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
        return None
    return OrderRejected(ts=self.recorder.now, client_order_id=client_order_id, reason="not found")


def _always_missing(missing_in: Any) -> Any:
    def found(self: InquiryDesk, client_order_id: str) -> Any:
        track = self.state.orders.get(client_order_id)
        if track is not None:
            track.is_missing = True
        return missing_in(self, client_order_id)

    return found


# --- books


def _increments(growth: Any) -> Any:
    def added(self: Bookkeeper, track: Any, event: Any) -> Growth | None:
        found = growth(self, track, event)
        if found is None and track.cumulative_quantity and event.cumulative_quantity and not track.status.is_terminal:
            return Growth(event.cumulative_quantity, event.price, *[Decimal(0)] * 4)
        return found  # type: ignore[no-any-return]

    return added


def _capped(growth: Any) -> Any:
    def upto(self: Bookkeeper, track: Any, event: Any) -> Any:
        total = min(event.cumulative_quantity, track.intent.quantity)
        return growth(self, track, evolve(event, cumulative_quantity=total))

    return upto


def _without_fee(growth: Any) -> Any:
    def free(self: Bookkeeper, track: Any, event: Any) -> Growth | None:
        found = growth(self, track, event)
        return None if found is None else evolve(found, fee=Decimal(0))

    return free


def _fill_of_symbol(self: Bookkeeper, track: Any, event: Any, growth: Growth) -> None:
    position = self.state.positions.get(track.intent.symbol)
    if position is not None:
        self._reduce(position, track, event, growth)
    else:
        self._overclosed(track.intent.symbol, growth.quantity)


# --- protection


def _sent_otherwise(change: Callable[[OrderDesk, dict[str, Any]], dict[str, Any] | None]) -> Callable[[Any], Any]:
    def around(send: Any) -> Any:
        def other(self: OrderDesk, **asked: Any) -> Any:
            changed = change(self, asked)
            return None if changed is None else send(self, **changed)

        return other

    return around


def _for_the_ordered_quantity(desk: OrderDesk, asked: dict[str, Any]) -> dict[str, Any]:
    entry = [
        t
        for t in desk.state.orders.values()
        if t.intent.signal_key == asked["signal_key"] and t.intent.role is OrderRole.ENTRY
    ]
    if asked["role"] is OrderRole.STOP and entry:
        return {**asked, "quantity": entry[0].intent.quantity}
    return asked


def _none_in_eight(desk: OrderDesk, asked: dict[str, Any]) -> dict[str, Any] | None:
    return None if asked["role"] is OrderRole.STOP and crc32(asked["signal_key"].encode()) % 8 == 0 else asked


def _not_reducing(desk: OrderDesk, asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "reduce_only": False}


def _wrong_side(desk: OrderDesk, asked: dict[str, Any]) -> dict[str, Any]:
    if asked["role"] is not OrderRole.EXIT:
        return asked
    action = asked["action"]
    return {**asked, "action": next(other for other in type(action) if other is not action), "reduce_only": True}


def _twice(desk: OrderDesk, asked: dict[str, Any]) -> dict[str, Any]:
    if asked["role"] is OrderRole.STOP:
        return {**asked, "quantity": asked["quantity"] * 2}
    return asked


def _off_the_tick(_self: Instrument, price: Decimal) -> Decimal:
    return price + Decimal("0.0037")


# --- restarts


def _after_restore(change: Callable[[Engine], None]) -> Callable[[Any], Any]:
    def around(restore: Any) -> Any:
        def other(self: Engine, records: Any) -> None:
            restore(self, records)
            change(self)

        return other

    return around


def _cancels_stops(resume: Any) -> Any:
    def other(self: Engine, record: Any) -> None:
        resume(self, record)
        for track in self.state.orders.values():
            if track.is_working and track.intent.role is OrderRole.STOP:
                self.orders.cancel(track)

    return other


# --- limits


def _quiet(words: str) -> Change:
    """Return the change that keeps an alert from being raised, in every module that raises some."""

    def around(raise_alert: Any) -> Any:
        def other(recorder: Any, severity: Any, title: str, text: str, key: str) -> None:
            if words not in title:
                raise_alert(recorder, severity, title, text, key)

        return other

    modules = (guard, protection, bookkeeping, reconciling, inquiry)
    return both(*(wrap(module, "raise_alert", around) for module in modules))


def _lossy(flush: Any) -> Any:
    def other(self: Scribe[Any]) -> None:
        if len(self._waiting) > 3:
            self._waiting.pop(1)
        flush(self)

    return other


def _leaky(dispatch: Any) -> Any:
    def other(self: OrderGateway, command: Any) -> None:
        dispatch(self, command)
        asyncio.get_running_loop().create_task(asyncio.sleep(10**9), name="leaked")

    return other


def _adopts_foreign(self: ReconcileDesk, symbol: str, ledger: Decimal, venue: Decimal) -> None:
    position = self.state.positions.get(symbol)
    self._doubts.pop(symbol, None)
    if position is None and venue:
        self.recorder.command(_cancel_of(symbol))


def _cancel_of(symbol: str) -> Any:
    from atlas_core.model.events import Cancel

    return Cancel(f"web-{symbol}")


def _believed_at_once(self: ReconcileDesk, *_: Any) -> bool:
    return True


def _no_closing(position: PositionTrack) -> bool:
    return False


CHANGES: dict[str, Change] = OUTSIDE | {
    "new identity on retry": wrap(OrderGateway, "_send", _new_identity),
    "time-out is a refusal": wrap(OrderGateway, "dispatch", _refused_when_unknown),
    "failed question is not found": wrap(OrderGateway, "_find", _failed_question_is_not_found),
    "not found is a refusal": swap(InquiryDesk, "not_found", _ended_at_once),
    "one answer is a proof": swap(inquiry, "PROOF_ANSWERS", 1),
    "proof without a span": both(swap(inquiry, "PROOF_SPAN", 0), swap(inquiry, "REQUEST_ENDS_AFTER", 0)),
    "proof without a read": wrap(InquiryDesk, "not_found", _always_missing),
    "blind resend": wrap(OrderGateway, "_send", _blind_resend),
    "resend at restart": wrap(LiveDesk, "start", _resend_at_restart),
    "commands before the commit": wrap(LiveDesk, "flush", _dispatch_first),
    "kill read from memory": wrap(OrderGateway, "_denial", _permit_remembered),
    "throttle not obeyed": swap(OrderGateway, "_keep_quiet", lambda _self, **_asked: asyncio.sleep(0)),
    "entries sent however old": both(
        swap(gateway_module, "ENTRY_LIVES", 10**18), swap(gateway_module, "LONGEST_QUIET", 900.0),
        swap(session_module, "LEAVES_WITHIN", 10**18),
    ),
    "fill events counted": wrap(Bookkeeper, "_growth", _increments),
    "overfill cut off": wrap(Bookkeeper, "_growth", _capped),
    "ends do not absorb": swap(order_module, "may_move", true),
    "late fill on the next trade": swap(Bookkeeper, "_book_exit", _fill_of_symbol),
    "liquidation ignored": swap(Bookkeeper, "liquidate", nothing),
    "stop for the ordered quantity": wrap(OrderDesk, "send", _sent_otherwise(_for_the_ordered_quantity)),
    "stop for twice the quantity": wrap(OrderDesk, "send", _sent_otherwise(_twice)),
    "no stop for 1 in 8": wrap(OrderDesk, "send", _sent_otherwise(_none_in_eight)),
    "exit without reduce-only": wrap(OrderDesk, "send", _sent_otherwise(_not_reducing)),
    "exit on the wrong side": wrap(OrderDesk, "send", _sent_otherwise(_wrong_side)),
    "no alarm": _quiet("Position without protection"),
    "overdue withdrawal told to nobody": _quiet("Order not withdrawn"),
    "divergence told to nobody": _quiet("Position changed outside"),
    "cancelled stop not replaced": both(swap(ProtectionDesk, "lost", nothing), swap(ProtectionDesk, "check", nothing)),
    "stop not released": swap(ProtectionDesk, "release", nothing),
    "surplus stays": swap(ProtectionDesk, "_has_surplus", false),
    "orphans stay": swap(OrderDesk, "withdraw_orphans", nothing),
    "handed over for ever": swap(ProtectionDesk, "_is_late", false),
    "exit does not wait for its stop": swap(OrderDesk, "protective_orders", lambda *_: []),
    "exits are forgotten": swap(OrderDesk, "resume_exit", nothing),
    "second exit beside the first": swap(PositionTrack, "is_closing", property(_no_closing)),
    "prices off the tick": swap(Instrument, "round_up", _off_the_tick),
    "quantities off the lot": swap(Instrument, "round_quantity", lambda _self, quantity: quantity / 3),
    "no reconcile": swap(ReconcileDesk, "compare", nothing),
    "orders of a read ignored": swap(ReconcileDesk, "reported", lambda *_: iter(())),
    "account read once": wrap(Reconciler, "run", lambda _: _read_once),
    "one read is believed": swap(ReconcileDesk, "_is_believed", _believed_at_once),
    "unanswered orders explain nothing": swap(ReconcileDesk, "_related", lambda *_: []),
    "strays left alone": swap(ReconcileDesk, "_stray", nothing),
    "foreign holdings touched": swap(ReconcileDesk, "_follow", _adopts_foreign),
    "entries ignore live entries": swap(LimitDesk, "_entry_orders", lambda _self: []),
    "left-overs do not block": without_limit("unknown_order"),
    "reads may be old": both(
        without_limit("reconcile_age_seconds"), swap(ReconcileDesk, "refusal", lambda _self: "")
    ),
    "no limit on entries a minute": without_limit("max_orders_per_minute"),
    "no limit on positions": without_limit("max_positions"),
    "no limit on exposure": both(without_limit("max_exposure_pct"), without_limit("buying_power")),
    "halt not obeyed": without_limit("kill_switch"),
    "halt forgotten at restart": wrap(
        Engine, "restore", _after_restore(lambda engine: setattr(engine.state, "trading_state", "active"))
    ),
    "signals forgotten at restart": wrap(Engine, "restore", _after_restore(lambda engine: engine.state.seen.clear())),
    "attempts forgotten at restart": wrap(
        Engine, "restore", _after_restore(lambda engine: engine.state.attempts.clear())
    ),
    "positions forgotten at restart": wrap(
        Engine, "restore", _after_restore(lambda engine: engine.state.positions.clear())
    ),
    "stops withdrawn at restart": wrap(Engine, "resume", _cancels_stops),
    "signals never expire": both(
        swap(SignalDesk, "expire", nothing), swap(SignalDesk, "resume", nothing),
        swap(session_module, "LEAVES_WITHIN", 10**18),
    ),
    "records lost on their way": wrap(Scribe, "flush", _lossy),
    "tasks leak": wrap(OrderGateway, "dispatch", _leaky),
    "fees not booked": wrap(Bookkeeper, "_growth", _without_fee),
    "without judging protection": swap(ProtectionDesk, "check", nothing),
    "without questions": swap(InquiryDesk, "tick", nothing),
    "without ticks of protection": swap(ProtectionDesk, "tick", nothing),
}  # fmt: skip


async def _read_once(self: Reconciler) -> None:
    await self._read()
    await asyncio.Event().wait()
