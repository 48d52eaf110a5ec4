"""A small run as records, written by hand: two closed trades, one open, one refused, one armed, one expired."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from atlas_core.model import records as recorded
from atlas_core.model.decisions import Outcome
from atlas_core.model.orders import Action, Liquidity, OrderKind, OrderRole, OrderStatus
from atlas_core.model.signals import EntryKind, Side
from atlas_core.model.timeframe import DAY, HOUR, MINUTE

START = 1_775_347_200_000_000_000  # 2026-04-05 00:00 UTC
D = Decimal


def started(**changes: Any) -> recorded.RunStarted:
    """Return the first record of the run."""
    facts: dict[str, Any] = {
        "ts": START, "profile": "demo", "mode": "paper", "synthetic": True, "seed": 20260405,
        "starting_cash": D("10000"), "quote": "USD", "base_timeframe": "1m", "symbols": ("BTC-PERP", "ETH-PERP"),
        "profile_digest": "abc", "components": ("scanner strat", "broker paper"),
    }  # fmt: skip
    return recorded.RunStarted(**facts | changes)


def detected(key: str, ts: int, **changes: Any) -> recorded.SignalDetected:
    """Return a signal."""
    facts: dict[str, Any] = {
        "key": key, "ts": ts, "scanner": "strat", "symbol": "BTC-PERP", "timeframe": "1h", "pattern": "2-1-2 up",
        "side": Side.LONG, "entry": EntryKind.STOP, "setup_at": ts - HOUR, "valid_until": ts + HOUR,
        "trigger": D("60100.0"), "stop": D("59500.0"), "target": D("61300.0"), "cancel_beyond": None,
        "void_beyond": None, "score": 3.0, "context": {"family": "2-1-2", "continuity": 4.0},
    }  # fmt: skip
    return recorded.SignalDetected(**facts | changes)


def verdict(key: str, ts: int, outcome: Outcome, by: str, reason: str, **numbers: float) -> recorded.VerdictReached:
    """Return how a signal ended."""
    return recorded.VerdictReached(key=key, ts=ts, outcome=outcome, by=by, reason=reason, **numbers)


def intended(order: str, key: str, ts: int, role: OrderRole, **changes: Any) -> recorded.OrderIntended:
    """Return an order's intent."""
    facts: dict[str, Any] = {
        "client_order_id": order, "signal_key": key, "ts": ts, "role": role, "attempt": 1, "symbol": "BTC-PERP",
        "action": Action.BUY, "order_kind": OrderKind.MARKET, "quantity": D("0.12"), "limit_price": None,
        "stop_price": None, "trail_offset": None, "reduce_only": role is not OrderRole.ENTRY, "leverage": D(1),
        "oco_group": "", "reason": "",
    }  # fmt: skip
    return recorded.OrderIntended(**facts | changes)


def filled(order: str, ts: int, price: str, quantity: str = "0.12", **changes: Any) -> recorded.FillBooked:
    """Return a fill."""
    facts: dict[str, Any] = {
        "client_order_id": order, "ts": ts, "symbol": "BTC-PERP", "status": OrderStatus.FILLED,
        "quantity": D(quantity), "price": D(price), "fee": D("3.61"), "slippage": D("1.20"),
        "cumulative_quantity": D(quantity), "liquidity": Liquidity.TAKER, "ambiguous": False,
    }  # fmt: skip
    return recorded.FillBooked(**facts | changes)


def opened(trade_id: int, key: str, ts: int, price: str, **changes: Any) -> recorded.PositionOpened:
    """Return the first fill of a position."""
    facts: dict[str, Any] = {
        "trade_id": trade_id, "signal_key": key, "ts": ts, "symbol": "BTC-PERP", "side": Side.LONG,
        "quantity": D("0.12"), "price": D(price), "leverage": D(1), "stop": D("59500.0"), "target": D("61300.0"),
        "initial_risk": D("72.00"),
    }  # fmt: skip
    return recorded.PositionOpened(**facts | changes)


def closed(trade_id: int, key: str, ts: int, gross: str, **changes: Any) -> recorded.PositionClosed:
    """Return the end of a position; `net` follows from the parts."""
    facts: dict[str, Any] = {
        "trade_id": trade_id, "signal_key": key, "ts": ts, "symbol": "BTC-PERP", "timeframe": "1h",
        "pattern": "2-1-2 up", "side": Side.LONG, "quantity": D("0.12"), "entry_price": D("60100.0"),
        "exit_price": D("61300.0"), "opened_at": ts - 3 * HOUR - 15 * MINUTE, "gross": D(gross), "fees": D("7.28"),
        "slippage": D("2.40"), "funding": D("0.31"), "r_multiple": 1.89, "reason": "target 61300.0 reached",
        "rule": "target", "highest": D("61310.0"), "lowest": D("60050.0"), "ambiguous": False,
    }  # fmt: skip
    facts |= changes
    facts.setdefault("net", facts["gross"] - facts["fees"] - facts["funding"])
    return recorded.PositionClosed(**facts)


