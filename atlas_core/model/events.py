"""What goes into the engine (events) and what comes out (commands). Times are nanoseconds UTC."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

from atlas_core.model.decisions import Alert
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import FillBasis, Liquidity, Order
from atlas_core.model.venue import OrderReport, VenueSnapshot

if TYPE_CHECKING:
    from atlas_core.model.refusals import SignalSheet
    from atlas_core.model.signals import SignalTable


class Phase(IntEnum):
    """The order of events within one instant.

    OPENING is the first print of the bar that begins at that instant: it comes after everything that belongs to
    the time that ended with it.
    """

    BROKER = 0
    MARKET = 1
    TIMER = 2
    CONTROL = 3
    OPENING = 4


@frozen
class BarOpened:
    """The first print of a bar."""

    ts: int
    symbol: str
    price: float


@frozen
class BarClosed:
    """A closed bar of the base timeframe; `ts` is when it became available."""

    ts: int
    symbol: str
    opened_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@frozen
class BarPart(BarClosed):
    """A finer bar inside the base bar that is going on: it decides fills and triggers, and no decision is asked for."""


@frozen
class Quote:
    """The best bid and ask, and the last trade where there was one."""

    ts: int
    symbol: str
    bid: float
    ask: float
    last: float


@frozen
class FundingDue:
    """A perpetual's funding time: `rate` is the fraction of the notional that longs pay (shorts when negative)."""

    ts: int
    symbol: str
    rate: Decimal


class JudgedRows(NamedTuple):
    """The rows `first` to `last` (exclusive) of a sheet of signals that the masking gates have judged."""

    sheet: SignalSheet
    first: int
    last: int


@frozen
class SignalsFound:
    """The rows that one scanner found at one instant; where they were judged before, they are rows of a sheet."""

    ts: int
    scanner: str
    table: SignalTable
    judged: JudgedRows | None = None


MarketEvent = BarOpened | BarClosed | Quote | FundingDue


@frozen(kw_only=True)
class OrderAccepted:
    """The venue has the order."""

    ts: int
    client_order_id: str
    venue_order_id: str = ""


@frozen(kw_only=True)
class OrderFilled:
    """The venue filled an order, wholly or in part.

    `cumulative_quantity` and `cumulative_fee` are totals of the order so far, so that lost, late and repeated
    messages cannot miscount; `price` is the average over the whole order. `ambiguous` marks a fill whose order
    inside a bar could not be known and was decided against us (by optimistic fills: for us).

    The rest is of this fill alone: `reference_price` is the middle of the market, `spread` and `impact` are what a unit
    lost to half of the spread and to its own size, `basis` is what it was decided on.
    """

    ts: int
    client_order_id: str
    cumulative_quantity: Decimal
    price: Decimal
    cumulative_fee: Decimal
    liquidity: Liquidity = Liquidity.TAKER
    reference_price: Decimal | None = None
    ambiguous: bool = False
    spread: Decimal = ZERO
    impact: Decimal = ZERO
    basis: FillBasis = FillBasis.PRINT


@frozen(kw_only=True)
class OrderCancelled:
    """The order is gone without (further) fills."""

    ts: int
    client_order_id: str
    reason: str = ""


@frozen(kw_only=True)
class OrderRejected:
    """The venue refused the order; nothing of it was done."""

    ts: int
    client_order_id: str
    reason: str


@frozen(kw_only=True)
class OrderExpired:
    """The order's own time ran out."""

    ts: int
    client_order_id: str


@frozen(kw_only=True)
class OrderUnknown:
    """The outcome of a request is not known; only the venue's answer to a query may resolve it."""

    ts: int
    client_order_id: str
    reason: str


@frozen(kw_only=True)
class FundingCharged:
    """Funding was paid (`amount` above 0) or received (below 0) for a position."""

    ts: int
    symbol: str
    rate: Decimal
    amount: Decimal


@frozen(kw_only=True)
class PositionLiquidated:
    """The venue closed a position by force."""

    ts: int
    symbol: str
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO


BrokerEvent = (
    OrderAccepted
    | OrderFilled
    | OrderCancelled
    | OrderRejected
    | OrderExpired
    | OrderUnknown
    | FundingCharged
    | PositionLiquidated
)


@frozen(kw_only=True)
class OrderReported:
    """The venue's answer to a question about one order: it has it, in this state."""

    ts: int
    report: OrderReport


@frozen(kw_only=True)
class OrderNotFound:
    """The venue's answer to a question about one order: it does not know it. Evidence, and not yet a proof."""

    ts: int
    client_order_id: str


@frozen(kw_only=True)
class AccountRead:
    """A complete read of the account that began at `asked_at`: what changed since then may be missing in it."""

    ts: int
    asked_at: int
    snapshot: VenueSnapshot


VenueAnswer = OrderReported | OrderNotFound | AccountRead


@frozen
class Tick:
    """Time passes: what waits for an answer, a proof or a confirmation is looked at."""

    ts: int


@frozen
class TimerFired:
    """A time that the engine asked for has come."""

    ts: int
    key: str


@frozen
class OperatorCommand:
    """A person's command: `halt`, `resume`, `close` (argument `symbol`), `acknowledge` or `wind-down`."""

    ts: int
    name: str
    actor: str = "operator"
    arguments: Mapping[str, Any] = field(factory=dict)


Event = MarketEvent | SignalsFound | BrokerEvent | VenueAnswer | Tick | TimerFired | OperatorCommand


@frozen
class Submit:
    """Send the order; its intent is already recorded."""

    order: Order


@frozen
class Cancel:
    """Withdraw the order."""

    client_order_id: str


@frozen
class Query:
    """Ask the venue what became of the order."""

    client_order_id: str


@frozen
class Raise:
    """Tell people."""

    alert: Alert


@frozen
class CallAt:
    """Send `TimerFired(key)` at `ts`."""

    ts: int
    key: str


Command = Submit | Cancel | Query | Raise | CallAt
