"""Turns what the broker reports into positions, cash and closed trades.

Quantities come from each order's cumulative quantity, which only grows: lost and repeated reports of fills, and reports
in another order, cannot miscount.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define, evolve, frozen

from atlas_core.engine.guard import raise_alert
from atlas_core.engine.money import booked, booked_cost, tidy
from atlas_core.engine.orders import OrderDesk
from atlas_core.engine.ports import Recorder
from atlas_core.engine.protection import ProtectionDesk
from atlas_core.engine.state import OrderTrack, PositionTrack, State
from atlas_core.errors import EngineError
from atlas_core.model.decisions import OrderPlan, Outcome, Severity
from atlas_core.model.events import FundingCharged, OrderFilled, PositionLiquidated
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.records import (
    FillBooked,
    FundingBooked,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    detected,
)
from atlas_core.model.signals import Signal

NO_TRADE = 0
"""The number on a fill that came after its trade was over."""


@frozen
class Growth:
    """By how much an order's fill grew: quantity, the price of that part, its fee and what its price cost."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    spread: Decimal
    impact: Decimal
    slippage: Decimal

    def split(self, quantity: Decimal, unit: Decimal) -> tuple[Growth, Growth | None]:
        """Return the growth of `quantity` and that of the rest, None where there is no more; amounts add up exactly."""
        if quantity >= self.quantity:
            return self, None
        share = quantity / self.quantity
        names = ("fee", "spread", "impact", "slippage")
        first = {name: booked(getattr(self, name) * share, unit) for name in names}
        rest = {name: getattr(self, name) - first[name] for name in names}
        return (
            evolve(self, quantity=quantity, **first),
            evolve(self, quantity=self.quantity - quantity, **rest),
        )


@frozen
class Ending:
    """Why a position closed, and at which average price."""

    rule: str
    reason: str
    price: Decimal


