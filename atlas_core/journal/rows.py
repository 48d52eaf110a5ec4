"""What a journal is asked for: rows of its projections as typed values.

Prices, quantities and money are Decimal, times are nanoseconds UTC. None means that it has not happened yet or does
not apply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen
from attrs.converters import optional

from atlas_core.model.decisions import Outcome, Severity
from atlas_core.model.orders import Action, Liquidity, OrderKind, OrderRole, OrderStatus
from atlas_core.model.signals import EntryKind, Side


def _mapping(text: str) -> Mapping[str, Any]:
    mapping: Mapping[str, Any] = json.loads(text)
    return mapping


def _texts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _optional_money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@frozen
class RunRow:
    """The run: what it was composed of, and how it ended (`finished_at` is None while it goes on or if it broke off).

    The journal of a continuing session shows its latest composition, and in `sessions` how many processes wrote it.
    """

    started_at: int
    profile: str
    mode: str
    synthetic: bool = field(converter=bool)
    seed: int
    starting_cash: Decimal = field(converter=Decimal)
    quote: str
    base_timeframe: str
    symbols: tuple[str, ...] = field(converter=_texts)
    profile_digest: str
    components: tuple[str, ...] = field(converter=_texts)
    sessions: int
    finished_at: int | None
    finish_reason: str | None
    cash: Decimal | None = field(converter=_optional_money)
    equity: Decimal | None = field(converter=_optional_money)


@frozen
class SessionRow:
    """One process that wrote this journal, from its start or resumption on.

    `state` is `open` (it goes on, or nobody has continued since), `paused`, `finished` or `crashed`; a crashed one has
    no end. `after_crash` tells that it found such a one before it.
    """

    number: int
    seq: int
    started_at: int
    after_crash: bool = field(converter=bool)
    profile_digest: str
    components: tuple[str, ...] = field(converter=_texts)
    state: str
    ended_at: int | None
    reason: str | None


@frozen
class SignalRow:
    """A signal and its verdict; `state` is the last thing that happened to it, `seq` the event that detected it."""

    key: str
    seq: int
    ts: int
    scanner: str
    symbol: str
    timeframe: str
    pattern: str
    side: Side = field(converter=Side)
    entry: EntryKind = field(converter=EntryKind)
    setup_at: int
    valid_until: int
    trigger: Decimal | None = field(converter=_optional_money)
    stop: Decimal | None = field(converter=_optional_money)
    target: Decimal | None = field(converter=_optional_money)
    score: float
    state: str
    outcome: Outcome | None = field(converter=optional(Outcome))
    verdict_by: str | None
    reason: str | None
    value: float | None
    threshold: float | None
    verdict_ts: int | None
    trade_id: int | None
    context: Mapping[str, Any] = field(converter=_mapping)


@frozen
class OrderRow:
    """An order: what was intended, and what became of it; `average_price` is None before the first fill."""

    client_order_id: str
    seq: int
    ts: int
    signal_key: str
    role: OrderRole = field(converter=OrderRole)
    symbol: str
    action: Action = field(converter=Action)
    kind: OrderKind = field(converter=OrderKind)
    quantity: Decimal = field(converter=Decimal)
    limit_price: Decimal | None = field(converter=_optional_money)
    stop_price: Decimal | None = field(converter=_optional_money)
    status: OrderStatus = field(converter=OrderStatus)
    cumulative_quantity: Decimal = field(converter=Decimal)
    average_price: Decimal | None = field(converter=_optional_money)
    fee: Decimal = field(converter=Decimal)
    reason: str
    trade_id: int | None


@frozen
class FillRow:
    """One growth of an order's filled quantity."""

    seq: int
    ts: int
    client_order_id: str
    symbol: str
    quantity: Decimal = field(converter=Decimal)
    price: Decimal = field(converter=Decimal)
    fee: Decimal = field(converter=Decimal)
    slippage: Decimal = field(converter=Decimal)
    liquidity: Liquidity = field(converter=Liquidity)
    ambiguous: bool = field(converter=bool)


@frozen
class TradeRow:
    """A trade; `state` is `open` or `closed`, and what only a closed trade has is None while it is open.

    `net` is `gross - fees - funding`; `stop` and `target` are the last ones that worked, set by `stop_rule` and
    `target_rule`; `rule` is what closed it.
    """

    trade_id: int
    signal_key: str
    symbol: str
    timeframe: str
    pattern: str
    side: Side = field(converter=Side)
    quantity: Decimal = field(converter=Decimal)
    leverage: Decimal | None = field(converter=_optional_money)
    entry_price: Decimal = field(converter=Decimal)
    opened_at: int
    closed_at: int | None
    exit_price: Decimal | None = field(converter=_optional_money)
    gross: Decimal | None = field(converter=_optional_money)
    fees: Decimal | None = field(converter=_optional_money)
    slippage: Decimal | None = field(converter=_optional_money)
    funding: Decimal = field(converter=Decimal)
    net: Decimal | None = field(converter=_optional_money)
    r_multiple: float | None
    initial_risk: Decimal | None = field(converter=_optional_money)
    reason: str | None
    rule: str | None
    stop: Decimal | None = field(converter=_optional_money)
    stop_rule: str | None
    target: Decimal | None = field(converter=_optional_money)
    target_rule: str | None
    highest: Decimal | None = field(converter=_optional_money)
    lowest: Decimal | None = field(converter=_optional_money)
    ambiguous: bool = field(converter=bool)
    state: str


@frozen
class EquityRow:
    """The account marked to the market."""

    ts: int
    cash: Decimal = field(converter=Decimal)
    equity: Decimal = field(converter=Decimal)
    exposure: Decimal = field(converter=Decimal)


@frozen
class AlertRow:
    """A message for people."""

    seq: int
    ts: int
    severity: Severity = field(converter=Severity)
    title: str
    text: str
    key: str


@frozen
class VerdictCount:
    """How many signals ended so; `by` names the gate, limit, sizer, broker or exit rule."""

    outcome: Outcome = field(converter=Outcome)
    by: str
    count: int


@frozen
class ExitCount:
    """How many trades one rule closed for one reason, and the sum of their net results."""

    rule: str
    reason: str
    count: int
    net: Decimal
