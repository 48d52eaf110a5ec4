"""What trading at the market costs, as deciders may count on it before an order is sent."""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

from atlas_core.model.instrument import ONE, ZERO

if TYPE_CHECKING:
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Action

BPS = Decimal(10_000)


@frozen(kw_only=True)
class TradingCosts:
    """The costs of one fill that takes what the market offers; basis points are of the notional or the price.

    `impact_bps_at_depth` is how far a fill worth `depth_notional` moves the price, linear below and above; None means
    that size moves nothing.
    """

    taker_fee_bps: Decimal = ZERO
    fee_per_contract: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    depth_notional: Decimal | None = None
    impact_bps_at_depth: Decimal = ZERO

    @property
    def has_fees(self) -> bool:
        """Tell whether a fill costs any fee."""
        return bool(self.taker_fee_bps or self.fee_per_contract)

    def __str__(self) -> str:
        parts = [f"fee {_plain(self.taker_fee_bps)} bps"]
        if self.fee_per_contract:
            parts.append(f"{_plain(self.fee_per_contract)} a contract")
        parts.append(f"slippage {_plain(self.slippage_bps)} bps")
        if self.depth_notional is not None:
            parts.append(f"impact {_plain(self.impact_bps_at_depth)} bps at {self.depth_notional.normalize():,f}")
        return ", ".join(parts)

    def taker_fee(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the fee of one fill: a share of its notional plus the fixed part of each contract."""
        return instrument.notional(quantity, price) * self.taker_fee_bps / BPS + self.fee_per_contract * quantity

    def taker_price(self, instrument: Instrument, action: Action, reference: Decimal, quantity: Decimal) -> Decimal:
        """Return the price at which `quantity` is taken when the market stands at `reference`.

        Slippage is constant, impact is linear in the notional of this fill; both are against the order, and the result
        is rounded against it to the tick. A sale never goes below one tick.
        """
        bps = self.slippage_bps
        if self.depth_notional is not None:
            bps += self.impact_bps_at_depth * instrument.notional(quantity, reference) / self.depth_notional
        if not bps:
            return reference
        if action.sign > 0:
            return instrument.round_up(reference * (ONE + bps / BPS))
        return max(instrument.tick_size, instrument.round_down(reference * (ONE - bps / BPS)))


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


@runtime_checkable
class TellsCosts(Protocol):
    """Options of a broker that say what trading on it costs; gates and sizers then count with the same numbers."""

    @abstractmethod
    def trading_costs(self) -> TradingCosts:
        """Return the costs of a fill at the market."""


@runtime_checkable
class TellsFills(Protocol):
    """Options of a broker that say in words when its orders fill; every result is printed with them."""

    @abstractmethod
    def fill_model(self) -> str:
        """Return when orders fill, in a few words."""