@define
class Bookkeeper:
    """Books fills, funding and forced closings."""

    unit: Decimal
    state: State
    recorder: Recorder
    orders: OrderDesk
    protection: ProtectionDesk

    def fill(self, event: OrderFilled) -> None:
        """Book what a fill report adds to what was known of the order."""
        track = self.orders.find(event.client_order_id)
        if track is None:
            text = f"order {event.client_order_id} reports {event.cumulative_quantity} at {event.price}"
            raise_alert(self.recorder, Severity.CRITICAL, "Fill of an order that is not ours", text, "foreign-order")
            return
        growth = self._growth(track, event)
        if growth is None:
            return
        if track.intent.role is not OrderRole.ENTRY:
            self._book_exit(track, event, growth)
            return
        rest = self._book_over_closed(track, event, growth)
        if rest is None:
            return
        if track.intent.signal_key in self.state.signals:
            self._book_entry(track, event, rest)
        else:
            self._book_late_entry(track, event, rest)

    def close_outside(self, position: PositionTrack, quantity: Decimal) -> None:
        """Book a part of a position as closed by others, at the last price: what they were paid is not known."""
        gross = (position.last_price * quantity - position.entry_cost * (quantity / position.quantity)) * (
            position.multiplier * position.side.sign
        )
        if quantity < position.quantity:
            cost = position.entry_cost * (quantity / position.quantity)
            self._shrink(position, self.recorder.now, quantity, cost, booked(gross, self.unit))
            return
        ending = Ending("outside", "the venue has no such position any more", position.last_price)
        self._close(position, self.recorder.now, ending, booked(gross, self.unit))

    def fund(self, event: FundingCharged) -> None:
        """Book funding for the open position of a symbol, once for each time at which it is charged."""
        position = self.state.positions.get(event.symbol)
        if position is not None and event.ts > position.funded_at:
            amount = booked_cost(event.amount, self.unit)
            self.recorder.write(
                FundingBooked(
                    ts=event.ts, trade_id=position.trade_id, symbol=event.symbol, rate=event.rate, amount=amount
                )
            )

    def liquidate(self, event: PositionLiquidated) -> None:
        """Book what the venue closed by force.

        Less than the books hold means that an exit had filled that nobody told us of: the rest stays until it is found.
        """
        position = self.state.positions.get(event.symbol)
        if position is None:
            return
        text = f"{event.symbol}: {event.quantity} at {event.price}"
        raise_alert(self.recorder, Severity.CRITICAL, "Position liquidated", text, event.symbol)
        quantity, fee = min(event.quantity, position.quantity), booked_cost(event.fee, self.unit)
        entry_cost = position.entry_cost * (quantity / position.quantity)
        gross = booked((quantity * event.price - entry_cost) * position.multiplier * position.side.sign, self.unit)
        if quantity < position.quantity:
            self._shrink(position, event.ts, quantity, entry_cost, gross - fee)
            return
        cost = position.exit_cost + quantity * event.price
        price = tidy(cost / (position.exit_quantity + quantity))
        ending = Ending("liquidation", f"liquidated by the venue at {event.price}", price)
        self._close(position, event.ts, ending, gross, fee)

    def _growth(self, track: OrderTrack, event: OrderFilled) -> Growth | None:
        quantity = event.cumulative_quantity - track.cumulative_quantity
        if quantity <= 0:
            return None
        cost = event.cumulative_quantity * event.price - track.cumulative_cost
        price = tidy(cost / quantity)
        fee = booked_cost(event.cumulative_fee, self.unit) - track.cumulative_fee
        reference = event.reference_price if event.reference_price is not None else price
        multiplier = self.state.instruments[track.intent.symbol].multiplier
        units = quantity * multiplier
        spread, to_impact, lost = (
            booked(distance * units, self.unit)
            for distance in (
                event.spread,
                event.spread + event.impact,
                (price - reference) * track.intent.action.sign,
            )
        )
        return Growth(quantity, price, fee, spread, to_impact - spread, lost - to_impact)

    def _book_over_closed(self, track: OrderTrack, event: OrderFilled, growth: Growth) -> Growth | None:
        """Book what an entry filled and its exits had closed before that was told; return what is left of it.

        It is a trade that is over at once, at the price of those exits: the venue holds none of it, so nothing of it is
        protected or closed. Beside another trade of its symbol it is booked as any late fill.
        """
        intent = track.intent
        over_closed = self.state.over_closed.get(intent.signal_key)
        if over_closed is None or intent.symbol in self.state.positions:
            return growth
        closed, rest = growth.split(over_closed.quantity, self.unit)
        proceeds = over_closed.proceeds_of(closed.quantity)
        if intent.signal_key in self.state.signals:
            self._open(track, event.ts, closed)
        else:
            self._open_late(track, event.ts, closed)
        position = self.state.positions[intent.symbol]
        so_far = track.cumulative_quantity + closed.quantity
        self._book_fill(track, evolve(event, cumulative_quantity=so_far), closed, position.trade_id)
        gross = (proceeds - position.entry_cost) * position.multiplier * position.side.sign
        reason = "its exits had closed it before its fill was told"
        ending = Ending("late entry", reason, tidy(proceeds / closed.quantity))
        self._close(position, event.ts, ending, booked(gross, self.unit))
        text = f"{closed.quantity} of {intent.symbol} at {closed.price}: {reason}; it was closed at {ending.price}"
        raise_alert(self.recorder, Severity.WARNING, "Late fill explains what was closed", text, intent.symbol)
        return rest

    def _book_entry(self, track: OrderTrack, event: OrderFilled, growth: Growth) -> None:
        intent = track.intent
        position = self.state.positions.get(intent.symbol)
        if position is None:
            self._open(track, event.ts, growth)
        else:
            self._grow(position, event.ts, growth)
        position = self.state.positions[intent.symbol]
        self._book_fill(track, event, growth, position.trade_id)
        self.protection.sync(position)

    def _book_late_entry(self, track: OrderTrack, event: OrderFilled, growth: Growth) -> None:
        """Book an entry that filled after its signal had its verdict, and close what it opened.

        It becomes a trade of its own, of a signal derived from the first one, so that each still ends in one verdict.
        Against an open position it closes that one first.
        """
        intent = track.intent
        text = f"{growth.quantity} of {intent.symbol} at {growth.price}, after {intent.client_order_id} was given up"
        raise_alert(self.recorder, Severity.CRITICAL, "Entry filled late", text, intent.symbol)
        position = self.state.positions.get(intent.symbol)
        if position is not None and position.side.sign != intent.action.sign:
            self._turn(position, track, event, growth)
            return
        if position is None:
            self._open_late(track, event.ts, growth)
        else:
            self._grow(position, event.ts, growth)
        position = self.state.positions[intent.symbol]
        self._book_fill(track, event, growth, position.trade_id)
        self.protection.sync(position)
        if not position.is_closing:
            self.orders.close_position(position, "late entry", "it filled after it was given up")

    def _turn(self, position: PositionTrack, track: OrderTrack, event: OrderFilled, growth: Growth) -> None:
        """Book a late entry against a position: it closes as much as is open, and the rest of it is a late trade."""
        closing, rest = growth.split(position.quantity, self.unit)
        if rest is None:
            self._reduce(position, track, event, growth)
            return
        so_far = track.cumulative_quantity + closing.quantity
        self._reduce(position, track, evolve(event, cumulative_quantity=so_far), closing)
        self._book_late_entry(track, event, rest)

    def _open_late(self, track: OrderTrack, ts: int, growth: Growth) -> None:
        first = track.signal
        if first is None:
            raise EngineError(f"order {track.intent.client_order_id}: expected its signal to be kept, was gone")
        key = f"{first.key}-late-{self.state.trades_opened + 1}"
        signal = evolve(first, key=key, available_at=self.recorder.now)
        self.recorder.write(detected(signal, self.recorder.now))
        self._open_of(signal, track, ts, growth)

    def _open(self, track: OrderTrack, ts: int, growth: Growth) -> None:
        self._open_of(self.state.signals[track.intent.signal_key].signal, track, ts, growth)

    def _open_of(self, signal: Signal, track: OrderTrack, ts: int, growth: Growth) -> None:
        plan = OrderPlan(symbol=track.intent.symbol, quantity=growth.quantity, leverage=track.intent.leverage)
        levels, risk = self.protection.expected_risk(signal, plan, growth.price)
        self.recorder.write(
            PositionOpened(
                ts=ts,
                trade_id=self.state.trades_opened + 1,
                signal_key=signal.key,
                symbol=plan.symbol,
                side=signal.side,
                quantity=growth.quantity,
                price=growth.price,
                leverage=plan.leverage,
                stop=levels.stop,
                target=levels.target,
                initial_risk=risk,
                multiplier=self.state.instruments[plan.symbol].multiplier,
            )
        )

    def _grow(self, position: PositionTrack, ts: int, growth: Growth) -> None:
        quantity = position.quantity + growth.quantity
        cost = position.entry_cost + growth.quantity * growth.price
        risk = position.initial_risk
        if risk is not None and position.stop is not None:
            risk += abs(growth.price - position.stop) * growth.quantity * position.multiplier
        self.recorder.write(
            PositionChanged(
                ts=ts,
                trade_id=position.trade_id,
                quantity=quantity,
                entry_price=tidy(cost / quantity),
                entry_cost=cost,
                initial_risk=risk,
            )
        )

    def _book_exit(self, track: OrderTrack, event: OrderFilled, growth: Growth) -> None:
        """Book what an order closed of the trade that it was sent for; a later trade in its symbol is none of its."""
        position = self.state.positions.get(track.intent.symbol)
        if position is not None and position.signal.key == track.intent.signal_key:
            self._reduce(position, track, event, growth)
            return
        self._book_fill(track, event, growth, trade_id=NO_TRADE)
        self._overclosed(track.intent.symbol, growth.quantity)

    def _reduce(self, position: PositionTrack, track: OrderTrack, event: OrderFilled, growth: Growth) -> None:
        self._book_fill(track, event, growth, position.trade_id)
        quantity = min(growth.quantity, position.quantity)
        if quantity < growth.quantity:
            self._overclosed(position.symbol, growth.quantity - quantity)
        is_last = quantity == position.quantity
        cost = position.entry_cost if is_last else position.entry_cost * (quantity / position.quantity)
        gross = (quantity * growth.price - cost) * position.multiplier * position.side.sign
        if is_last:
            self._close(position, event.ts, _ending(position, track), booked(gross, self.unit))
        else:
            self._shrink(position, event.ts, quantity, cost, booked(gross, self.unit))

    def _overclosed(self, symbol: str, excess: Decimal) -> None:
        text = f"{symbol}: {excess} more than was open; the venue may hold a position that is not in the books"
        raise_alert(self.recorder, Severity.CRITICAL, "More was closed than was open", text, symbol)

    def _shrink(self, position: PositionTrack, ts: int, quantity: Decimal, cost: Decimal, realised: Decimal) -> None:
        self.recorder.write(
            PositionChanged(
                ts=ts,
                trade_id=position.trade_id,
                quantity=position.quantity - quantity,
                entry_price=position.entry_price,
                entry_cost=position.entry_cost - cost,
                initial_risk=position.initial_risk,
                realised=realised,
            )
        )
        self.protection.sync(position)

    def _book_fill(self, track: OrderTrack, event: OrderFilled, growth: Growth, trade_id: int) -> None:
        is_whole = event.cumulative_quantity >= track.intent.quantity
        self.recorder.write(
            FillBooked(
                ts=event.ts,
                client_order_id=event.client_order_id,
                symbol=track.intent.symbol,
                status=OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED,
                quantity=growth.quantity,
                price=growth.price,
                fee=growth.fee,
                slippage=growth.slippage,
                cumulative_quantity=event.cumulative_quantity,
                liquidity=event.liquidity,
                ambiguous=event.ambiguous,
                trade_id=trade_id,
                spread=growth.spread,
                impact=growth.impact,
                basis=event.basis,
            )
        )

    def _close(
        self, position: PositionTrack, ts: int, ending: Ending, last_gross: Decimal, extra_fee: Decimal = ZERO
    ) -> None:
        gross = position.realised + last_gross
        fees = position.fees + extra_fee
        net = gross - fees - position.funding
        risk = position.initial_risk
        self.recorder.write(
            PositionClosed(
                ts=ts,
                trade_id=position.trade_id,
                signal_key=position.signal.key,
                symbol=position.symbol,
                timeframe=position.signal.timeframe,
                pattern=position.signal.pattern,
                side=position.side,
                quantity=position.entered_quantity,
                entry_price=position.entry_price,
                exit_price=ending.price,
                opened_at=position.opened_at,
                gross=gross,
                fees=fees,
                slippage=position.slippage,
                funding=position.funding,
                net=net,
                r_multiple=round(float(net / risk), 6) if risk else None,
                reason=ending.reason,
                rule=ending.rule,
                highest=max(position.highest, ending.price),
                lowest=min(position.lowest, ending.price),
                ambiguous=position.is_ambiguous,
                spread=position.spread,
                impact=position.impact,
                liquidation_fee=extra_fee,
            )
        )
        self.protection.release(position)
        self.settle(position.signal.key, position.symbol)

    def settle(self, signal_key: str, symbol: str) -> None:
        """Give a signal its verdict once it is flat and its entry can fill no more.

        Of an entry that is filled in part the rest is withdrawn first: it could still fill on the way.
        """
        last = self.state.last_closed.get(symbol)
        if signal_key not in self.state.signals or symbol in self.state.positions or last is None:
            return
        entries = [
            track
            for track in self.state.working_orders(symbol)
            if track.intent.signal_key == signal_key and track.intent.role is OrderRole.ENTRY
        ]
        for track in entries:
            self.orders.cancel(track)
        if not entries:
            self.recorder.end(signal_key, Outcome.CLOSED, last.rule, last.reason)


def _ending(position: PositionTrack, track: OrderTrack) -> Ending:
    price = tidy(position.exit_cost / position.exit_quantity)
    intent = track.intent
    if intent.role is OrderRole.STOP:
        return Ending(intent.rule, f"stop {intent.stop_price} reached", price)
    if intent.role is OrderRole.TARGET:
        return Ending(intent.rule, f"target {intent.limit_price} reached", price)
    return Ending(intent.rule, intent.reason, price)
