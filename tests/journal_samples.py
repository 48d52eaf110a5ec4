"""Records for tests of the journal: one short run by hand, and strategies that make any record."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import fields
from hypothesis import strategies as st

from atlas_core.model.decisions import Outcome, Severity
from atlas_core.model.orders import Action, Liquidity, OrderKind, OrderRole, OrderStatus
from atlas_core.model.records import (
    RECORD_TYPES,
    AlertRaised,
    EquityMarked,
    FillBooked,
    FundingBooked,
    LevelsSet,
    OrderIntended,
    OrderMoved,
    PositionChanged,
    PositionClosed,
    PositionOpened,
    Record,
    RunFinished,
    RunStarted,
    SignalArmed,
    SignalDetected,
    SignalSized,
    SignalTriggered,
    VerdictReached,
)
from atlas_core.model.signals import EntryKind, Side

START = 1_640_995_200_000_000_000
MINUTE = 60_000_000_000
REFUSED_KEY = "sig-0000000000000001"
TRADED_KEY = "sig-0000000000000002"


def signal(key: str, ts: int = START, **changes: Any) -> SignalDetected:
    """Return a detected signal."""
    values: dict[str, Any] = {
        "scanner": "strat", "symbol": "BTC-PERP", "timeframe": "15m", "pattern": "2-1-2", "side": Side.LONG,
        "entry": EntryKind.STOP, "setup_at": ts - MINUTE, "valid_until": ts + MINUTE, "trigger": Decimal("42000.50"),
        "stop": Decimal("41000.50"), "target": Decimal("44000.50"), "cancel_beyond": None, "void_beyond": None,
        "score": 0.75, "context": {"volume_ratio": 1.5, "bars": 2, "label": "2u"},
    }  # fmt: skip
    return SignalDetected(ts=ts, key=key, **(values | changes))


def verdict(key: str, ts: int = START, **changes: Any) -> VerdictReached:
    """Return a refusal by the gate `quality`."""
    values: dict[str, Any] = {
        "outcome": Outcome.REFUSED, "by": "quality", "reason": "reward to risk is too small", "value": 1.2,
        "threshold": 1.5,
    }  # fmt: skip
    return VerdictReached(ts=ts, key=key, **(values | changes))


def order(client_order_id: str, role: OrderRole, ts: int, action: Action = Action.BUY) -> OrderIntended:
    """Return the intention of a market order for the traded signal."""
    return OrderIntended(
        ts=ts, client_order_id=client_order_id, signal_key=TRADED_KEY, role=role, attempt=1, symbol="BTC-PERP",
        action=action, order_kind=OrderKind.MARKET, quantity=Decimal("0.03"), limit_price=None, stop_price=None,
        trail_offset=None, reduce_only=role is not OrderRole.ENTRY, leverage=Decimal(2), oco_group="",
        reason=f"{role} order",
    )  # fmt: skip


def fill(client_order_id: str, quantity: str, price: str, cumulative: str, ts: int) -> FillBooked:
    """Return a fill with a fee of 0.5; the order of 0.03 is filled when `cumulative` says so."""
    filled = Decimal(cumulative) == Decimal("0.03")
    return FillBooked(
        ts=ts, client_order_id=client_order_id, symbol="BTC-PERP",
        status=OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED, quantity=Decimal(quantity),
        price=Decimal(price), fee=Decimal("0.5"), slippage=Decimal("0.1"), cumulative_quantity=Decimal(cumulative),
        liquidity=Liquidity.TAKER, ambiguous=False,
    )  # fmt: skip


def short_run() -> list[Record]:
    """Return a run with one refused signal and one that became a closed trade."""
    ts = START + MINUTE
    return [
        RunStarted(
            ts=START, profile="demo", mode="backtest", synthetic=True, seed=7, starting_cash=Decimal("10000.00"),
            quote="USD", base_timeframe="1m", symbols=("BTC-PERP", "ETH-PERP"), profile_digest="abc",
            components=("scanner strat", "gate quality"),
        ),
        signal(REFUSED_KEY),
        verdict(REFUSED_KEY),
        signal(TRADED_KEY, ts),
        SignalArmed(ts=ts, key=TRADED_KEY),
        SignalTriggered(ts=ts, key=TRADED_KEY, price=Decimal("42000.51")),
        SignalSized(
            ts=ts, key=TRADED_KEY, sizer="risk", symbol="BTC-PERP", quantity=Decimal("0.03"), leverage=Decimal(2),
            reason="1 % of equity", inputs={"equity": "10000.00"},
        ),
        order("entry-1", OrderRole.ENTRY, ts),
        OrderMoved(ts=ts, client_order_id="entry-1", status=OrderStatus.ACKNOWLEDGED, venue_order_id="V1"),
        fill("entry-1", "0.01", "42000.00", "0.01", ts),
        PositionOpened(
            ts=ts, trade_id=1, signal_key=TRADED_KEY, symbol="BTC-PERP", side=Side.LONG, quantity=Decimal("0.01"),
            price=Decimal("42000.00"), leverage=Decimal(2), stop=Decimal("41000.50"), target=Decimal("44000.50"),
            initial_risk=Decimal("10"),
        ),
        fill("entry-1", "0.02", "42003.00", "0.03", ts),
        PositionChanged(
            ts=ts, trade_id=1, quantity=Decimal("0.03"), entry_price=Decimal("42002.00"), initial_risk=Decimal("30")
        ),
        LevelsSet(
            ts=ts, trade_id=1, stop=Decimal("41000.50"), stop_rule="stop", target=Decimal("44000.50"),
            target_rule="target",
        ),
        FundingBooked(ts=ts, trade_id=1, symbol="BTC-PERP", rate=Decimal("0.0001"), amount=Decimal("0.125")),
        AlertRaised(ts=ts, severity=Severity.INFO, title="opened", text="BTC-PERP", key="trade 1"),
        EquityMarked(ts=ts, cash=Decimal("9999.0"), equity=Decimal("10001.0"), exposure=Decimal("1260.06")),
        order("exit-1", OrderRole.TARGET, ts + MINUTE, Action.SELL),
        fill("exit-1", "0.03", "44000.50", "0.03", ts + MINUTE),
        PositionClosed(
            ts=ts + MINUTE, trade_id=1, signal_key=TRADED_KEY, symbol="BTC-PERP", timeframe="15m", pattern="2-1-2",
            side=Side.LONG, quantity=Decimal("0.03"), entry_price=Decimal("42002.00"),
            exit_price=Decimal("44000.50"), opened_at=ts, gross=Decimal("59.955"), fees=Decimal("1.5"),
            slippage=Decimal("0.3"), funding=Decimal("0.125"), net=Decimal("58.330"), r_multiple=1.94,
            reason="target reached", rule="target", highest=Decimal("44010.00"), lowest=Decimal("41990.00"),
            ambiguous=False,
        ),
        verdict(
            TRADED_KEY, ts + MINUTE, outcome=Outcome.CLOSED, by="target", reason="target reached", value=None,
            threshold=None,
        ),
        RunFinished(ts=ts + MINUTE, reason="end of data", cash=Decimal("10058.33"), equity=Decimal("10058.33")),
    ]  # fmt: skip


_INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_FREE = st.recursive(
    st.none() | st.booleans() | _INTEGERS | _FLOATS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
_BY_TYPE: Mapping[Any, st.SearchStrategy[Any]] = {
    int: _INTEGERS, bool: st.booleans(), str: st.text(max_size=8), float: _FLOATS, Decimal: _DECIMALS, Any: _FREE,
}  # fmt: skip


def _values(annotation: Any) -> st.SearchStrategy[Any]:
    if annotation in _BY_TYPE:
        return _BY_TYPE[annotation]
    if get_origin(annotation) in (Union, UnionType):
        return st.one_of([st.none() if kind is NoneType else _values(kind) for kind in get_args(annotation)])
    if get_origin(annotation) is tuple:
        return st.lists(_values(get_args(annotation)[0]), max_size=2).map(tuple)
    if get_origin(annotation) is Mapping:
        return st.dictionaries(st.text(max_size=4), _values(get_args(annotation)[1]), max_size=3)
    assert issubclass(annotation, Enum)
    return st.sampled_from(annotation)


def records_of(cls: type[Record], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    """Return a strategy for records of one class; `fixed` replaces fields that the class has."""
    types = get_type_hints(cls)
    names = [attribute.name for attribute in fields(cls)]
    return st.builds(cls, **{name: fixed.get(name, _values(types[name])) for name in names})


def related_records() -> st.SearchStrategy[Record]:
    """Return a strategy for records of all classes about few signals, orders and trades, in any order."""
    fixed = {
        "ts": st.integers(0, 3), "key": st.sampled_from("ab"), "signal_key": st.sampled_from("ab"),
        "client_order_id": st.sampled_from("xy"), "trade_id": st.integers(1, 2),
    }  # fmt: skip
    return st.one_of([records_of(cls, **fixed) for cls in RECORD_TYPES])
