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


@frozen
class TakenPrice:
    """A price that was taken, and the middle of the market then; `spread` and `impact` are parts of the distance.

    All are in quote currency a unit. What else lies between the middle and the price is slippage.
    """

    price: Decimal
    middle: Decimal
    spread: Decimal = ZERO
    impact: Decimal = ZERO


@frozen(kw_only=True)
class TradingCosts:
    """The costs of one fill that takes what the market offers; basis points are of the notional or the price.

    `spread_bps` is the whole width between bid and ask where prices are not quotes: a fill loses half of it.
    `impact_bps_at_depth` is how far a fill worth `depth_notional` moves the price, linear below and above; None means
    that size moves nothing. `extra_ticks` are lost on top.
    """

    taker_fee_bps: Decimal = ZERO
    fee_per_contract: Decimal = ZERO
    slippage_bps: Decimal = ZERO
    depth_notional: Decimal | None = None
    impact_bps_at_depth: Decimal = ZERO
    spread_bps: Decimal = ZERO
    extra_ticks: int = 0

    @property
    def has_fees(self) -> bool:
        """Tell whether a fill costs any fee."""
        return bool(self.taker_fee_bps or self.fee_per_contract)

    def __str__(self) -> str:
        parts = [f"fee {_plain(self.taker_fee_bps)} bps"]
        if self.fee_per_contract:
            parts.append(f"{_plain(self.fee_per_contract)} a contract")
        if self.spread_bps:
            parts.append(f"spread {_plain(self.spread_bps)} bps")
        parts.append(f"slippage {_plain(self.slippage_bps)} bps")
        if self.depth_notional is not None:
            parts.append(f"impact {_plain(self.impact_bps_at_depth)} bps at {self.depth_notional.normalize():,f}")
        return ", ".join(parts)

    def taker_fee(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the fee of one fill: a share of its notional plus the fixed part of each contract."""
        return instrument.notional(quantity, price) * self.taker_fee_bps / BPS + self.fee_per_contract * quantity

    def taker_price(self, instrument: Instrument, action: Action, reference: Decimal, quantity: Decimal) -> Decimal:
        """Return the price at which `quantity` is taken when the market stands at `reference`.

        Half of the spread and slippage are constant, impact is linear in the notional of this fill; all are against the
        order, and the result is rounded against it to the tick. A sale never goes below one tick.
        """
        impact_bps = self._impact_bps(instrument, reference, quantity)
        return self._worsened(instrument, action, reference, self.spread_bps / 2 + self.slippage_bps + impact_bps)

    def taken(
        self,
        instrument: Instrument,
        action: Action,
        reference: Decimal,
        quantity: Decimal,
        *,
        half_spread: Decimal | None = None,
        limit: Decimal | None = None,
        at_limit: bool = False,
    ) -> TakenPrice:
        """Return what `taker_price` does, never beyond `limit` (`at_limit`: at the limit itself), with its parts.

        `half_spread` is given where the reference is the far side of a quote, so far from its middle: then the quote
        tells the spread. The parts are taken in the order spread, impact, slippage, which has what rounding adds.
        """
        impact_bps = self._impact_bps(instrument, reference, quantity)
        half_bps = self.spread_bps / 2 if half_spread is None else ZERO
        price = self._worsened(instrument, action, reference, half_bps + self.slippage_bps + impact_bps)
        if limit is not None and at_limit:
            price = limit
        elif limit is not None:
            price = min(price, limit) if action.sign > 0 else max(price, limit)
        middle = reference - action.sign * (half_spread or ZERO)
        lost = max(ZERO, (price - middle) * action.sign)
        spread = min(lost, (half_spread or ZERO) + reference * half_bps / BPS)
        return TakenPrice(price, middle, spread, min(lost - spread, reference * impact_bps / BPS))

    def _impact_bps(self, instrument: Instrument, reference: Decimal, quantity: Decimal) -> Decimal:
        if self.depth_notional is None:
            return ZERO
        return self.impact_bps_at_depth * instrument.notional(quantity, reference) / self.depth_notional

    def _worsened(self, instrument: Instrument, action: Action, reference: Decimal, bps: Decimal) -> Decimal:
        if not bps and not self.extra_ticks:
            return reference
        extra = self.extra_ticks * instrument.tick_size
        if action.sign > 0:
            return instrument.round_up(reference * (ONE + bps / BPS)) + extra
        return max(instrument.tick_size, instrument.round_down(reference * (ONE - bps / BPS)) - extra)


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
