"""The decisions of a run, each under a name that two runs of the same profile share.

Identifiers of orders and numbers of trades differ between a back-test and a session. What was decided about one signal
does not: everything is named after the signal, and counted where it happens more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from attrs import asdict, define, field, frozen

from atlas_core.model.orders import OrderStatus
from atlas_core.model.record import OrderRecord, TradeRecord
from atlas_core.model.records import (
    ComponentFailed,
    ExitDecided,
    FillBooked,
    FundingBooked,
    GateAnswered,
    LevelsSet,
    OrderIntended,
    OrderMoved,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Record,
    SignalDetected,
    SignalSized,
    SignalTriggered,
    TradingStateChanged,
    VerdictReached,
)


class DecisionKind(StrEnum):
    """The kinds of decisions, in the order of a trade."""

    SIGNAL = "signal"
    GATE = "gate"
    TRIGGER = "trigger"
    SIZE = "size"
    VERDICT = "verdict"
    ORDER = "order"
    ORDER_END = "order end"
    FILL = "fill"
    POSITION = "position"
    LEVELS = "levels"
    FUNDING = "funding"
    EXIT = "exit"
    CLOSED = "closed"
    STATE = "trading state"
    FAILURE = "failure"


_KINDS: dict[type[Record], DecisionKind] = {
    SignalDetected: DecisionKind.SIGNAL,
    GateAnswered: DecisionKind.GATE,
    SignalTriggered: DecisionKind.TRIGGER,
    SignalSized: DecisionKind.SIZE,
    VerdictReached: DecisionKind.VERDICT,
    OrderIntended: DecisionKind.ORDER,
    OrderMoved: DecisionKind.ORDER_END,
    FillBooked: DecisionKind.FILL,
    PositionOpened: DecisionKind.POSITION,
    PositionChanged: DecisionKind.POSITION,
    LevelsSet: DecisionKind.LEVELS,
    FundingBooked: DecisionKind.FUNDING,
    ExitDecided: DecisionKind.EXIT,
    PositionClosed: DecisionKind.CLOSED,
    TradingStateChanged: DecisionKind.STATE,
    ComponentFailed: DecisionKind.FAILURE,
}
_OWN = {"ts", "key", "signal_key", "client_order_id", "trade_id", "oco_group", "venue_order_id", "attempt"}
_ENDED = {OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.UNKNOWN}

Name = tuple[Any, ...]


@frozen(kw_only=True)
class Decision:
    """One decision: its name, when it was made (nanoseconds UTC), in which symbol, and what it says.

    `chain` is the key of the signal that it goes back to, empty for what concerns the whole account; `place` counts the
    decisions of a chain.
    """

    name: Name
    kind: DecisionKind
    ts: int
    chain: str
    place: int
    symbol: str
    facts: dict[str, Any]


def decisions_of(records: Iterable[Record]) -> list[Decision]:
    """Return the decisions of a run in their order."""
    return list(_Reader().read(records))


@define
class _Reader:
    """Follows orders and trades back to their signals."""

    _of_order: dict[str, Name] = field(factory=dict)
    _of_trade: dict[int, str] = field(factory=dict)
    _symbol_of: dict[str, str] = field(factory=dict)
    _counts: Counter[Name] = field(factory=Counter)

    def read(self, records: Iterable[Record]) -> Iterator[Decision]:
        for record in records:
            kind = _KINDS.get(type(record))
            if kind is None or (isinstance(record, OrderMoved) and record.status not in _ENDED):
                continue
            chain, *more = self._about(record)
            if isinstance(record, SignalDetected):
                self._symbol_of[chain] = record.symbol
            facts = {name: value for name, value in asdict(record, recurse=False).items() if name not in _OWN}
            yield Decision(
                name=self._counted((kind, chain, *more)),
                kind=kind,
                ts=record.ts,
                chain=chain,
                place=self._counted(("place", chain))[-1],
                symbol=self._symbol_of.get(chain, ""),
                facts=facts,
            )

    def _about(self, record: Record) -> Name:
        """Return the key of the signal behind a record, and what tells it from others about the same signal."""
        if isinstance(record, OrderRecord):
            return self._about_order(record)
        if isinstance(record, TradeRecord):
            return self._about_trade(record)
        if isinstance(record, ComponentFailed):
            return "", record.component
        key = getattr(record, "key", "")
        return (key, record.gate) if isinstance(record, GateAnswered) else (key,)

    def _about_order(self, record: OrderRecord) -> Name:
        if isinstance(record, OrderIntended):
            own = self._counted(("order", record.signal_key, record.role.value))
            self._of_order[record.client_order_id] = own[1:]
            return own[1:3]
        return self._of_order.get(record.client_order_id, ("",))

    def _about_trade(self, record: TradeRecord) -> Name:
        if isinstance(record, PositionOpened):
            self._of_trade[record.trade_id] = record.signal_key
        key = self._of_trade.get(record.trade_id, "")
        return (key, record.rule) if isinstance(record, ExitDecided) else (key,)

    def _counted(self, name: Name) -> Name:
        self._counts[name] += 1
        return (*name, self._counts[name])
