"""The protection invariant: every open position has a working stop for its whole quantity, or an explicit waiver.

Stops and targets work as orders where the broker takes them; where it does not, the desk watches the prices itself and
closes at the market. A stop only ever moves towards the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import define, evolve

from atlas_core.engine.guard import Guard, raise_alert
from atlas_core.engine.levels import RuledLevels, checked_levels, fitted, nearest
from atlas_core.engine.native import NativeOrders
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import EngineParts, Recorder
from atlas_core.engine.state import OrderTrack, PositionTrack, State, TargetPart
from atlas_core.engine.tracing import traced, waiting_of
from atlas_core.model.decisions import Levels, OrderPlan, Severity
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderKind, OrderRole, OrderStatus, action_for
from atlas_core.model.portfolio import Position
from atlas_core.model.records import LevelsSet, ProtectionChanged
from atlas_core.model.signals import Side, Signal
from atlas_core.model.timeframe import SECOND
from atlas_core.model.waiting import EVERYTHING, Waiting, waiting_for_price

QUICK_TRIES = 4
PATIENT_PAUSE = 60 * SECOND
SHORT_PAUSE = 5 * SECOND
"""The least time between two tries of an exit that was refused, or of an order that the venue ended."""


@define
class ProtectionDesk:
    """Keeps the protective orders of each position equal to what the exit rules ask for."""

    parts: EngineParts
    state: State
    recorder: Recorder
    guard: Guard
    orders: OrderDesk
    native: NativeOrders
    waiver: str = ""
    is_traced: bool = False

    def expected_risk(self, signal: Signal, plan: OrderPlan, price: Decimal) -> tuple[RuledLevels, Decimal | None]:
        """Return the first levels of a position and the money between its entry and its stop."""
        levels = self._merge(self._expected(signal, plan, price))
        if levels.stop is None:
            return levels, None
        multiplier = self.state.instruments[plan.symbol].multiplier
        return levels, abs(price - levels.stop) * plan.quantity * multiplier

    def sync(self, position: PositionTrack) -> None:
        """Make the working stop and target equal to what the rules ask for and to the position's quantity.

        They stay while an exit is on its way: it may be rejected or filled in part. Where they hold the quantity, none
        is placed meanwhile.
        """
        levels = self._tightened(position, self._ruled(position))
        if levels != _levels_of(position):
            self.recorder.write(_levels_set(levels, position.trade_id, self.recorder.now))
        is_withheld = self.native.holds_quantity and self._is_exit_underway(position)
        if self.native.stop and not is_withheld:
            stop = () if levels.stop is None else (TargetPart(levels.stop, position.quantity, levels.stop_rule),)
            self._place(position, OrderRole.STOP, stop)
        if self.native.limit and not is_withheld:
            ordered = evolve(levels, parts=()) if self.native.holds_quantity and levels.parts else levels
            self._place(position, OrderRole.TARGET, ordered.targets(position.quantity))
        self.check(position)

    def tick(self, position: PositionTrack) -> None:
        """Let time pass: send an exit that waited for its stop to be gone, and try again what does not hold."""
        self.orders.resume_exit(position)
        stops = self._stops_of(position)
        self.check(position, stops)
        if self._has_surplus(position, stops):
            self.sync(position)
        else:
            self.retry(position)

    def retry(self, position: PositionTrack) -> None:
        """Try again to protect a position that is not, unless its stop was refused again and again until lately."""
        is_patient = position.refusals >= QUICK_TRIES and self._was_refused_lately(position, OrderRole.STOP)
        if not position.is_protected and not is_patient:
            self.sync(position)

    def refused(self, position: PositionTrack, role: OrderRole) -> None:
        """Look at what a refused order leaves open; after some quick tries of a stop only every minute follows one.

        A target is tried again every minute only. Where there is nothing to close any more, complete reads of the
        account find out in the meantime.
        """
        position.refused_at[role] = self.recorder.now
        if role is OrderRole.STOP:
            position.refusals += 1
        self.check(position)

    def check(self, position: PositionTrack, stops: Sequence[OrderTrack] | None = None) -> None:
        """Compare the working stop with the position; a breach raises an alert and is retried until it holds.

        `stops` are those of the position, where they are known already.
        """
        stops = self._stops_of(position) if stops is None else stops
        covered = self._covered(position, stops)
        if covered == position.quantity:
            position.uncovered_since = 0
            if position.refusals and any(track.status in _TAKEN for track in stops):  # by the venue
                position.refusals = 0
        elif not position.uncovered_since:
            position.uncovered_since = self.recorder.now
        keeps_protection = position.is_protected and self._is_handed_over(position)
        is_protected = bool(self.waiver) or covered == position.quantity or keeps_protection
        if is_protected != position.is_protected:
            self._change(position, covered, is_protected, "trying again at every price")

    def leave(self) -> None:
        """Tell of positions that stay without a stop at the end of a session: nobody waits for their exits any more."""
        for position in self.state.positions.values():
            covered = self._covered(position, self._stops_of(position))
            if position.is_protected and not self.waiver and covered != position.quantity:
                self._change(position, covered, False, "the session ends, the next one tries again")

    def _change(self, position: PositionTrack, covered: Decimal, is_protected: bool, outlook: str) -> None:
        self.recorder.write(
            ProtectionChanged(
                ts=self.recorder.now,
                trade_id=position.trade_id,
                protected=is_protected,
                stop_quantity=covered,
                position_quantity=position.quantity,
                reason="the stop covers the position" if is_protected else "the stop does not cover the position",
            )
        )
        if not is_protected:
            text = f"{position.symbol}: stop for {covered}, position {position.quantity}; {outlook}"
            raise_alert(self.recorder, Severity.CRITICAL, "Position without protection", text, position.symbol)

    def _is_exit_underway(self, position: PositionTrack) -> bool:
        """Tell whether an exit waits or works; one whose outcome is unknown does not count for ever."""
        exit_order = self.state.orders.get(position.exit_order or position.part_order)
        is_unknown = exit_order is not None and exit_order.status is OrderStatus.UNKNOWN
        return position.is_exiting and not (is_unknown and self._is_late(position.exit_asked_at))

    def _is_handed_over(self, position: PositionTrack) -> bool:
        """Tell whether the stop was withdrawn a moment ago for an exit that needs its quantity."""
        return self.native.holds_quantity and position.is_exiting and not self._is_late(position.uncovered_since)

    def _has_surplus(self, position: PositionTrack, stops: Sequence[OrderTrack]) -> bool:
        """Tell whether stops work that nobody asked to withdraw, for more than the position: a crash can leave two."""
        return sum([_leaves(track) for track in stops if not track.is_withdrawn], ZERO) > position.quantity

    def _was_refused_lately(self, position: PositionTrack, role: OrderRole, pause: int = PATIENT_PAUSE) -> bool:
        at = position.refused_at.get(role)
        return at is not None and self.recorder.now - at < pause

    def _is_late(self, since: int) -> bool:
        return self.recorder.now - since > ANSWER_WITHIN

    def watch(self, position: PositionTrack, low: Decimal, high: Decimal) -> None:
        """Close at the market where a level was reached that no order of the broker watches (stop before target).

        Prices may come many times a second: an exit that was refused is not sent again at each of them.
        """
        if position.is_closing or self._was_refused_lately(position, OrderRole.EXIT, SHORT_PAUSE):
            return
        worst, best = (low, high) if position.side is Side.LONG else (high, low)
        sign = position.side.sign
        is_unwatched = not self.native.stop or not position.is_protected
        if is_unwatched and position.stop is not None and (worst - position.stop) * sign <= 0:
            self.orders.close_position(position, position.stop_rule, f"stop {position.stop} reached")
        elif not self.native.limit and position.target is not None and (best - position.target) * sign >= 0:
            self.orders.close_position(position, position.target_rule, f"target {position.target} reached")
        elif (not self.native.limit or self.native.holds_quantity) and not position.is_exiting:
            self._close_parts(position, best)

    def _close_parts(self, position: PositionTrack, best: Decimal) -> None:
        """Close at the market the parts whose targets were reached and that no order of the broker watches."""
        reached = [part for part in position.parts if (best - part.price) * position.side.sign >= 0]
        if reached:
            quantity = sum((part.quantity for part in reached), ZERO)
            self.orders.close_position(
                position, reached[-1].rule, f"target {reached[-1].price} reached", min(quantity, position.quantity)
            )

    def waiting(self, position: PositionTrack) -> Waiting:
        """Return what must happen before a position needs this desk: nothing, where its orders are as they should be.

        The position was synchronised at the last bar, by rules that were traced.
        """
        orders = self.state.working_orders(position.symbol)
        is_unsettled = self.native.holds_quantity or any(track.status not in _TAKEN for track in orders)
        if position.is_exiting or not position.is_protected or is_unsettled:
            return EVERYTHING
        waiting, is_long = position.levels_wait, position.side is Side.LONG
        if not self.native.stop and position.stop is not None:
            waiting = waiting.also(waiting_for_price(position.stop, upward=not is_long))
        for price in () if self.native.limit else (position.target, *(part.price for part in position.parts)):
            if price is not None:
                waiting = waiting.also(waiting_for_price(price, upward=is_long))
        return waiting

    def lost(self, position: PositionTrack, role: OrderRole) -> None:
        """Replace an order that ended without our asking, once in a while: a venue may end every one of them."""
        lost_at = position.lost_at.get(role)
        if lost_at is not None and self.recorder.now - lost_at < SHORT_PAUSE:
            self.check(position)
        else:
            position.lost_at[role] = self.recorder.now
            self.sync(position)

    def withdrawn(self, position: PositionTrack) -> None:
        """Place anew where the withdrawal of an order made room for the one that replaces it."""
        if self.native.holds_quantity:
            self.sync(position)

    def release(self, position: PositionTrack) -> None:
        """Withdraw what still works for a position that is flat."""
        for track in self._orders_of(position):
            self.orders.cancel(track)

    def _ruled(self, position: PositionTrack) -> RuledLevels:
        """Return the levels that the rules ask for now, and note what they depend on where that is asked for."""
        if not self.is_traced:
            return self._merge(position.view())
        view = traced(position.view())
        levels = self._merge(view)
        position.levels_wait = waiting_of(view)
        return levels

    def _merge(self, position: Position) -> RuledLevels:
        """Ask the rules and take the levels nearest to the price, on the tick, and the targets of parts before it.

        Both round in the direction of the position's profit: a stop then risks no more than its rule said, and a target
        pays no less.
        """
        instrument = self.state.instruments[position.symbol]
        on_tick = instrument.round_up if position.side is Side.LONG else instrument.round_down
        merged = RuledLevels()
        for label, rule in self.parts.level_rules:
            levels = self.guard.call(
                f"exit rule {label}",
                position.symbol,
                "kept the levels of the other rules",
                lambda rule=rule: checked_levels(rule.levels(position), on_tick),  # type: ignore[misc]
            )
            merged = nearest(merged, levels or Levels(), label, position.side)
        return fitted(merged, position.quantity, position.side, instrument.round_quantity)

    def _expected(self, signal: Signal, plan: OrderPlan, price: Decimal) -> Position:
        """Return the position that a plan would lead to at `price`."""
        return Position(
            trade_id=0,
            symbol=plan.symbol,
            side=signal.side,
            quantity=plan.quantity,
            entry_price=price,
            opened_at=self.recorder.now,
            signal=signal,
            leverage=plan.leverage,
            highest=price,
            lowest=price,
            last_price=price,
            multiplier=self.state.instruments[plan.symbol].multiplier,
        )

    def _tightened(self, position: PositionTrack, levels: RuledLevels) -> RuledLevels:
        """Keep the present stop where the rules ask for a looser one or for none."""
        if position.stop is None:
            return levels if levels.stop is not None or self.waiver else self._by_signal(position, levels)
        if levels.stop is None or (levels.stop - position.stop) * position.side.sign < 0:
            return evolve(levels, stop=position.stop, stop_rule=position.stop_rule)
        return levels

    def _by_signal(self, position: PositionTrack, levels: RuledLevels) -> RuledLevels:
        """Fall back on the signal's own stop while no rule gives one, because the rules that would have failed."""
        stop = position.signal.stop
        if stop is None or (position.entry_price - stop) * position.side.sign <= 0:
            return levels
        return evolve(levels, stop=stop, stop_rule=DEFAULT_RULE)

    def _place(self, position: PositionTrack, role: OrderRole, wanted: Sequence[TargetPart]) -> None:
        """Let exactly the wanted orders of a role work: send those that are missing, withdraw the others."""
        present = [t for t in self._orders_of(position) if t.intent.role is role]
        working = [t for t in present if not t.is_withdrawn]
        is_bound = self.native.holds_quantity and bool(present)
        must_wait = role is OrderRole.TARGET and self._was_refused_lately(position, role)
        for part in wanted:
            fitting = [t for t in working if _price_of(t) == part.price and _leaves(t) == part.quantity]
            if fitting:
                working.remove(fitting[0])
            elif not is_bound and not must_wait:
                self._send(position, role, part)
        for track in working:
            self.orders.cancel(track)

    def _send(self, position: PositionTrack, role: OrderRole, part: TargetPart) -> None:
        is_stop = role is OrderRole.STOP
        self.orders.send(
            signal_key=position.signal.key,
            role=role,
            symbol=position.symbol,
            action=action_for(position.side, opening=False),
            kind=OrderKind.STOP if is_stop else OrderKind.LIMIT,
            quantity=part.quantity,
            stop_price=part.price if is_stop else None,
            limit_price=None if is_stop else part.price,
            reduce_only=True,
            leverage=position.leverage,
            reference_price=position.last_price,
            reason=f"{role} of trade {position.trade_id}",
            rule=part.rule,
            linked=part.quantity == position.quantity,
        )

    def _orders_of(self, position: PositionTrack) -> list[OrderTrack]:
        return self.orders.protective_orders(position.symbol)

    def _stops_of(self, position: PositionTrack) -> list[OrderTrack]:
        return [track for track in self._orders_of(position) if track.intent.role is OrderRole.STOP]

    def _counts(self, track: OrderTrack) -> bool:
        """Tell whether a stop works at the venue, or was sent a moment ago.

        One that we have withdrawn does not count, nor one of unknown outcome, nor one that two complete reads of the
        account did not have, even where an answer about it says that it works: of two voices the worse one counts.
        """
        if track.is_withdrawn or track.reads_without >= MISSING_READS:
            return False
        is_on_its_way = track.status is OrderStatus.SUBMITTED and self.recorder.now - track.intent.ts <= ANSWER_WITHIN
        return is_on_its_way or track.status in _TAKEN

    def _covered(self, position: PositionTrack, stops: Sequence[OrderTrack]) -> Decimal:
        """Return the quantity that a stop at the right price covers: the position's own where one fits.

        A stop that is being replaced still works beside the new one until the venue confirms its withdrawal.
        """
        if not self.native.stop:
            return position.quantity if position.stop is not None else ZERO
        leaves = [_leaves(t) for t in stops if t.intent.stop_price == position.stop and self._counts(t)]
        return position.quantity if position.quantity in leaves else max(leaves, default=ZERO)


DEFAULT_RULE = "signal"
_TAKEN = (OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED)
MISSING_READS = 2
ANSWER_WITHIN = 9 * SECOND  # so long a stop may be on its way before its position counts as unprotected


def _price_of(track: OrderTrack) -> Decimal | None:
    return track.intent.stop_price if track.intent.role is OrderRole.STOP else track.intent.limit_price


def _leaves(track: OrderTrack) -> Decimal:
    return track.intent.quantity - track.cumulative_quantity


def _levels_of(position: PositionTrack) -> RuledLevels:
    return RuledLevels(position.stop, position.stop_rule, position.target, position.target_rule, position.parts)


def _levels_set(levels: RuledLevels, trade_id: int, now: int) -> LevelsSet:
    return LevelsSet(
        ts=now,
        trade_id=trade_id,
        stop=levels.stop,
        stop_rule=levels.stop_rule,
        target=levels.target,
        target_rule=levels.target_rule,
        part_prices=tuple(part.price for part in levels.parts),
        part_quantities=tuple(part.quantity for part in levels.parts),
        part_rules=tuple(part.rule for part in levels.parts),
    )
