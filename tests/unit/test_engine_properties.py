"""What holds for every market, every signal and every order of events."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
from attrs import asdict, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_core.engine.engine import Engine
from atlas_core.engine.ports import Rules
from atlas_core.model.events import OperatorCommand
from atlas_core.model.instrument import ZERO
from atlas_core.model.orders import OrderRole
from atlas_core.model.records import (
    AlertRaised,
    FillBooked,
    FundingBooked,
    OrderIntended,
    PositionClosed,
    SignalDetected,
    VerdictReached,
)
from atlas_core.model.timeframe import MINUTE
from atlas_core.simulation.costs import CostOptions
from tests.engine_bench import PERP, AfterBars, Bench, FixedSize, SignalLevels

COSTS = CostOptions(
    maker_fee_bps=Decimal(2),
    taker_fee_bps=Decimal(5),
    slippage_bps=Decimal(1),
    max_volume_participation_pct=Decimal(50),
)


def walk(seed: int, bars: int = 60, *, to_the_end: bool = True) -> Bench:
    """Trade random signals over a random walk; the market is lively enough for every kind of ending."""
    generator = np.random.Generator(np.random.PCG64(seed))
    bench = Bench(
        exits=[("levels", SignalLevels()), ("bars", AfterBars(int(generator.integers(3, 12))))],
        sizer=FixedSize(str(int(generator.integers(1, 9))), str(int(generator.integers(1, 4)))),
        rules=Rules(max_positions=2, max_leverage=Decimal(3), max_drawdown_pct=Decimal(20)),
        instruments=(PERP, evolve(PERP, symbol="Y")),
        costs=COSTS,
    )
    prices = {"X": 1000, "Y": 500}
    for _ in range(bars):
        start = bench.now
        for symbol, price in list(prices.items()):
            bench.now = start
            path = price + np.concatenate([[0], np.cumsum(generator.integers(-6, 7, 3))])
            prices[symbol] = max(50, int(path[-1]))
            first, high, low, close = (float(v) / 10 for v in (path[0], path.max(), path.min(), path[-1]))
            bench.bar(first, high, low, close, symbol, volume=float(generator.integers(2, 40)))
            assert_protected(bench)
        if generator.random() < 0.5:
            random_signal(bench, generator, prices)
    if not to_the_end:
        return bench
    bench.feed(OperatorCommand(bench.now, "wind-down", "test", {"reason": "end", "close_positions": True}))
    for symbol, price in prices.items():
        for _ in range(8):
            bench.bar(*[price / 10] * 4, symbol, volume=1e9)
    return bench


def assert_protected(bench: Bench) -> None:
    """Every open position has one working stop, for exactly its quantity; a flat symbol has none."""
    for symbol in bench.instruments:
        stops = [
            track.intent.quantity - track.cumulative_quantity
            for track in bench.engine.state.working_orders(symbol)
            if track.intent.role is OrderRole.STOP
        ]
        position = bench.engine.state.positions.get(symbol)
        assert stops == ([] if position is None else [position.quantity])
        assert position is None or position.is_protected


def random_signal(bench: Bench, generator: np.random.Generator, prices: dict[str, int]) -> None:
    symbol = str(generator.choice(list(prices)))
    side = int(generator.choice([1, -1]))
    level = prices[symbol] + side * int(generator.integers(-4, 12))
    bench.signal(
        side,
        symbol=symbol,
        entry=str(generator.choice(["market", "stop", "limit"])),
        trigger=level / 10,
        stop=(level - side * int(generator.integers(1, 15))) / 10,
        target=(level + side * int(generator.integers(1, 20))) / 10,
        cancel_beyond=(level - side * 20) / 10,
        valid_until=bench.now + int(generator.integers(1, 6)) * MINUTE,
    )


SEEDS = st.integers(0, 2**32)


def every_signal_ends_in_exactly_one_verdict(bench: Bench) -> None:
    detected = Counter(record.key for record in bench.of(SignalDetected))
    ended = Counter(record.key for record in bench.of(VerdictReached))
    assert set(detected.values()) <= {1}
    assert detected == ended


def money_is_conserved_to_the_cent(bench: Bench) -> None:
    state = bench.engine.state
    assert not state.positions
    closed = sum((record.net for record in bench.of(PositionClosed)), ZERO)
    fees = sum((record.fee for record in bench.of(FillBooked)), ZERO)
    funding = sum((record.amount for record in bench.of(FundingBooked)), ZERO)
    gross = sum((record.gross for record in bench.of(PositionClosed)), ZERO)
    assert state.cash == Decimal(10_000) + closed
    assert closed == gross - fees - funding
    assert abs(state.cash - bench.venue.account().cash) <= Decimal("0.01") * len(bench.of(FillBooked))


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_an_engine_restored_from_the_records_holds_what_the_one_that_wrote_them_held(seed: int) -> None:
    bench = walk(seed, bars=30, to_the_end=False)
    restored = Bench(instruments=(PERP, evolve(PERP, symbol="Y"))).engine
    restored.restore(bench.records)
    assert remembered(restored) == remembered(bench.engine)


def remembered(engine: Engine) -> dict[str, object]:
    """Return what an engine knows, without what it has seen of the market and its notes of the moment."""
    state = engine.state
    seen = {"last_price", "highest", "lowest", "bars_held", "lost_at"}
    notes = {"is_from_touch", "is_withdrawn"}
    positions = {
        s: asdict(p, filter=lambda a, _: a.name not in seen, recurse=False) for s, p in state.positions.items()
    }
    orders = {k: asdict(o, filter=lambda a, _: a.name not in notes, recurse=False) for k, o in state.orders.items()}
    rest = {
        name: getattr(state, name) for name in ("cash", "seen", "signals", "attempts", "last_closed", "trading_state")
    }
    return {"positions": positions, "orders": orders, **rest}


def no_position_is_ever_without_a_stop(bench: Bench) -> None:
    """The walk has looked after every bar whether the stops are for exactly what is open."""
    assert not [alert for alert in bench.of(AlertRaised) if alert.title == "Position without protection"]


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_same_market_gives_the_same_records(seed: int) -> None:
    assert walk(seed, 30).records == walk(seed, 30).records


def no_intent_leaves_under_two_identities_and_no_identity_stands_for_two_intents(bench: Bench) -> None:
    intents = bench.of(OrderIntended)
    by_id = Counter(intent.client_order_id for intent in intents)
    by_fact = Counter((intent.signal_key, intent.role, intent.attempt) for intent in intents)
    assert set(by_id.values()) <= {1}
    assert set(by_fact.values()) <= {1}
    entries = Counter(intent.signal_key for intent in intents if intent.role is OrderRole.ENTRY)
    assert set(entries.values()) <= {1}


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_verdicts_money_stops_and_identities_are_right_in_every_market(seed: int) -> None:
    """A walk takes longer than looking at it, so each is looked at in every way."""
    bench = walk(seed)
    every_signal_ends_in_exactly_one_verdict(bench)
    money_is_conserved_to_the_cent(bench)
    no_intent_leaves_under_two_identities_and_no_identity_stands_for_two_intents(bench)
    no_position_is_ever_without_a_stop(bench)
