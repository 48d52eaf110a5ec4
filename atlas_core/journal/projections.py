"""The fold from records to projection rows.

A record about a signal, order or trade that the journal never saw begin changes nothing: no event is refused because
of a projection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from atlas_core.journal import tables
from atlas_core.journal.encoding import encode_list, encode_mapping
from atlas_core.journal.fold import Fold
from atlas_core.journal.refusals import projected
from atlas_core.model import records
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import Record
from atlas_core.model.refusals import RefusedSignals, numbered

_ARITHMETIC = Context(prec=34, traps=[])
"""The same digits whatever the caller's context is; an odd number becomes NaN rather than a lost event."""


def create_projections(connection: sqlite3.Connection) -> None:
    """Drop all projection tables that are there and create them empty."""
    for table in tables.TABLES:
        connection.execute(f'DROP TABLE IF EXISTS "{table.name}"')
        connection.execute(table.create_sql)
    for index in tables.INDEXES:
        connection.execute(index)


def project(connection: sqlite3.Connection, first_seq: int, batch: Sequence[Record]) -> None:
    """Bring the projections up to date with records that are the events from `first_seq` on."""
    fold = Fold(connection)
    for seq, record in numbered(batch, first_seq):
        handler = _HANDLERS.get(type(record))
        if handler is not None:
            handler(fold, seq, record)
    fold.write()


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _sum(text: str, amount: Decimal) -> str:
    return str(_ARITHMETIC.add(Decimal(text), amount))


def _run_started(fold: Fold, seq: int, record: records.RunStarted) -> None:
    number = _next_session(fold, seq, record, after_crash=False)
    fold.run.put(
        1,
        {
            "id": 1,
            "started_at": record.ts,
            "profile": record.profile,
            "mode": record.mode,
            "synthetic": record.synthetic,
            "seed": record.seed,
            "starting_cash": str(record.starting_cash),
            "quote": record.quote,
            "base_timeframe": record.base_timeframe,
            "symbols": encode_list(record.symbols),
            "profile_digest": record.profile_digest,
            "components": encode_list(record.components),
            "sessions": number,
        },
    )


def _session_resumed(fold: Fold, seq: int, record: records.SessionResumed) -> None:
    row = fold.run.get(1)
    if row is not None:
        if record.crashed:
            _end_session(fold, "crashed", None, None)
        row["sessions"] = _next_session(fold, seq, record, after_crash=record.crashed)
        row["profile_digest"] = record.profile_digest
        row["components"] = encode_list(record.components)
        row["finished_at"] = row["finish_reason"] = row["cash"] = row["equity"] = None


def _next_session(
    fold: Fold, seq: int, record: records.RunStarted | records.SessionResumed, *, after_crash: bool
) -> int:
    run = fold.run.get(1)
    number: int = run["sessions"] + 1 if run is not None else 1
    fold.sessions.put(
        number,
        {
            "number": number,
            "seq": seq,
            "started_at": record.ts,
            "after_crash": after_crash,
            "profile_digest": record.profile_digest,
            "components": encode_list(record.components),
            "state": "open",
        },
    )
    return number


def _end_session(fold: Fold, state: str, ended_at: int | None, reason: str | None) -> None:
    run = fold.run.get(1)
    row = fold.sessions.get(run["sessions"]) if run is not None else None
    if row is not None:
        row.update(state=state, ended_at=ended_at, reason=reason)


def _session_paused(fold: Fold, _: int, record: records.SessionPaused) -> None:
    _end_session(fold, "paused", record.ts, record.reason)


def _run_finished(fold: Fold, _: int, record: records.RunFinished) -> None:
    _end_session(fold, "finished", record.ts, record.reason)
    row = fold.run.get(1)
    if row is not None:
        row["finished_at"] = record.ts
        row["finish_reason"] = record.reason
        row["cash"] = str(record.cash)
        row["equity"] = str(record.equity)


