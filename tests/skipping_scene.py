"""Random markets and random profiles, each run by the plain and by the skipping driver, for comparing the journals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

from atlas_core import components as offer
from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.compose import System
from atlas_core.contracts import (
    Capability,
    Context,
    Gate,
    LevelRule,
    MarketHistory,
    MarketNow,
    Need,
    NeedsBars,
    PatientRule,
    Scanner,
)
from atlas_core.journal import Journal
from atlas_core.model.decisions import Approve, Exit, GateAnswer, Levels, OrderPlan
from atlas_core.model.events import BarClosed, FundingDue
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.portfolio import Account, Portfolio, Position
from atlas_core.model.records import Record
from atlas_core.model.signals import Signal, SignalTable, concat_signals, signal_table
from atlas_core.model.timeframe import HOUR, MINUTE
from atlas_core.model.waiting import Waiting
from atlas_core.runs import Mode
from atlas_core.simulation.costs import CostOptions
from atlas_sim.broker import PaperBroker
from tests.memory import START, MemoryProvider, made, memory, system_of

SYMBOLS = ("X", "Y", "Z")
BARE = (Capability.SIMULATED, Capability.MARKET, Capability.SHORT, Capability.PERP, Capability.SPOT)
STOPS_ONLY = (*BARE, Capability.STOP)
FEWER_ABILITIES = {"bare": BARE, "stops": STOPS_ONLY}


@frozen(kw_only=True)
class Scene:
    """One market and one profile; all of it follows from `seed`."""

    seed: int
    symbols: tuple[str, ...]
    bars: int
    gap_share: float
    step_bps: int
    begins_at: int
    kind: InstrumentKind
    signals: int
    broker: str
    costs: str
    gates: tuple[str, ...]
    sizer: str
    exits: tuple[str, ...]
    limits: str
    more: str
    funding: bool


@frozen
class Outcome:
    """What a run left behind."""

    digest: str
    records: Sequence[Record]


@define
class LeveragedProvider(MemoryProvider):
    """Perpetuals of which twenty times the money can be held; what is left of the margin at 4 % is liquidated."""

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        most, share = (Decimal(20), Decimal(4)) if self.kind is InstrumentKind.PERP else (Decimal(1), Decimal(0))
        return {
            symbol: Instrument(
                symbol,
                kind=self.kind,
                tick_size=Decimal("0.05"),
                lot_size=Decimal("0.001"),
                max_leverage=most,
                maintenance_margin_pct=share,
            )
            for symbol in symbols
        }


def market(scene: Scene) -> list[BarClosed]:
    """Return random walks of one-minute bars, with gaps in time and price; ranges and volumes differ widely."""
    return [bar for place, symbol in enumerate(scene.symbols) for bar in _walk(scene, place, symbol)]


def _walk(scene: Scene, place: int, symbol: str) -> list[BarClosed]:
    random = np.random.default_rng((scene.seed, place))
    first = START + scene.begins_at * HOUR
    is_there = random.random(scene.bars) >= scene.gap_share
    is_there[:: max(1, scene.bars // 3)] = True
    step = scene.step_bps / 10_000
    moves = random.normal(0, step, scene.bars) * random.choice([0.0, 0.2, 1.0, 3.0], scene.bars, p=[0.1, 0.4, 0.4, 0.1])
    closes = 100 * np.exp(np.cumsum(moves))
    jumps = np.where(random.random(scene.bars) < 0.05, random.normal(0, step, scene.bars), 0)
    opens = np.concatenate([[100.0], closes[:-1]]) * (1 + jumps)
    wide = np.abs(random.normal(0, step / 2, (2, scene.bars)))
    highs = np.maximum(opens, closes) * (1 + wide[0])
    lows = np.minimum(opens, closes) * (1 - wide[1])
    volumes = random.choice([0.0, 1.0, 40.0, 5_000.0], scene.bars)
    rows = np.round(np.stack([opens, highs, lows, closes]), 2)
    return [
        BarClosed(first + (n + 1) * MINUTE, symbol, first + n * MINUTE, *rows[:, n].tolist(), volume=float(volumes[n]))
        for n in np.flatnonzero(is_there).tolist()
    ]


@define
class RandomScanner(Scanner):
    """Signals of every kind of entry, with levels around the close; not all of them make sense."""

    seed: int
    count: int

    def needs(self) -> Sequence[Need]:
        return (Need("1m"), Need("5m"))

    def scan(self, market: MarketHistory) -> SignalTable:
        return concat_signals([self._of(market, place, symbol) for place, symbol in enumerate(market.symbols)])

    def _of(self, market: MarketHistory, place: int, symbol: str) -> SignalTable:
        random = np.random.default_rng((self.seed, 99, place))
        bars = market.bars(symbol, "1m")
        rows = np.sort(random.choice(len(bars), min(self.count, len(bars)), replace=False))
        count, close = len(rows), bars.close[rows]
        side = random.choice([-1, 1], count)
        entry = random.choice(["market", "stop", "stop", "limit"], count)
        ahead = np.where(entry == "limit", -1, 1) * side
        near, far = random.uniform(0.0, 0.01, count), random.uniform(0.001, 0.03, count)
        trigger = close * (1 + ahead * near)
        base = np.where(entry == "market", close, trigger)
        maybe = lambda values: np.where(random.random(count) < 0.3, np.nan, np.round(values, 2))  # noqa: E731
        late = random.choice([0, 0, 20_000_000_000], count)
        return signal_table(
            available_at=bars.available_at[rows] + late,
            setup_at=bars.opened_at[rows],
            symbol=symbol,
            timeframe=random.choice(["1m", "5m"], count),
            pattern="random",
            side=side,
            entry=entry,
            trigger=np.where(entry == "market", np.nan, np.round(trigger, 2)),
            stop=maybe(base * (1 - side * far)),
            target=maybe(base * (1 + side * 2 * far)),
            valid_until=self._ends(market, symbol, random, bars.available_at[rows] + late),
            cancel_beyond=maybe(base * (1 - side * far / 2)),
            void_beyond=maybe(base * (1 + side * far)),
        )

    def _ends(
        self, market: MarketHistory, symbol: str, random: np.random.Generator, found_at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the end of the bar of five minutes, some time in the next two hours, or never."""
        some_time = found_at + random.integers(1, 240, len(found_at)) * MINUTE // 2
        kind = random.choice(3, len(found_at), p=[0.4, 0.4, 0.2])
        return np.choose(kind, [market.next_ends(symbol, "5m", found_at), some_time, np.iinfo(np.int64).max])


