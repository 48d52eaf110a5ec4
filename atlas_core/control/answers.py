"""What the reading commands answer: rows of the journal beside the last sign of life, for every face the same.

A session need not run: the journal answers then, and the heartbeat says since when it is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from attrs import frozen

from atlas_core.control.beat import Heartbeat
from atlas_core.journal import JournalReader, OrderRow, TradeRow
from atlas_core.model.decisions import Severity
from atlas_core.model.instrument import ONE
from atlas_core.model.records import ComponentFailed, PositionOpened
from atlas_core.model.signals import Side

_ENTERING = "submitted"


@frozen(kw_only=True)
class PositionAnswer:
    """One open position; `mark` and what follows from it are None where no price is known."""

    trade_id: int
    symbol: str
    side: Side
    quantity: Decimal
    leverage: Decimal | None
    opened_at: int
    entry_price: Decimal
    stop: Decimal | None
    target: Decimal | None
    mark: Decimal | None
    unrealised: Decimal | None
    r_multiple: float | None


@frozen(kw_only=True)
class TradeAnswer:
    """One closed trade; money in the quote currency."""

    trade_id: int
    symbol: str
    setup: str
    side: Side
    quantity: Decimal
    opened_at: int
    closed_at: int | None
    entry_price: Decimal
    exit_price: Decimal | None
    rule: str | None
    net: Decimal | None
    r_multiple: float | None


@frozen(kw_only=True)
class ErrorAnswer:
    """Something that went wrong, or that people were told; `key` names the matter for `ack`."""

    ts: int
    severity: str
    title: str
    text: str
    key: str = ""


def positions(reader: JournalReader, marks: Mapping[str, str]) -> tuple[PositionAnswer, ...]:
    """Return the open positions with their last prices."""
    trades = reader.trades(state="open")
    opened = {
        record.trade_id: record
        for record in reader.records(["position_opened"], [str(trade.trade_id) for trade in trades])
        if isinstance(record, PositionOpened)
    }
    return tuple(_position(trade, opened.get(trade.trade_id), _decimal(marks.get(trade.symbol))) for trade in trades)


def _position(trade: TradeRow, opened: PositionOpened | None, mark: Decimal | None) -> PositionAnswer:
    multiplier = ONE if opened is None else opened.multiplier
    gained = None if mark is None else (mark - trade.entry_price) * trade.quantity * multiplier * trade.side.sign
    risk = trade.initial_risk
    return PositionAnswer(
        trade_id=trade.trade_id, symbol=trade.symbol, side=trade.side, quantity=trade.quantity,
        leverage=trade.leverage, opened_at=trade.opened_at, entry_price=trade.entry_price, stop=trade.stop,
        target=trade.target, mark=mark, unrealised=gained,
        r_multiple=float(gained / risk) if gained is not None and risk else None,
    )  # fmt: skip


def working_orders(reader: JournalReader) -> tuple[OrderRow, ...]:
    """Return the orders that can still do something, in the order of their intention."""
    owners: list[int | str] = [trade.trade_id for trade in reader.trades(state="open")]
    owners += [signal.key for signal in reader.signals() if signal.outcome is None and signal.state == _ENTERING]
    found = {
        order.client_order_id: order
        for owner in owners
        for order in reader.orders_of(owner)
        if not order.status.is_terminal
    }
    return tuple(sorted(found.values(), key=lambda order: order.seq))


def closed_trades(reader: JournalReader, count: int) -> tuple[TradeAnswer, ...]:
    """Return the latest closed trades, the newest first."""
    rows = sorted(reader.trades(state="closed"), key=lambda trade: (trade.closed_at or 0, trade.trade_id), reverse=True)
    return tuple(_closed(trade) for trade in rows[:count])


def _closed(trade: TradeRow) -> TradeAnswer:
    return TradeAnswer(
        trade_id=trade.trade_id, symbol=trade.symbol, setup=f"{trade.pattern} {trade.timeframe}", side=trade.side,
        quantity=trade.quantity, opened_at=trade.opened_at, closed_at=trade.closed_at, entry_price=trade.entry_price,
        exit_price=trade.exit_price, rule=trade.rule, net=trade.net, r_multiple=trade.r_multiple,
    )  # fmt: skip


def errors(reader: JournalReader, count: int) -> tuple[ErrorAnswer, ...]:
    """Return the latest warnings, critical alerts and failed components, the newest first."""
    rows = [
        ErrorAnswer(ts=alert.ts, severity=alert.severity.value, title=alert.title, text=alert.text, key=alert.key)
        for alert in reader.alerts()
        if alert.severity is not Severity.INFO
    ]
    rows += [
        ErrorAnswer(ts=record.ts, severity="failed", title=record.component, text=f"{record.error}; {record.policy}")
        for record in reader.records(["component_failed"])
        if isinstance(record, ComponentFailed)
    ]
    return tuple(sorted(rows, key=lambda row: row.ts, reverse=True)[:count])


def journal_of(beat: Heartbeat | None, own: Path) -> Path | None:
    """Return the journal that a session writes, or wrote last: its own, or that of its latest run."""
    if own.is_file():
        return own
    if beat is not None and beat.journal and Path(beat.journal).is_file():
        return Path(beat.journal)
    return None


def _decimal(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None
