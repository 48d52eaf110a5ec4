"""What one seed draws beside its faults: the venue, the symbols, the rates of the system under test, the limits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import evolve, frozen

from tests.faults.chance import Chance
from tests.faults.venue import Personality
from tests.faults.weather import PRICES, PRICES_BY_THEMSELVES, Plan
from tests.faults.world import PERSONALITIES

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
FEEDS = ("bars", "stream", "stream", "poll")
"""Where prices come from: closed bars alone, or prices between them that are streamed or asked for."""


@frozen(kw_only=True)
class Setup:
    """One run before it begins; equal setups give equal runs."""

    seed: int
    hours: float
    plan: Plan
    personality: Personality
    symbols: tuple[str, ...]
    signal_rate: float
    stop_pct: Decimal
    target_pct: Decimal
    is_trailing: bool
    leaves_at: float
    max_positions: int
    max_orders_per_minute: int
    is_shuffled: bool
    storm_seconds: float
    feed: str = "bars"

    @classmethod
    def drawn(cls, seed: int, hours: float, feed: str = "") -> Setup:
        """Draw everything that a seed decides; `feed` takes the place of what it draws for that.

        With `bars` no price comes between the bars, and a run is what it was before there were any.
        """
        chance = Chance(seed)
        plan = Plan.drawn(chance)
        draw = chance.stream("setup")
        symbols = SYMBOLS[: draw.choice((1, 2, 3, 4))]
        return cls(
            seed=seed,
            hours=hours,
            plan=plan.without((*PRICES, *PRICES_BY_THEMSELVES)) if feed == "bars" else plan,
            personality=draw.choice(PERSONALITIES),
            symbols=symbols,
            signal_rate=draw.choice((0.01, 0.05, 0.2, 0.5, 0.9)),
            stop_pct=Decimal(draw.choice(("0.002", "0.004", "0.008"))),
            target_pct=Decimal(draw.choice(("0.003", "0.006", "0.012"))),
            is_trailing=draw.random() < 0.5,
            leaves_at=draw.choice((0.0, 0.02, 0.1)),
            max_positions=draw.choice((1, 2, len(symbols), 6)),
            max_orders_per_minute=draw.choice((1, 10, 60)),
            is_shuffled=draw.random() < 0.3,
            storm_seconds=draw.choice((1_200.0, 2_400.0, 4_800.0)),
            feed=feed or draw.choice(FEEDS),
        )

    def only(self, kinds: Iterable[str]) -> Setup:
        """Return the setup with these kinds of faults alone."""
        return evolve(self, plan=self.plan.only(kinds))