@define
class NosyGate(Gate, NeedsBars):
    """Lets everything pass, and says everything that it could see: what differs there differs in the journal."""

    symbols: Sequence[str]

    def needs(self) -> Sequence[Need]:
        return (Need("5m"), Need("1h"))

    def review(self, signal: Signal, portfolio: Portfolio, market: MarketNow) -> GateAnswer:
        held = {symbol: (p.last_price, p.highest, p.lowest, p.bars_held) for symbol, p in portfolio.positions.items()}
        seen = {
            symbol: (market.last_price(symbol), market.forming(symbol, "1h"), len(market.bars(symbol, "5m")))
            for symbol in self.symbols
        }
        return Approve(f"{portfolio.account} {held} {seen} {market.now}")


@define
class NosySizer:
    """A fixed value for every position, with what it saw of the account as its inputs."""

    symbols: Sequence[str]

    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        prices = {symbol: str(market.last_price(symbol)) for symbol in self.symbols}
        most = self.highest_leverage(market.instrument(signal.symbol))
        return OrderPlan(
            symbol=signal.symbol,
            quantity=Decimal(30),
            leverage=most,
            inputs={"account": str(account), "prices": str(prices)},
        )

    def highest_leverage(self, instrument: Instrument) -> Decimal:
        return min(Decimal(15), instrument.max_leverage)


@define
class PatientTarget(PatientRule):
    """Closes at the market at a close some percent ahead, or once the position was so many minutes old."""

    share: Decimal = Decimal("0.006")
    minutes: int = 45

    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        ahead = (position.last_price - position.entry_price) * position.side.sign
        if ahead < position.entry_price * self.share and market.now < position.opened_at + self.minutes * MINUTE:
            return None
        return Exit(f"{position.highest} {position.lowest} {position.bars_held} {market.now}")

    def waiting(self, position: Position, market: MarketNow) -> Waiting:
        level = float(position.entry_price * (1 + self.share * position.side.sign))
        ends = Waiting(at=position.opened_at + self.minutes * MINUTE)
        return ends.also(Waiting(above=level) if position.side.sign > 0 else Waiting(below=level))


