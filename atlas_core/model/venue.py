"""What a venue says of an account: its orders, its positions, its money. Facts of the venue, never our own books."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import Action, Order, OrderKind, OrderStatus
from atlas_core.model.portfolio import Account
from atlas_core.model.signals import Side


@frozen(kw_only=True)
class OrderReport:
    """One order as the venue has it.

    `cumulative_quantity`, `average_price` and `cumulative_fee` are totals of the order so far. A status word that the
    plugin does not know is `unknown`, never a guess. `client_order_id` is empty where the order was sent without one.
    """

    symbol: str
    action: Action
    kind: OrderKind
    quantity: Decimal
    status: OrderStatus
    client_order_id: str = ""
    venue_order_id: str = ""
    cumulative_quantity: Decimal = ZERO
    average_price: Decimal | None = None
    cumulative_fee: Decimal = ZERO
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False


@frozen(kw_only=True)
class VenuePosition:
    """What the venue holds for the account in one symbol; the quantity is above 0."""

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal


@frozen(kw_only=True)
class VenueSnapshot:
    """One complete read of an account: every working order and every open position, or nothing at all.

    `account_id` names the account, so that a profile never trades with the keys of another one.
    """

    account: Account
    orders: tuple[OrderReport, ...] = ()
    positions: tuple[VenuePosition, ...] = ()
    account_id: str = ""


@frozen(kw_only=True)
class CarriedPosition:
    """A position that a simulated account held when its process ended; `quantity` is below 0 for a short.

    `cost` is the exact sum of price times quantity times multiplier, with the sign of the quantity.
    """

    symbol: str
    quantity: Decimal
    cost: Decimal
    leverage: Decimal
    last_price: Decimal
    seen_at: int


@frozen(kw_only=True)
class CarriedOrder:
    """An order that worked in a simulated account when its process ended, and what had been filled of it."""

    order: Order
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    fee: Decimal = ZERO


@frozen(kw_only=True)
class CarriedAccount:
    """A simulated account as its journal left it: what the next process goes on with."""

    cash: Decimal
    positions: tuple[CarriedPosition, ...] = ()
    orders: tuple[CarriedOrder, ...] = ()
