"""What trading costs in the simulation, as options. Imports nothing heavy: plugin descriptors name this class."""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from attrs import frozen

from atlas_core.model.costs import TellsCosts, TellsFills, TradingCosts
from atlas_core.model.instrument import ZERO
from atlas_core.options import above, at_least, at_most, between, each, option
from atlas_core.simulation.scenarios import FILL_MODELS, FillModel, FillScenario


class LimitFill(StrEnum):
    """When a resting limit order counts as filled inside a bar."""

    TOUCH = "touch"
    THROUGH = "through"


@frozen(kw_only=True)
class CostOptions(TellsCosts, TellsFills):
    """What the simulated venue charges and how it treats orders; basis points are of the notional or the price.

    Raises ValueError when only one of `depth_notional` and `impact_bps_at_depth` is set.
    """

    maker_fee_bps: Decimal = option(ZERO, help="Fee of a fill that rested in the book.", check=between(-100, 1_000))
    taker_fee_bps: Decimal = option(ZERO, help="Fee of every other fill.", check=between(0, 1_000))
    fee_per_contract: Decimal = option(ZERO, help="Fixed fee for each contract of a fill.", check=at_least(0))
    slippage_bps: Decimal = option(ZERO, help="How far taker fills are worse than the market.", check=between(0, 1_000))
    spread_bps: Decimal = option(
        ZERO, help="Width between bid and ask where the tape has no quotes.", check=between(0, 1_000)
    )
    depth_notional: Decimal | None = option(
        None, help="Notional that moves the price by `impact_bps_at_depth`; none means no impact.", check=above(0)
    )
    impact_bps_at_depth: Decimal = option(ZERO, help="Move of the price by `depth_notional`.", check=at_least(0))
    latency_ms: int = option(0, help="Time between sending an order and its arrival.", check=at_least(0))
    max_volume_participation_pct: Decimal | None = option(
        None, help="Share of a bar's volume that all orders together may take.", check=(above(0), at_most(100))
    )
    limit_fill: LimitFill = option(
        LimitFill.THROUGH, help="Whether the price must touch a limit or go at least one tick through it."
    )
    liquidation_fee_bps: Decimal = option(ZERO, help="Fee of a forced close.", check=between(0, 1_000))
    funding_rate_bps: Decimal = option(
        ZERO, help="Funding of perpetuals per funding time where the data has none.", check=between(-1_000, 1_000)
    )
    funding_hours_utc: tuple[int, ...] = option(
        (0, 8, 16), help="Hours of the day at which `funding_rate_bps` is due.", check=each(between(0, 23))
    )
    fills: FillScenario = option(
        FillScenario.BASE, help="How kind the market is assumed to be; deciders count with the base costs always."
    )
    allow_spot_shorts: bool = option(False, help="Whether spot may be sold without owning it.")

    def __attrs_post_init__(self) -> None:
        if (self.depth_notional is None) != (self.impact_bps_at_depth == 0):
            raise ValueError(
                "expected depth_notional and impact_bps_at_depth to be set together, "
                f"were {self.depth_notional} and {self.impact_bps_at_depth}"
            )

    def fill_model(self) -> str:
        """Return when orders fill, in a few words."""
        share = self.max_volume_participation_pct
        ticks = self.ticks_through_limits
        limits = f"limits fill {ticks} {'tick' if ticks == 1 else 'ticks'} through" if ticks else "a touch fills limits"
        volume = "any quantity" if share is None else f"at most {share.normalize():f} % of a bar's volume"
        scenario = "" if self.fills is FillScenario.BASE else f"{self.fills}, "
        return f"{scenario}{limits}, {volume}, latency {self.latency_ms} ms"

    @property
    def assumed(self) -> FillModel:
        """Return what the scenario assumes of fills."""
        return FILL_MODELS[self.fills]

    @property
    def ticks_through_limits(self) -> int:
        """Return how many ticks the price must go through a limit."""
        return self.assumed.beyond(1 if self.limit_fill is LimitFill.THROUGH else 0)

    def trading_costs(self) -> TradingCosts:
        """Return what a fill that takes what the market offers costs, in the base scenario."""
        return TradingCosts(
            taker_fee_bps=self.taker_fee_bps,
            fee_per_contract=self.fee_per_contract,
            slippage_bps=self.slippage_bps,
            depth_notional=self.depth_notional,
            impact_bps_at_depth=self.impact_bps_at_depth,
            spread_bps=self.spread_bps,
        )


@runtime_checkable
class ColumnarBroker(Protocol):
    """A simulated broker that does what `SimulatedVenue` does, and nothing else."""

    @abstractmethod
    def venue_costs(self) -> CostOptions:
        """Return the options of the venue."""