@define
class Ratchet(LevelRule):
    """A stop that follows the worse extreme, and says nothing of what it reads."""

    share: Decimal = Decimal("0.01")

    def levels(self, position: Position) -> Levels:
        if position.side.sign > 0:
            return Levels(stop=(position.highest + position.lowest) / 2 * (1 - self.share))
        return Levels(stop=(position.highest + position.lowest) / 2 * (1 + self.share))


@define
class SlowRise(LevelRule):
    """A stop that comes nearer with every bar that was held."""

    def levels(self, position: Position) -> Levels:
        share = max(Decimal("0.004"), Decimal("0.02") - position.bars_held * Decimal("0.0001"))
        return Levels(stop=position.entry_price * (1 - share * position.side.sign))


def _paper(options: CostOptions, context: Context) -> PaperBroker:
    """Make the paper broker under another description."""
    return PaperBroker(options, context)


def _brokers(name: str) -> list[Any]:
    """Describe the paper broker with fewer abilities, where a scene has one: stops are emulated then."""
    abilities = FEWER_ABILITIES.get(name)
    return [] if abilities is None else [offer.broker(name, _paper, options=CostOptions, capabilities=abilities)]


def system_of_scene(scene: Scene, bars: list[BarClosed], scanner: Scanner) -> System:
    """Return the composed system of a scene, on bars and with signals of the caller's."""
    due = [
        FundingDue(START + hour * HOUR, symbol, Decimal("0.0001"))
        for hour in range(48)
        for symbol in scene.symbols
    ] if scene.funding else []  # fmt: skip
    parts = [
        made(offer.scanner, "script", scanner),
        made(offer.gate, "nosy", NosyGate(scene.symbols)),
        made(offer.sizer, "nosy", NosySizer(scene.symbols)),
        made(offer.exit_rule, "patient", PatientTarget()),
        made(offer.exit_rule, "ratchet", Ratchet()),
        made(offer.exit_rule, "slow-rise", SlowRise()),
        *_brokers(scene.broker),
    ]
    return system_of(
        memory(LeveragedProvider(bars, due, kind=scene.kind)),
        *parts,
        run_as=Mode.BACKTEST,
        symbols=scene.symbols,
        gates=scene.gates,
        sizer=scene.sizer,
        exits=scene.exits,
        broker=f'use = "{scene.broker}"\n{scene.costs}',
        more=f"{scene.more}\n[limits]\n{scene.limits}",
        mode="backtest",
    )


def outcome(scene: Scene, driver: DriverKind) -> Outcome:
    """Run a scene; return its journal."""
    return run_system(system_of_scene(scene, market(scene), RandomScanner(scene.seed, scene.signals)), driver)


def run_system(system: System, driver: DriverKind) -> Outcome:
    """Run a system; return its journal."""
    with Journal.in_memory() as journal:
        summary = run_backtest(system, journal, None, driver)
        return Outcome(summary.digest, list(journal.records()))


def first_difference(one: Outcome, other: Outcome) -> tuple[int, Record | None, Record | None] | None:
    """Return where two journals part, None where they are the same."""
    if one.digest == other.digest and one.records == other.records:
        return None
    for place, (left, right) in enumerate(zip(one.records, other.records, strict=False)):
        if left != right:
            return place, left, right
    shorter = min(len(one.records), len(other.records))
    return shorter, *(next(iter(run.records[shorter:]), None) for run in (one, other))  # type: ignore[return-value]


