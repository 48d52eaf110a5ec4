"""What is kept of a signal, an order and a position while they live."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from attrs import Factory, define, evolve, frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole, OrderStatus
from atlas_core.model.portfolio import Position
from atlas_core.model.records import ExitRequested, OrderIntended
from atlas_core.model.signals import Side, Signal
from atlas_core.model.waiting import EVERYTHING, Waiting


class SignalState(StrEnum):
    """Where a signal stands on its way to its one verdict."""

    DETECTED = "detected"
    ARMED = "armed"
    ENTERING = "entering"
    OPEN = "open"


@define
class SignalTrack:
    """A signal that has no verdict yet; `sizing` is what its size was chosen from."""

    signal: Signal
    state: SignalState = SignalState.DETECTED
    sizing: Mapping[str, Any] = Factory(dict)


@define
class OrderTrack:
    """An order and what became of it so far.

    `not_found` counts the venue's answers since `not_found_since` that it does not know the order; `signal` is kept for
    an order that outlives the verdict of its signal. Notes of the moment stand beside it: that a touch caused it, that
    we asked for its end (since when, when last, and whether people know that it is overdue), when we asked for its
    state last and up to when the venue's answers tell it, and that complete reads of the account had no such order (how
    many in a row).
    """

    intent: OrderIntended
    status: OrderStatus = OrderStatus.INTENDED
    cumulative_quantity: Decimal = ZERO
    cumulative_cost: Decimal = ZERO
    cumulative_fee: Decimal = ZERO
    moved_at: int = 0
    not_found: int = 0
    not_found_since: int = 0
    not_found_at: int = 0
    signal: Signal | None = None
    is_from_touch: bool = False
    is_withdrawn: bool = False
    withdrawn_since: int = 0
    withdrawn_at: int = 0
    is_overdue: bool = False
    asked_at: int = 0
    answered_at: int = 0
    times_asked: int = 0
    is_missing: bool = False
    reads_without: int = 0

    @property
    def is_working(self) -> bool:
        """Tell whether the order can still do something."""
        return not self.status.is_terminal

    def was_heard_of(self) -> None:
        """Forget that the venue did not know the order: since then it has told of it."""
        self.not_found = self.not_found_since = self.not_found_at = 0
        self.is_missing = False


@frozen
class OverClosed:
    """What exits of a signal closed beyond what was known of its entry; `proceeds` sum price times quantity.

    `since` is when that was told last.
    """

    symbol: str
    quantity: Decimal
    proceeds: Decimal
    since: int

    def proceeds_of(self, quantity: Decimal) -> Decimal:
        """Return what `quantity` of it was closed for; all of it gives the exact sum."""
        return self.proceeds if quantity == self.quantity else self.proceeds * (quantity / self.quantity)

    def without(self, quantity: Decimal) -> OverClosed | None:
        """Return what is left when `quantity` more of the entry is known, None when that explains it all."""
        if quantity >= self.quantity:
            return None
        proceeds = self.proceeds - self.proceeds_of(quantity)
        return evolve(self, quantity=self.quantity - quantity, proceeds=proceeds)


@frozen
class TargetPart:
    """A price at which a part of a position shall be closed, and the rule that says so."""

    price: Decimal
    quantity: Decimal
    rule: str


@define
class PositionTrack:
    """An open position; `entry_cost` is the exact sum of price times quantity of what is still open.

    `parts` are the targets of parts, nearest first; `part_order` is an exit of a part that is on its way, `exit_order`
    one of all that is left.
    """

    trade_id: int
    signal: Signal
    symbol: str
    side: Side
    opened_at: int
    leverage: Decimal
    quantity: Decimal
    entry_cost: Decimal
    multiplier: Decimal
    last_price: Decimal
    highest: Decimal
    lowest: Decimal
    closed_quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    exit_cost: Decimal = ZERO
    exit_quantity: Decimal = ZERO
    initial_risk: Decimal | None = None
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    spread: Decimal = ZERO
    slippage: Decimal = ZERO
    impact: Decimal = ZERO
    funding: Decimal = ZERO
    funded_at: int = 0
    stop: Decimal | None = None
    stop_rule: str = ""
    target: Decimal | None = None
    target_rule: str = ""
    parts: tuple[TargetPart, ...] = ()
    bars_held: int = 0
    is_ambiguous: bool = False
    is_protected: bool = True
    lost_at: dict[OrderRole, int] = Factory(dict)
    exit_order: str = ""
    part_order: str = ""
    sizing: Mapping[str, Any] = Factory(dict)
    exit_wanted: ExitRequested | None = None
    exit_asked_at: int = 0
    uncovered_since: int = 0
    refusals: int = 0
    refused_at: dict[OrderRole, int] = Factory(dict)
    levels_wait: Waiting = EVERYTHING

    @property
    def is_closing(self) -> bool:
        """Tell whether an exit of all was asked for: sent, or waiting for the protective orders to be gone."""
        return bool(self.exit_order) or (self.exit_wanted is not None and self.exit_wanted.quantity is None)

    @property
    def is_exiting(self) -> bool:
        """Tell whether an exit was asked for, of all or of a part."""
        return bool(self.exit_order or self.part_order) or self.exit_wanted is not None

    @property
    def entered_quantity(self) -> Decimal:
        """Return what was entered so far, also what has been closed of it."""
        return self.quantity + self.closed_quantity

    def saw(self, opened_at: int, low: Decimal, high: Decimal, close: Decimal, bars: int = 1) -> None:
        """Note the extremes that were certainly seen while the position was open.

        Of the bar inside which a position was opened only the close is certain.
        """
        is_whole = self.opened_at <= opened_at
        self.highest = max(self.highest, high if is_whole else close)
        self.lowest = min(self.lowest, low if is_whole else close)
        self.last_price = close
        self.bars_held += bars

    def unrealised_at(self, price: Decimal) -> Decimal:
        """Return the open profit or loss at a price."""
        return (price * self.quantity - self.entry_cost) * self.multiplier * self.side.sign

    def view(self) -> Position:
        """Return the snapshot that deciders get."""
        return Position(
            trade_id=self.trade_id,
            symbol=self.symbol,
            side=self.side,
            quantity=self.quantity,
            entry_price=self.entry_price,
            opened_at=self.opened_at,
            signal=self.signal,
            leverage=self.leverage,
            highest=self.highest,
            lowest=self.lowest,
            last_price=self.last_price,
            bars_held=self.bars_held,
            fees=self.fees,
            funding=self.funding,
            initial_risk=self.initial_risk,
            multiplier=self.multiplier,
            sizing=self.sizing,
            closed_quantity=self.closed_quantity,
        )