def marked(ts: int, equity: str, cash: str, **prices: str) -> recorded.EquityMarked:
    """Return the account at the end of a day."""
    by_symbol = {name.replace("_", "-"): price for name, price in prices.items()}
    return recorded.EquityMarked(ts=ts, cash=D(cash), equity=D(equity), exposure=D(0), price_by_symbol=by_symbol)


def sample_run() -> list[recorded.Record]:
    """Return the records of the run, in order."""
    t = START
    return [
        started(),
        detected("sig-1111aaaa", t + HOUR),
        recorded.GateAnswered(
            key="sig-1111aaaa", ts=t + HOUR, gate="quality", answer="approve", reason="reward:risk", value=2.0,
            threshold=1.0,
        ),
        recorded.SignalArmed(key="sig-1111aaaa", ts=t + HOUR),
        recorded.SignalTriggered(key="sig-1111aaaa", ts=t + 2 * HOUR, price=D("60100.0")),
        recorded.SignalSized(
            key="sig-1111aaaa", ts=t + 2 * HOUR, sizer="risk-per-trade", symbol="BTC-PERP", quantity=D("0.12"),
            leverage=D(1), reason="1 % of 10,000.00 over a risk of 600.0", inputs={"equity": D("10000"), "risk_pct": 1},
        ),
        recorded.LimitChecked(
            key="sig-1111aaaa", ts=t + 2 * HOUR, limit="max_positions", value=1.0, threshold=6.0
        ),
        intended("o-1", "sig-1111aaaa", t + 2 * HOUR, OrderRole.ENTRY),
        recorded.OrderMoved(client_order_id="o-1", ts=t + 2 * HOUR, status=OrderStatus.ACKNOWLEDGED),
        filled("o-1", t + 2 * HOUR, "60110"),
        opened(1, "sig-1111aaaa", t + 2 * HOUR, "60110"),
        recorded.LevelsSet(
            trade_id=1, ts=t + 2 * HOUR, stop=D("59500.0"), stop_rule="stop", target=D("61300.0"),
            target_rule="target",
        ),
        recorded.FundingBooked(trade_id=1, ts=t + 4 * HOUR, symbol="BTC-PERP", rate=D("0.0001"), amount=D("0.31")),
        intended("o-2", "sig-1111aaaa", t + 2 * HOUR, OrderRole.TARGET, limit_price=D("61300.0"), action=Action.SELL),
        filled("o-2", t + 5 * HOUR, "61300", fee=D("3.67"), liquidity=Liquidity.MAKER),
        recorded.ExitDecided(
            trade_id=1, ts=t + 5 * HOUR, rule="target", reason="target reached", value=61300.0, threshold=61300.0,
            acted=True,
        ),
        closed(1, "sig-1111aaaa", t + 5 * HOUR, "142.80"),
        verdict("sig-1111aaaa", t + 5 * HOUR, Outcome.CLOSED, "target", "target 61300.0 reached"),
        detected("sig-2222bbbb", t + 6 * HOUR, pattern="3-1-2 dn", side=Side.SHORT, timeframe="15m",
                 context={"family": "3-1-2"}),
        opened(2, "sig-2222bbbb", t + 6 * HOUR, "60900", side=Side.SHORT),
        closed(2, "sig-2222bbbb", t + 7 * HOUR, "-60.00", pattern="3-1-2 dn", side=Side.SHORT, timeframe="15m",
               rule="stop", reason="stop 61400.0 reached", r_multiple=-1.05, funding=D(0), ambiguous=True),
        verdict("sig-2222bbbb", t + 7 * HOUR, Outcome.CLOSED, "stop", "stop 61400.0 reached"),
        detected("sig-3333cccc", t + 8 * HOUR, symbol="ETH-PERP", trigger=D("3012.40"), stop=D("2990.00"),
                 target=D("3020.00")),
        verdict("sig-3333cccc", t + 8 * HOUR, Outcome.REFUSED, "quality", "reward:risk too small", value=0.339286,
                threshold=1.0),
        detected("sig-4444dddd", t + 9 * HOUR, symbol="ETH-PERP"),
        recorded.SignalArmed(key="sig-4444dddd", ts=t + 9 * HOUR),
        verdict("sig-4444dddd", t + 10 * HOUR, Outcome.EXPIRED, "kernel", "the trigger was not taken in time"),
        detected("sig-5555eeee", t + 11 * HOUR, symbol="ETH-PERP"),
        recorded.SignalArmed(key="sig-5555eeee", ts=t + 11 * HOUR),
        detected("sig-6666ffff", t + 12 * HOUR),
        opened(3, "sig-6666ffff", t + 12 * HOUR, "60000"),
        marked(t + DAY, "10135.21", "10067.93", BTC_PERP="60560.7"),
        recorded.RunFinished(ts=t + DAY, reason="end of data", cash=D("10067.93"), equity=D("10135.21")),
    ]  # fmt: skip
