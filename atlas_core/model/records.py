# ruff: noqa: PLC0414  (every record can be imported from here)
"""What the journal holds: every decision and every change of state, as immutable records.

State is what applying these records in order gives. Prices, quantities and money are Decimal; `value` and
`threshold` are the numbers a decision compared; times are nanoseconds UTC. A record's `subject` is what it is about
(a signal key, a client order id, a trade number or a symbol) and is indexed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from atlas_core.model.decisions import Outcome, Severity
from atlas_core.model.instrument import ONE, ZERO
from atlas_core.model.orders import Action, FillBasis, Liquidity, OrderKind, OrderRole, OrderStatus
from atlas_core.model.record import OrderRecord as OrderRecord
from atlas_core.model.record import Record as Record
from atlas_core.model.record import SignalRecord as SignalRecord
from atlas_core.model.record import TradeRecord as TradeRecord
from atlas_core.model.session_records import AccountReconciled as AccountReconciled
from atlas_core.model.session_records import ExitRequested as ExitRequested
from atlas_core.model.session_records import ForeignFound as ForeignFound
from atlas_core.model.session_records import OrderQueried as OrderQueried
from atlas_core.model.session_records import PositionAdjusted as PositionAdjusted
from atlas_core.model.session_records import SessionPaused as SessionPaused
from atlas_core.model.session_records import SessionResumed as SessionResumed
from atlas_core.model.signals import EntryKind, Side, Signal


@frozen(kw_only=True)
class RunStarted(Record):
    """A run began with this composition; it holds nothing that differs between two equal runs.

    `cost_model` and `fill_model` say in words what the broker charges and when it fills, empty where it does not tell.
    """

    kind = "run_started"
    profile: str
    mode: str
    synthetic: bool
    seed: int
    starting_cash: Decimal
    quote: str
    base_timeframe: str
    symbols: tuple[str, ...]
    profile_digest: str
    components: tuple[str, ...]
    cost_model: str = ""
    fill_model: str = ""


@frozen(kw_only=True)
class SignalDetected(SignalRecord):
    """A scanner made a signal."""

    kind = "signal_detected"
    scanner: str
    symbol: str
    timeframe: str
    pattern: str
    side: Side
    entry: EntryKind
    setup_at: int
    valid_until: int
    trigger: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    cancel_beyond: Decimal | None
    void_beyond: Decimal | None
    score: float
    context: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class GateAnswered(SignalRecord):
    """A gate let a signal pass (`approve`) or pass smaller (`scale`); a refusal is a verdict instead."""

    kind = "gate_answered"
    gate: str
    answer: str
    reason: str = ""
    value: float | None = None
    threshold: float | None = None
    factor: Decimal | None = None


@frozen(kw_only=True)
class SignalArmed(SignalRecord):
    """The signal waits for its trigger."""

    kind = "signal_armed"


@frozen(kw_only=True)
class SignalTriggered(SignalRecord):
    """The market took the trigger (or the entry is at the market); `price` is the price that did it."""

    kind = "signal_triggered"
    price: Decimal


@frozen(kw_only=True)
class SignalSized(SignalRecord):
    """The sizer chose instrument and quantity."""

    kind = "signal_sized"
    sizer: str
    symbol: str
    quantity: Decimal
    leverage: Decimal
    reason: str
    inputs: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class LimitChecked(SignalRecord):
    """A kernel-owned limit was checked and held; a breach is a verdict instead."""

    kind = "limit_checked"
    limit: str
    value: float
    threshold: float


@frozen(kw_only=True)
class VerdictReached(SignalRecord):
    """How a signal ended: exactly one per signal. `by` names the gate, limit, sizer, broker or exit rule."""

    kind = "verdict_reached"
    outcome: Outcome
    by: str
    reason: str
    value: float | None = None
    threshold: float | None = None


@frozen(kw_only=True)
class OrderIntended(OrderRecord):
    """An order is about to be sent; written before the command to send it is given.

    `rule` names the exit rule behind it (empty for entries), `reference_price` is the price that the decision saw.
    """

    kind = "order_intended"
    signal_key: str
    role: OrderRole
    attempt: int
    symbol: str
    action: Action
    order_kind: OrderKind
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_offset: Decimal | None
    reduce_only: bool
    leverage: Decimal
    oco_group: str
    reason: str
    rule: str = ""
    reference_price: Decimal | None = None


@frozen(kw_only=True)
class OrderMoved(OrderRecord):
    """An order changed its status without a fill."""

    kind = "order_moved"
    status: OrderStatus
    venue_order_id: str = ""
    reason: str = ""


@frozen(kw_only=True)
class FillBooked(OrderRecord):
    """The filled quantity of an order grew by `quantity` at `price`, for `fee`.

    `spread`, `slippage` and `impact` are money lost to each; `basis` is what the fill was decided on.
    """

    kind = "fill_booked"
    symbol: str
    status: OrderStatus
    quantity: Decimal
    price: Decimal
    fee: Decimal
    slippage: Decimal
    cumulative_quantity: Decimal
    liquidity: Liquidity
    ambiguous: bool
    trade_id: int = 0
    spread: Decimal = ZERO
    impact: Decimal = ZERO
    basis: FillBasis = FillBasis.PRINT


@frozen(kw_only=True)
class PositionOpened(TradeRecord):
    """The first fill of an entry; `multiplier` is the units of the underlying in one contract."""

    kind = "position_opened"
    signal_key: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    leverage: Decimal
    stop: Decimal | None
    target: Decimal | None
    initial_risk: Decimal | None
    multiplier: Decimal = ONE


@frozen(kw_only=True)
class PositionChanged(TradeRecord):
    """A further entry fill or a partial exit.

    `quantity`, `entry_price` and `entry_cost` (the exact sum of price times quantity) are the new state, `realised` is
    what this change booked.
    """

    kind = "position_changed"
    quantity: Decimal
    entry_price: Decimal
    initial_risk: Decimal | None
    entry_cost: Decimal = ZERO
    realised: Decimal = ZERO


@frozen(kw_only=True)
class LevelsSet(TradeRecord):
    """The protective stop and the target that now work for a position, and the rules that set them.

    The three columns of `part_…` hold the targets of parts, nearest first.
    """

    kind = "levels_set"
    stop: Decimal | None
    stop_rule: str
    target: Decimal | None
    target_rule: str
    part_prices: tuple[Decimal, ...] = ()
    part_quantities: tuple[Decimal, ...] = ()
    part_rules: tuple[str, ...] = ()


@frozen(kw_only=True)
class ExitDecided(TradeRecord):
    """An exit rule answered; `acted` tells whether an exit order was sent for it; no `quantity` means all."""

    kind = "exit_decided"
    rule: str
    reason: str
    value: float | None
    threshold: float | None
    acted: bool
    quantity: Decimal | None = None


@frozen(kw_only=True)
class ProtectionChanged(TradeRecord):
    """A position became protected, or is not: `stop_quantity` against `position_quantity`."""

    kind = "protection_changed"
    protected: bool
    stop_quantity: Decimal
    position_quantity: Decimal
    reason: str


@frozen(kw_only=True)
class FundingBooked(TradeRecord):
    """Funding paid (above 0) or received (below 0)."""

    kind = "funding_booked"
    symbol: str
    rate: Decimal
    amount: Decimal


@frozen(kw_only=True)
class PositionClosed(TradeRecord):
    """The position is flat; `net` is `gross - fees - funding`.

    `spread`, `slippage` and `impact` are the parts of `gross` that were lost to each, `liquidation_fee` is the part of
    `fees` that a forced close cost.
    """

    kind = "position_closed"
    signal_key: str
    symbol: str
    timeframe: str
    pattern: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    opened_at: int
    gross: Decimal
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    net: Decimal
    r_multiple: float | None
    reason: str
    rule: str
    highest: Decimal
    lowest: Decimal
    ambiguous: bool
    spread: Decimal = ZERO
    impact: Decimal = ZERO
    liquidation_fee: Decimal = ZERO


@frozen(kw_only=True)
class AlertRaised(Record):
    """People were told."""

    kind = "alert_raised"
    severity: Severity
    title: str
    text: str
    key: str


@frozen(kw_only=True)
class TradingStateChanged(Record):
    """Entries were stopped (`halted`; `daily_loss`: until the next trading day) or allowed again (`active`).

    `equity` is what a later drawdown is measured from, where a person allowed entries again.
    """

    kind = "trading_state_changed"
    state: str
    by: str
    reason: str
    value: float | None = None
    threshold: float | None = None
    equity: Decimal | None = None


@frozen(kw_only=True)
class EquityMarked(Record):
    """The account marked to the market, at the end of a trading day (`is_day_end`) or of the run."""

    kind = "equity_marked"
    cash: Decimal
    equity: Decimal
    exposure: Decimal
    price_by_symbol: Mapping[str, str] = field(factory=dict)
    is_day_end: bool = True


@frozen(kw_only=True)
class ComponentFailed(Record):
    """A component raised; the policy of its kind was applied."""

    kind = "component_failed"
    component: str
    error: str
    policy: str

    @property
    def subject(self) -> str:
        return self.component


@frozen(kw_only=True)
class OperatorActed(Record):
    """A person gave a command."""

    kind = "operator_acted"
    name: str
    actor: str
    arguments: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class RunFinished(Record):
    """The run ended in good order."""

    kind = "run_finished"
    reason: str
    cash: Decimal
    equity: Decimal


RECORD_TYPES: tuple[type[Record], ...] = (
    RunStarted, SignalDetected, GateAnswered, SignalArmed, SignalTriggered, SignalSized, LimitChecked,
    VerdictReached, OrderIntended, OrderMoved, FillBooked, PositionOpened, PositionChanged, LevelsSet, ExitDecided,
    ProtectionChanged, FundingBooked, PositionClosed, AlertRaised, TradingStateChanged, EquityMarked,
    ComponentFailed, OperatorActed, RunFinished, OrderQueried, ExitRequested, PositionAdjusted, AccountReconciled,
    ForeignFound, SessionResumed, SessionPaused,
)  # fmt: skip


def detected(signal: Signal, now: int) -> SignalDetected:
    """Return the record that a signal was found at `now`."""
    return SignalDetected(
        ts=now,
        key=signal.key,
        scanner=signal.scanner,
        symbol=signal.symbol,
        timeframe=signal.timeframe,
        pattern=signal.pattern,
        side=signal.side,
        entry=signal.entry,
        setup_at=signal.setup_at,
        valid_until=signal.valid_until,
        trigger=signal.trigger,
        stop=signal.stop,
        target=signal.target,
        cancel_beyond=signal.cancel_beyond,
        void_beyond=signal.void_beyond,
        score=signal.score,
        context=dict(signal.context),
    )