COSTS: tuple[Any, ...] = (
    "",
    "taker_fee_bps = 5\nmaker_fee_bps = 1\nslippage_bps = 2",
    "latency_ms = 30000",
    "latency_ms = 90000\ntaker_fee_bps = 3",
    "max_volume_participation_pct = 20",
    "max_volume_participation_pct = 60\nlatency_ms = 500",
    "funding_rate_bps = 2\nfunding_hours_utc = [0, 1, 2, 3, 4, 5, 6, 7, 8]",
    'limit_fill = "touch"\ndepth_notional = 50000\nimpact_bps_at_depth = 10',
)
GATES: tuple[Any, ...] = (
    (),
    ('use = "nosy"',),
    ('use = "quality"\nminimum_reward_to_risk = 1', 'use = "nosy"'),
    ('use = "nosy"', 'use = "cooldown"\nminutes = 7\nafter_loss_minutes = 20'),
)
SIZERS: tuple[Any, ...] = (
    'use = "nosy"',
    'use = "fixed-notional"\nnotional = 2500',
    'use = "risk-per-trade"\nrisk_pct = 1\nmax_notional_pct = 300\nleverage = 15',
    'use = "fixed-fraction"\nfraction_pct = 30',
)
_FALLBACK = 'use = "stop"\npct = 1'
EXITS: tuple[Any, ...] = (
    (_FALLBACK,),
    (_FALLBACK, 'use = "target"\npct = 1'),
    (_FALLBACK, 'use = "trailing"\npct = 0.7', 'use = "target"\nreward_to_risk = 2'),
    (_FALLBACK, 'use = "time"\nmax_bars = 33', 'use = "target"'),
    (_FALLBACK, 'use = "time"\nmax_hours = 0.7', 'use = "max-loss"\npct = 0.5'),
    (_FALLBACK, 'use = "patient"'),
    (_FALLBACK, 'use = "ratchet"', 'use = "patient"'),
    (_FALLBACK, 'use = "slow-rise"'),
    (_FALLBACK, 'use = "strat.invalidation"', 'use = "strat.opposite-reversal"'),
    (_FALLBACK, 'use = "strat.opposite-reversal"\ntimeframe = "5m"', 'use = "target"\npct = 2'),
    (_FALLBACK, 'use = "strat.continuity-flip"\ntimeframes = ["5m", "1h"]'),
    (_FALLBACK, 'use = "strat.entry-bar-stop"', 'use = "target"\nreward_to_risk = 1.5'),
    (_FALLBACK, 'use = "sma-cross"\ntimeframe = "5m"\nfast = 2\nslow = 5'),
    (_FALLBACK, 'use = "scale-out"\nsteps = [{ close_pct = 40, at_pct = 0.2 }, { close_pct = 30, at_pct = 0.5 }]'),
    ('use = "trailing"\npct = 0.4\nactivate_at_r = 1', _FALLBACK),
)
LIMITS: tuple[Any, ...] = (
    "",
    "max_positions = 1",
    "max_positions = 2\nmax_exposure_pct = 400\nmax_orders_per_minute = 1",
    "max_exposure_pct = 1500",
    "max_daily_loss_pct = 0.1",
    "max_drawdown_pct = 0.2\nmax_daily_loss_pct = 0.1",
    "max_drawdown_pct = 0.3\nmax_exposure_pct = 300",
    "max_drawdown_pct = 0.8\nstale_data_seconds = 90",
)
MORE: tuple[Any, ...] = (
    "",
    '[schedule]\nmaintenance = [{ weekday = "sun", start = "01:00", end = "02:00" }]',
    '[schedule]\nscan_every = "5m"\nclose_at = ["30 * * * *"]',
)


def scene_of(number: int) -> Scene:
    """Return the scene of a number: every choice is drawn from it."""
    random = np.random.default_rng(number)

    def pick(*choices: Any) -> Any:
        return choices[int(random.integers(len(choices)))]

    return Scene(
        seed=number,
        symbols=SYMBOLS[: pick(1, 2, 3)],
        bars=pick(60, 150, 300),
        gap_share=pick(0.0, 0.02, 0.3),
        step_bps=pick(2, 10, 40),
        begins_at=pick(0, 22),
        kind=pick(InstrumentKind.PERP, InstrumentKind.PERP, InstrumentKind.SPOT),
        signals=pick(3, 12, 40),
        broker=pick("paper", "paper", "bare", "stops"),
        costs=pick(*COSTS),
        gates=pick(*GATES),
        sizer=pick(*SIZERS),
        exits=pick(*EXITS),
        limits=f"max_leverage = 20\n{pick(*LIMITS)}",
        more=pick(*MORE),
        funding=pick(True, False),
    )


def differs(scene: Scene) -> tuple[int, Record | None, Record | None] | None:
    """Run a scene both ways; return where the journals part."""
    return first_difference(outcome(scene, DriverKind.PLAIN), outcome(scene, DriverKind.SKIPPING))