def _signal_detected(fold: Fold, seq: int, record: records.SignalDetected) -> None:
    fold.signals.put(
        record.key,
        {
            "key": record.key,
            "seq": seq,
            "ts": record.ts,
            "scanner": record.scanner,
            "symbol": record.symbol,
            "timeframe": record.timeframe,
            "pattern": record.pattern,
            "side": str(record.side),
            "entry": str(record.entry),
            "setup_at": record.setup_at,
            "valid_until": record.valid_until,
            "trigger": _text(record.trigger),
            "stop": _text(record.stop),
            "target": _text(record.target),
            "score": record.score,
            "state": "detected",
            "context": encode_mapping(record.context),
        },
    )


def _signals_refused(fold: Fold, seq: int, record: RefusedSignals) -> None:
    fold.signals.add(projected(record, seq))


def _signal_moved(state: str) -> Callable[[Fold, int, records.SignalRecord], None]:
    def handler(fold: Fold, _: int, record: records.SignalRecord) -> None:
        row = fold.signals.get(record.key)
        if row is not None:
            row["state"] = state

    return handler


def _verdict_reached(fold: Fold, _: int, record: records.VerdictReached) -> None:
    row = fold.signals.get(record.key)
    if row is not None:
        row["state"] = row["outcome"] = str(record.outcome)
        row["verdict_by"] = record.by
        row["reason"] = record.reason
        row["value"] = record.value
        row["threshold"] = record.threshold
        row["verdict_ts"] = record.ts


def _order_intended(fold: Fold, seq: int, record: records.OrderIntended) -> None:
    fold.orders.put(
        record.client_order_id,
        {
            "client_order_id": record.client_order_id,
            "seq": seq,
            "ts": record.ts,
            "signal_key": record.signal_key,
            "role": str(record.role),
            "symbol": record.symbol,
            "action": str(record.action),
            "kind": str(record.order_kind),
            "quantity": str(record.quantity),
            "limit_price": _text(record.limit_price),
            "stop_price": _text(record.stop_price),
            "status": "intended",
            "cumulative_quantity": "0",
            "fee": "0",
            "reason": record.reason,
        },
    )
    if record.role is OrderRole.ENTRY:
        signal = fold.signals.get(record.signal_key)
        if signal is not None:
            signal["state"] = "submitted"


def _order_moved(fold: Fold, _: int, record: records.OrderMoved) -> None:
    row = fold.orders.get(record.client_order_id)
    if row is not None:
        row["status"] = str(record.status)
        row["reason"] = record.reason or row["reason"]


def _fill_booked(fold: Fold, seq: int, record: records.FillBooked) -> None:
    fold.fills.put(
        seq,
        {
            "seq": seq,
            "ts": record.ts,
            "client_order_id": record.client_order_id,
            "symbol": record.symbol,
            "quantity": str(record.quantity),
            "price": str(record.price),
            "fee": str(record.fee),
            "slippage": str(record.slippage),
            "liquidity": str(record.liquidity),
            "ambiguous": record.ambiguous,
        },
    )
    row = fold.orders.get(record.client_order_id)
    if row is not None:
        row["average_price"] = str(_average_price(row["average_price"], record))
        row["status"] = str(record.status)
        row["cumulative_quantity"] = str(record.cumulative_quantity)
        row["fee"] = _sum(row["fee"], record.fee)


def _average_price(before: str | None, record: records.FillBooked) -> Decimal:
    filled_before = _ARITHMETIC.subtract(record.cumulative_quantity, record.quantity)
    if before is None or not filled_before:
        return record.price
    worth_before = _ARITHMETIC.multiply(Decimal(before), filled_before)
    worth = _ARITHMETIC.add(worth_before, _ARITHMETIC.multiply(record.price, record.quantity))
    return _ARITHMETIC.divide(worth, record.cumulative_quantity)


