"""Orders and the states they can be in."""

from __future__ import annotations

import hashlib
import uuid
from decimal import Decimal
from enum import StrEnum

from attrs import frozen

from atlas_core.model.instrument import ONE
from atlas_core.model.signals import Side


class Action(StrEnum):
    """What an order does."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for buy and -1 for sell."""
        return 1 if self is Action.BUY else -1


def action_for(side: Side, *, opening: bool) -> Action:
    """Return the action that opens or closes a position of `side`."""
    return Action.BUY if (side is Side.LONG) == opening else Action.SELL


class OrderKind(StrEnum):
    """The order types of the simulated venue and of most real ones."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop-limit"
    TRAILING_STOP = "trailing-stop"


class OrderRole(StrEnum):
    """Why an order exists."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class OrderStatus(StrEnum):
    """`unknown` means that the outcome of a request is not known; it blocks new orders in that instrument."""

    INTENDED = "intended"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    is_terminal: bool
    """Whether nothing more can happen to the order."""

    def __new__(cls, value: str) -> OrderStatus:
        """Make a member that knows whether it is an end: that is asked at every look at an order."""
        status = str.__new__(cls, value)
        status._value_ = value
        status.is_terminal = value in ("filled", "cancelled", "rejected", "expired")
        return status


class Liquidity(StrEnum):
    """Whether a fill took liquidity or made it."""

    MAKER = "maker"
    TAKER = "taker"


class FillBasis(StrEnum):
    """What a simulated fill was decided on: a price that was seen, the range of a bar, or finer bars inside it."""

    PRINT = "print"
    BAR = "bar"
    DETAIL = "detail"


@frozen
class Touch:
    """The price inside a bar that caused an order, and whether the market came to it from below.

    With it a venue that sees only bars knows which part of the bar came after the order.
    """

    price: Decimal
    upward: bool


@frozen(kw_only=True)
class Order:
    """One intent: what shall be done, never what became of it.

    Quantities are in units of the instrument (positive), prices on its tick. `oco_group` links orders of which a
    fill of one cancels the others. `trail_offset` is the distance in price that a trailing stop keeps.
    """

    client_order_id: str
    symbol: str
    action: Action
    kind: OrderKind
    quantity: Decimal
    role: OrderRole
    signal_key: str
    attempt: int = 1
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_offset: Decimal | None = None
    reduce_only: bool = False
    leverage: Decimal = ONE
    oco_group: str = ""
    created_at: int = 0
    expires_at: int | None = None
    touch: Touch | None = None
    reason: str = ""


def client_order_id(namespace: str, signal_key: str, leg: str, attempt: int) -> str:
    """Derive an order's identity: the same intent has the same id after any restart (RFC 9562 version 8 UUID).

    Its last two bytes mark it as one of `namespace`, so that `is_order_of` knows it without the journal.
    """
    facts = "\x1f".join((namespace, signal_key, leg, str(attempt)))
    digest = bytearray(hashlib.sha256(facts.encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    digest[14:] = _mark(namespace, bytes(digest[:14]))
    return str(uuid.UUID(bytes=bytes(digest)))


def is_order_of(namespace: str, text: str) -> bool:
    """Tell whether an identity was derived in `namespace`; a stranger's passes once in 65,536."""
    try:
        identity = uuid.UUID(text)
    except ValueError:
        return False
    return identity.version == 8 and identity.bytes[14:] == _mark(namespace, identity.bytes[:14])


def _mark(namespace: str, identity: bytes) -> bytes:
    return hashlib.sha256(identity + namespace.encode()).digest()[:2]
