"""Random markets and simple profiles, each run by the engine and worked out in columns, for comparing the records."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from attrs import define, frozen
from hypothesis import strategies as st

from atlas_core import components as offer
from atlas_core.backtest.columnar.run import work_out
from atlas_core.backtest.columnar.simple import NotSimple
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.backtest.columnar.trades import trades_of
from atlas_core.backtest.driver import run_backtest
from atlas_core.compose import System, opened
from atlas_core.contracts import MarketHistory, Need, Scanner
from atlas_core.journal import Journal
from atlas_core.loading import load
from atlas_core.model.instrument import InstrumentKind
from atlas_core.model.records import (
    EquityMarked,
    GateAnswered,
    PositionClosed,
    PositionOpened,
    Record,
    RunFinished,
    RunStarted,
    SignalDetected,
    VerdictReached,
)
from atlas_core.model.signals import SignalTable, concat_signals, signal_table
from atlas_core.runs import Mode
from tests.memory import made, memory, system_of
from tests.skipping_scene import SYMBOLS, LeveragedProvider, Scene, market

TOLD = (
    RunStarted, SignalDetected, GateAnswered, PositionOpened, PositionClosed, VerdictReached, EquityMarked, RunFinished,
)  # fmt: skip


@frozen(kw_only=True)
class SimpleScene(Scene):
    """A scene whose deciders all offer columns."""

    is_long: bool


@define
class MarketScanner(Scanner):
    """Entries at the market with levels around the close; not all of them make sense."""

    seed: int
    count: int
    is_long: bool

    def needs(self) -> Sequence[Need]:
        return (Need("1m"),)

    def scan(self, market: MarketHistory) -> SignalTable:
        return concat_signals([self._of(market, place, symbol) for place, symbol in enumerate(market.symbols)])

    def _of(self, market: MarketHistory, place: int, symbol: str) -> SignalTable:
        random = np.random.default_rng((self.seed, 98, place))
        bars = market.bars(symbol, "1m")
        rows = np.sort(random.choice(len(bars), min(self.count, len(bars)), replace=False))
        count, close = len(rows), bars.close[rows]
        side = np.ones(count, dtype=np.int64) if self.is_long else random.choice([-1, 1], count)
        far = random.uniform(0.0, 0.02, count)
        maybe = lambda values: np.where(random.random(count) < 0.4, np.nan, np.round(values, 2))  # noqa: E731
        return signal_table(
            available_at=bars.available_at[rows],
            setup_at=bars.opened_at[rows],
            symbol=symbol,
            timeframe="1m",
            pattern=random.choice(["one", "two"], count),
            side=side,
            trigger=maybe(close),
            stop=maybe(close * (1 - side * far)),
            target=maybe(close * (1 + side * 2 * far)),
            score=random.uniform(0, 1, count),
            context={"mood": random.uniform(0, 1, count), "name": random.choice(["a", "b"], count)},
        )


def system_of_scene(scene: SimpleScene) -> System:
    """Return the composed system of a scene."""
    return system_of(
        memory(LeveragedProvider(market(scene), [], kind=scene.kind)),
        made(offer.scanner, "script", MarketScanner(scene.seed, scene.signals, scene.is_long)),
        run_as=Mode.BACKTEST,
        symbols=scene.symbols,
        gates=scene.gates,
        sizer=scene.sizer,
        exits=scene.exits,
        broker=f'use = "paper"\n{scene.costs}',
        more=f"{scene.more}\n[limits]\n{scene.limits}",
        mode="backtest",
    )


def told(scene: SimpleScene) -> list[Record]:
    """Return what is told of a scene that is worked out in columns; raises NotSimple."""

    async def work() -> list[Record]:
        async with opened(system_of_scene(scene)) as live:
            worked = work_out(live, await load(live))
            return Teller(worked, trades_of(worked.plans, worked.decisions)).records()

    return asyncio.run(work())


def written(scene: SimpleScene) -> list[Record]:
    """Return the records of the engine that the columns tell too."""
    with Journal.in_memory() as journal:
        run_backtest(system_of_scene(scene), journal)
        return [record for record in journal.records() if isinstance(record, TOLD)]


def differs(scene: SimpleScene) -> tuple[Record | None, Record | None] | str | None:
    """Return the first records in which columns and engine part, None where they agree, a reason where not simple."""
    try:
        columns = told(scene)
    except NotSimple as reason:
        return str(reason)
    engine = written(scene)
    for one, other in zip(engine, columns, strict=False):
        if one != other:
            return one, other
    shorter = min(len(engine), len(columns))
    if len(engine) != len(columns):
        return next(iter(engine[shorter:]), None), next(iter(columns[shorter:]), None)
    return None


_COSTS = st.sampled_from(
    [
        "",
        "taker_fee_bps = 5\nmaker_fee_bps = -1\nslippage_bps = 2",
        'limit_fill = "touch"\nslippage_bps = 7.5\ntaker_fee_bps = 10\nmaker_fee_bps = 3',
        'fee_per_contract = 0.013\nlimit_fill = "touch"',
    ]
)
_SIZERS = st.sampled_from(
    [
        'use = "fixed-quantity"\nquantity = 3',
        'use = "fixed-notional"\nnotional = 250',
        'use = "fixed-quantity"\nquantity = 0.5',
    ]
)
_CROSSED = 'use = "sma-cross"\ntimeframe = "1m"\nfast = 3\nslow = 7'
_SLOWER = 'use = "sma-cross"\nlabel = "slower"\ntimeframe = "5m"\nfast = 2\nslow = 3'
_EXITS = st.sampled_from(
    [
        (_CROSSED,),
        (_CROSSED, _SLOWER),
        ('use = "stop"\npct = 0.5',),
        ('use = "stop"\npct = 0.4', 'use = "target"\npct = 0.6'),
        ('use = "stop"\npct = 1\nticks_beyond = 0', 'use = "target"\nreward_to_risk = 1.5', _SLOWER),
        ('use = "target"\npct = 0.3\noverrides = true', _CROSSED, 'use = "stop"\npct = 0.7\npct_overrides = true'),
        ('use = "stop"', 'use = "target"'),
        ('use = "stop"\npct = 2', 'use = "stop"\nlabel = "second"\npct = 0.6\npct_overrides = true'),
    ]
)
_LIMITS = st.sampled_from(
    [
        "",
        "max_positions = 1",
        "max_positions = 2\ncount_closing = false",
        "max_positions = 1\ncount_closing = false",
        "max_orders_per_minute = 1",
    ]
)
_GATES = st.sampled_from(
    [(), ('use = "quality"\nminimum_reward_to_risk = 1\nrequire_target = false\nminimum_magnitude_pct = 0.2',)]
)


@st.composite
def simple_scenes(draw: st.DrawFn) -> SimpleScene:
    """Draw a scene."""
    kind = draw(st.sampled_from([InstrumentKind.PERP, InstrumentKind.PERP, InstrumentKind.SPOT]))
    waived = draw(st.booleans())
    exits = draw(_EXITS)
    has_stop = any("pct" in text and '"stop"' in text for text in exits)
    return SimpleScene(
        seed=draw(st.integers(0, 1 << 20)),
        symbols=SYMBOLS[: draw(st.integers(1, 3))],
        bars=draw(st.sampled_from([60, 150, 300])),
        gap_share=draw(st.sampled_from([0.0, 0.02, 0.3])),
        step_bps=draw(st.sampled_from([2, 10, 40])),
        begins_at=draw(st.sampled_from([0, 22])),
        kind=kind,
        signals=draw(st.sampled_from([3, 12, 40])),
        broker="paper",
        costs=draw(_COSTS),
        gates=draw(_GATES),
        sizer=draw(_SIZERS),
        exits=exits,
        limits=draw(_LIMITS),
        more='[protection]\nwaiver = "a test"' if waived or not has_stop else "",
        funding=False,
        is_long=kind is InstrumentKind.SPOT or draw(st.booleans()),
    )
