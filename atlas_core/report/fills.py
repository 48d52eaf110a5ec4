"""Fills as rows: every booking of every order, with the trade that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import frozen

from atlas_core.model.orders import Action, FillBasis, Liquidity, OrderRole
from atlas_core.model.records import FillBooked, OrderIntended, PositionOpened, Record


@frozen(kw_only=True)
class FillRow:
    """One fill; `trade_id` is 0 where it belongs to no trade.

    `spread`, `slippage` and `impact` are money lost to each, `basis` is what the fill was decided on.
    """

    ts: int
    client_order_id: str
    trade_id: int
    symbol: str
    role: OrderRole
    action: Action
    quantity: Decimal
    price: Decimal
    fee: Decimal
    slippage: Decimal
    liquidity: Liquidity
    ambiguous: bool
    spread: Decimal
    impact: Decimal
    basis: FillBasis


def fill_rows(records: Sequence[Record]) -> tuple[FillRow, ...]:
    """Return every fill in the order of booking."""
    orders = {record.client_order_id: record for record in records if isinstance(record, OrderIntended)}
    trades = {record.signal_key: record.trade_id for record in records if isinstance(record, PositionOpened)}
    return tuple(
        _row(record, orders[record.client_order_id], trades)
        for record in records
        if isinstance(record, FillBooked) and record.client_order_id in orders
    )


def _row(fill: FillBooked, order: OrderIntended, trades: dict[str, int]) -> FillRow:
    return FillRow(
        ts=fill.ts,
        client_order_id=fill.client_order_id,
        trade_id=fill.trade_id or trades.get(order.signal_key, 0),
        symbol=fill.symbol,
        role=order.role,
        action=order.action,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        slippage=fill.slippage,
        liquidity=fill.liquidity,
        ambiguous=fill.ambiguous,
        spread=fill.spread,
        impact=fill.impact,
        basis=fill.basis,
    )
