"""Components that cheat, one way each, and honest ones of the same build: what a check for look-ahead is held to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from attrs import define, frozen

from atlas_core import components as offer
from atlas_core.columnar import ExitSteps
from atlas_core.components import NoOptions
from atlas_core.contracts import Context, MarketHistory, Need, Scanner
from atlas_core.model.bars import Bars
from atlas_core.model.decisions import Approve, Exit, GateMask, OrderPlan, Refuse
from atlas_core.model.events import BarClosed
from atlas_core.model.signals import SignalTable, concat_signals, signal_table
from atlas_core.model.timeframe import MINUTE
from atlas_core.profile import Profile
from tests.memory import MemoryProvider, bar, memory, profile_of, registry

MINUTES = 120
EVERY = 3
Columns = dict[str, Any]


def random_walk(seed: int = 3, minutes: int = MINUTES) -> list[BarClosed]:
    """Return the bars of one symbol that goes anywhere, each with half a unit around its body."""
    steps = np.random.Generator(np.random.PCG64(seed)).normal(0, 0.5, minutes + 1)
    prices = (100 + np.cumsum(steps)).round(2).tolist()
    return [bar(minute, prices[minute], "X", prices[minute + 1]) for minute in range(minutes)]


@define
class Rows(Scanner):
    """A signal at every third bar; `columns` may change what the rows say, `keep` which of them there are."""

    columns: Callable[[Bars, np.ndarray], Columns] = lambda _bars, _rows: {}
    keep: Callable[[Bars], np.ndarray] = lambda bars: np.ones(len(bars), dtype=bool)
    entry: str = "market"
    timeframes: tuple[str, ...] = ("1m",)
    seen: Callable[[MarketHistory], None] = lambda _market: None

    def needs(self) -> Sequence[Need]:
        return tuple(Need(timeframe, 5) for timeframe in self.timeframes)

    def scan(self, market: MarketHistory) -> SignalTable:
        self.seen(market)
        return concat_signals([self._of(market.bars(symbol, "1m")) for symbol in market.symbols])

    def _of(self, bars: Bars) -> SignalTable:
        rows = np.flatnonzero((bars.opened_at // MINUTE % EVERY == 0) & self.keep(bars))
        close, side = bars.close[rows], np.where(bars.close[rows] >= bars.open[rows], 1, -1)
        facts: Columns = {
            "available_at": bars.available_at[rows], "setup_at": bars.opened_at[rows], "symbol": bars.symbol,
            "timeframe": "1m", "pattern": "row", "side": side, "entry": self.entry,
            "valid_until": bars.available_at[rows] + EVERY * MINUTE,
        }  # fmt: skip
        facts |= self.columns(bars, rows)
        side = facts["side"]
        anchor = close + 0.3 * side if self.entry == "stop" else close
        facts = {"trigger": anchor, "stop": anchor - 1.2 * side, "target": anchor + 1.2 * side} | facts
        return signal_table(**facts)


# --- scanners that cheat


def next_close(bars: Bars, rows: np.ndarray) -> Columns:
    later = np.append(bars.close[1:], bars.close[-1])
    return {"side": np.where(later[rows] >= bars.close[rows], 1, -1)}


def future_high(bars: Bars, rows: np.ndarray) -> Columns:
    high = np.maximum(bars.high, np.append(bars.high[1:], 0.0))
    return {"side": 1, "trigger": high[rows], "stop": high[rows] - 2, "target": high[rows] + 2}


def centred_mean(bars: Bars, rows: np.ndarray) -> Columns:
    mean = np.convolve(bars.close, np.ones(5) / 5, mode="same")
    return {"side": np.where(bars.close[rows] > mean[rows], 1, -1)}


def z_score(bars: Bars, rows: np.ndarray) -> Columns:
    return {"score": ((bars.close - bars.close.mean()) / bars.close.std())[rows]}


def last_of_all(bars: Bars, rows: np.ndarray) -> Columns:
    return {"score": bars.close[rows] / bars.close[-1]}


def labelled_by_its_beginning(bars: Bars, rows: np.ndarray) -> Columns:
    """Make bars of five minutes by hand, and know each when it begins."""
    bucket = bars.opened_at // (5 * MINUTE)
    high = np.array([bars.high[bucket == own].max() for own in bucket])
    return {"score": high[rows]}


def best_of_the_next_ten(bars: Bars, rows: np.ndarray) -> Columns:
    best = np.array([bars.high[row : row + 10].max() + 0.5 for row in rows])
    return {"side": 1, "stop": bars.close[rows] - 2, "target": best}


def filled_backwards(bars: Bars, rows: np.ndarray) -> Columns:
    known = np.flatnonzero(np.arange(len(bars)) % 10 == 9)
    place = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    return {"score": bars.volume[known][place] + bars.close[known][place]}


def known_too_early(bars: Bars, rows: np.ndarray) -> Columns:
    return {"available_at": bars.opened_at[rows] + 1, "setup_at": bars.opened_at[rows]}


def by_chance(_bars: Bars, rows: np.ndarray) -> Columns:
    return {"score": np.random.default_rng().random(len(rows))}


def by_the_clock(_bars: Bars, rows: np.ndarray) -> Columns:
    return {"score": np.full(len(rows), float(time.perf_counter_ns()))}


def without_losers(bars: Bars) -> np.ndarray:
    """Mark the bars after which the price went on as the bar did."""
    later = np.append(bars.close[6:], np.full(6, bars.close[-1]))
    return (later - bars.close) * (bars.close - bars.open) >= 0


@define
class Unfinished(Rows):
    """Reads the bar of fifteen minutes in which a minute lies, as if it had closed."""

    timeframes: tuple[str, ...] = ("1m", "15m")

    def scan(self, market: MarketHistory) -> SignalTable:
        higher = market.bars("X", "15m")

        def columns(bars: Bars, rows: np.ndarray) -> Columns:
            place = np.searchsorted(higher.opened_at, bars.opened_at[rows], side="right") - 1
            return {"score": np.where(place >= 0, higher.close[np.maximum(place, 0)] if len(higher) else 0.0, 0.0)}

        self.columns = columns
        return super().scan(market)


@define
class Counting(Rows):
    """Tells how often it was asked."""

    asked: int = 0

    def scan(self, market: MarketHistory) -> SignalTable:
        self.asked += 1
        self.columns = lambda _bars, rows: {"score": np.full(len(rows), float(self.asked))}
        return super().scan(market)


ORDER: dict[str, int] = {}


def in_order_of_asking(bars: Bars, rows: np.ndarray) -> Columns:
    """Rank by what a dictionary of the module has seen so far."""
    ORDER[f"{bars.symbol} {len(ORDER)}"] = len(ORDER)
    return {"score": np.full(len(rows), float(len(ORDER)))}


# --- gates, sizers and exit rules that cheat


def behind(bars: Bars, steps: int) -> float:
    """Return a close that lies behind the last one that is shown, the last one where there is none."""
    column: np.ndarray = bars.close
    while isinstance(column.base, np.ndarray):
        column = column.base
    return float(column[min(len(bars) - 1 + steps, len(column) - 1)])


class PeekingGate:
    """Looks behind the view of the past."""

    def review(self, signal: Any, _portfolio: Any, market: Any) -> Approve | Refuse:
        ahead = behind(market.bars("X", "1m"), 5) - float(market.last_price("X"))
        return Approve("", ahead) if ahead * signal.side.sign > -0.5 else Refuse("it would lose", ahead)


class RankingGate:
    """Lets the better half of a table pass."""

    def mask(self, table: SignalTable) -> GateMask:
        threshold = float(np.median(table.trigger)) if len(table) else 0.0
        return GateMask(table.trigger >= threshold, table.trigger, threshold, "rank")

    def review(self, _signal: Any, _portfolio: Any, _market: Any) -> Approve:
        return Approve("")


class PeekingSizer:
    """Takes more where it will pay."""

    def size(self, signal: Any, _account: Any, market: Any) -> OrderPlan:
        ahead = behind(market.bars("X", "1m"), 4) - float(market.last_price("X"))
        return OrderPlan(symbol="X", quantity=Decimal(2 if ahead * signal.side.sign > 0 else 1), reason="size")


@define
class SharedExit:
    """Closes a position by the columns that a scanner has left for it."""

    shared: dict[str, Bars]

    def on_market(self, position: Any, market: Any) -> Exit | None:
        bars = self.shared.get("bars")
        if bars is None:
            return None
        place = min(bars.count_available(market.now) + 2, len(bars) - 1)
        ahead = float(bars.close[place]) - float(market.last_price("X"))
        return Exit("it is going to fall", ahead) if ahead * position.side.sign < -0.8 else None


@define
class SharedGate:
    """Knows how the bar of a touch will close."""

    shared: dict[str, Bars]

    def review(self, _signal: Any, _portfolio: Any, market: Any) -> Approve:
        bars = self.shared["bars"]
        place = min(bars.count_available(market.now), len(bars) - 1)
        return Approve("", float(bars.close[place]))


class ForesightedSteps:
    """Is honest bar by bar, and knows the next close where it answers a whole history at once."""

    def on_market(self, _position: Any, _market: Any) -> Exit | None:
        return None

    def steps(self, market: MarketHistory, symbol: str) -> ExitSteps:
        bars = market.bars(symbol, "1m")
        falls = np.append(np.diff(bars.close), 0.0) < 0
        return ExitSteps(bars.available_at, falls, ~falls, "it is going to fall", "to rise")


@define
class TiredExit:
    """Closes at every ninth time that it is asked."""

    asked: int = 0

    def on_market(self, _position: Any, _market: Any) -> Exit | None:
        self.asked += 1
        return Exit("tired") if self.asked % 9 == 0 else None


# --- systems of them

Part = Callable[[Context], Any]


def _shared(context: Context) -> dict[str, Bars]:
    shared: dict[str, Bars] = context.share("cheat", dict)  # type: ignore[assignment]
    return shared


def _leaving(context: Context, **settings: Any) -> Rows:
    """Make a scanner that leaves its columns for others."""
    return Rows(seen=lambda market: _shared(context).update(bars=market.bars("X", "1m")), **settings)


@frozen(kw_only=True)
class Cheat:
    """A system with one component that cheats, and who is to blame."""

    name: str
    blamed: str
    scanner: Part = lambda _context: Rows()
    gate: Part | None = None
    sizer: Part | None = None
    exit_rule: Part | None = None

    def profile(self, **tables: Any) -> Profile:
        """Return the profile of the system."""
        parts = [memory(MemoryProvider(random_walk())), _part(offer.scanner, self.scanner)]
        tables = {"scanners": ['use = "cheat"'], "exits": ['use = "stop"', 'use = "target"']} | tables
        if self.gate is not None:
            parts.append(_part(offer.gate, self.gate))
            tables["gates"] = ['use = "cheat"']
        if self.sizer is not None:
            parts.append(_part(offer.sizer, self.sizer))
            tables["sizer"] = 'use = "cheat"'
        if self.exit_rule is not None:
            parts.append(_part(offer.exit_rule, self.exit_rule))
            tables["exits"] = [*tables["exits"], 'use = "cheat"']
        return profile_of(registry(*parts), **tables)


def _part(kind: Callable[..., Any], make: Part) -> Any:
    def factory(_options: NoOptions, context: Context) -> Any:
        """Make the component anew for every system."""
        return make(context)

    return kind("cheat", factory)


def _rows(name: str, columns: Callable[[Bars, np.ndarray], Columns], **settings: Any) -> Cheat:
    return Cheat(name=name, blamed="scanner cheat", scanner=lambda _context: Rows(columns=columns, **settings))


HONEST = (
    Cheat(name="honest at the market", blamed=""),
    Cheat(name="honest with a trigger", blamed="", scanner=lambda _context: Rows(entry="stop")),
)
CHEATS = (
    _rows("the next close", next_close),
    _rows("the future's high in the trigger", future_high, entry="stop"),
    _rows("a centred mean", centred_mean),
    _rows("a score over the whole column", z_score),
    _rows("the last of the column", last_of_all),
    _rows("a bucket known at its beginning", labelled_by_its_beginning),
    _rows("a target from the future", best_of_the_next_ten),
    _rows("filled backwards", filled_backwards),
    _rows("known before its bar has closed", known_too_early),
    _rows("chance", by_chance),
    _rows("the machine's clock", by_the_clock),
    _rows("a dictionary that remembers", in_order_of_asking),
    Cheat(name="losers left out", blamed="scanner cheat", scanner=lambda _context: Rows(keep=without_losers)),
    Cheat(name="an unfinished bar", blamed="scanner cheat", scanner=lambda _context: Unfinished()),
    Cheat(name="state between scans", blamed="scanner cheat", scanner=lambda _context: Counting()),
    Cheat(name="a gate behind the view", blamed="gate cheat", gate=lambda _context: PeekingGate()),
    Cheat(name="a gate that ranks the table", blamed="gate cheat", gate=lambda _context: RankingGate()),
    Cheat(name="a gate that knows the close", blamed="gate cheat",
          scanner=lambda context: _leaving(context, entry="stop"), gate=lambda context: SharedGate(_shared(context))),
    Cheat(name="a sizer behind the view", blamed="sizer cheat", sizer=lambda _context: PeekingSizer()),
    Cheat(name="an exit by shared columns", blamed="exit rule cheat", scanner=_leaving,
          exit_rule=lambda context: SharedExit(_shared(context))),
    Cheat(name="an exit by steps", blamed="exit rule cheat", exit_rule=lambda _context: ForesightedSteps()),
    Cheat(name="an exit that counts", blamed="exit rule cheat", exit_rule=lambda _context: TiredExit()),
)  # fmt: skip