def _position_opened(fold: Fold, _: int, record: records.PositionOpened) -> None:
    signal = fold.signals.get(record.signal_key)
    if signal is not None:
        signal["state"] = "open"
        signal["trade_id"] = record.trade_id
    fold.trades.put(
        record.trade_id,
        {
            "trade_id": record.trade_id,
            "signal_key": record.signal_key,
            "symbol": record.symbol,
            "timeframe": signal["timeframe"] if signal else "",
            "pattern": signal["pattern"] if signal else "",
            "side": str(record.side),
            "quantity": str(record.quantity),
            "leverage": str(record.leverage),
            "entry_price": str(record.price),
            "opened_at": record.ts,
            "funding": "0",
            "initial_risk": _text(record.initial_risk),
            "stop": _text(record.stop),
            "target": _text(record.target),
            "ambiguous": False,
            "state": "open",
        },
    )


def _position_changed(fold: Fold, _: int, record: records.PositionChanged) -> None:
    row = fold.trades.get(record.trade_id)
    if row is not None:
        row["quantity"] = str(record.quantity)
        row["entry_price"] = str(record.entry_price)
        row["initial_risk"] = _text(record.initial_risk)


def _levels_set(fold: Fold, _: int, record: records.LevelsSet) -> None:
    row = fold.trades.get(record.trade_id)
    if row is not None:
        row["stop"] = _text(record.stop)
        row["stop_rule"] = record.stop_rule
        row["target"] = _text(record.target)
        row["target_rule"] = record.target_rule


def _funding_booked(fold: Fold, _: int, record: records.FundingBooked) -> None:
    row = fold.trades.get(record.trade_id)
    if row is not None:
        row["funding"] = _sum(row["funding"], record.amount)


def _position_closed(fold: Fold, _: int, record: records.PositionClosed) -> None:
    fold.trades.put(
        record.trade_id,
        {
            **(fold.trades.get(record.trade_id) or {}),
            "trade_id": record.trade_id,
            "signal_key": record.signal_key,
            "symbol": record.symbol,
            "timeframe": record.timeframe,
            "pattern": record.pattern,
            "side": str(record.side),
            "quantity": str(record.quantity),
            "entry_price": str(record.entry_price),
            "opened_at": record.opened_at,
            "closed_at": record.ts,
            "exit_price": str(record.exit_price),
            "gross": str(record.gross),
            "fees": str(record.fees),
            "slippage": str(record.slippage),
            "funding": str(record.funding),
            "net": str(record.net),
            "r_multiple": record.r_multiple,
            "reason": record.reason,
            "rule": record.rule,
            "highest": str(record.highest),
            "lowest": str(record.lowest),
            "ambiguous": record.ambiguous,
            "state": "closed",
        },
    )


def _alert_raised(fold: Fold, seq: int, record: records.AlertRaised) -> None:
    row = {"seq": seq, "ts": record.ts, "severity": str(record.severity)}
    fold.alerts.put(seq, {**row, "title": record.title, "text": record.text, "key": record.key})


def _equity_marked(fold: Fold, _: int, record: records.EquityMarked) -> None:
    row = {"ts": record.ts, "cash": str(record.cash), "equity": str(record.equity), "exposure": str(record.exposure)}
    fold.equity.put(record.ts, row)


_HANDLERS: Mapping[type[Record], Callable[[Fold, int, Any], None]] = {
    records.RunStarted: _run_started,
    records.SessionResumed: _session_resumed,
    records.SessionPaused: _session_paused,
    records.SignalDetected: _signal_detected,
    RefusedSignals: _signals_refused,
    records.SignalArmed: _signal_moved("armed"),
    records.SignalTriggered: _signal_moved("triggered"),
    records.SignalSized: _signal_moved("sized"),
    records.VerdictReached: _verdict_reached,
    records.OrderIntended: _order_intended,
    records.OrderMoved: _order_moved,
    records.FillBooked: _fill_booked,
    records.PositionOpened: _position_opened,
    records.PositionChanged: _position_changed,
    records.LevelsSet: _levels_set,
    records.FundingBooked: _funding_booked,
    records.PositionClosed: _position_closed,
    records.AlertRaised: _alert_raised,
    records.EquityMarked: _equity_marked,
    records.RunFinished: _run_finished,
}
