"""What the venue holds for the account in one symbol: a net quantity at average cost, with isolated margin."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, frozen

from atlas_core.model.instrument import ONE, ZERO, Instrument
from atlas_core.simulation.pricing import PERCENT, to_nearest_money


@frozen(kw_only=True)
class HoldingSnapshot:
    """A net position as the venue sees it; `quantity` is below 0 for a short, the margin is in quote money."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    margin: Decimal
    liquidation_price: Decimal | None


@define(eq=False)
class Holding:
    """A signed quantity, the signed money paid for it, and the margin reserved for it."""

    instrument: Instrument
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO

    @property
    def sign(self) -> int:
        """Return +1 for long, -1 for short and 0 for flat."""
        return (self.quantity > 0) - (self.quantity < 0)

    def unrealised(self, price: Decimal) -> Decimal:
        """Return the profit or loss at `price`."""
        return self.instrument.notional(self.quantity, price) - self.cost

    def closing_part(self, signed_quantity: Decimal) -> Decimal:
        """Return how much (positive) of a trade would close what is held."""
        if self.quantity * signed_quantity >= 0:
            return ZERO
        return min(abs(signed_quantity), abs(self.quantity))

    def trade(self, signed_quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
        """Book a trade and return the profit or loss that it realised, before fees.

        What remains keeps its average cost; what goes beyond the position opens one on the other side.
        """
        closing = self.closing_part(signed_quantity)
        realised = self._close(closing, price) if closing else ZERO
        opening = abs(signed_quantity) - closing
        if opening:
            sign = 1 if signed_quantity > 0 else -1
            notional = self.instrument.notional(opening, price)
            self.quantity += sign * opening
            self.cost += sign * notional
            self.margin += to_nearest_money(notional / leverage)
        return realised

    def carry(self, quantity: Decimal, cost: Decimal, leverage: Decimal) -> None:
        """Hold what an earlier process held; quantity and cost carry the sign of the side."""
        self.quantity, self.cost = quantity, cost
        self.margin = to_nearest_money(abs(cost) / leverage)

    def _close(self, quantity: Decimal, price: Decimal) -> Decimal:
        held = abs(self.quantity)
        whole = quantity == held
        released = self.cost if whole else to_nearest_money(self.cost * quantity / held)
        freed = self.margin if whole else to_nearest_money(self.margin * quantity / held)
        value = self.instrument.notional(self.sign * quantity, price)
        self.quantity -= self.sign * quantity
        self.cost -= released
        self.margin -= freed
        return value - released

    def liquidation_price(self) -> Decimal | None:
        """Return the price of the forced close, on the tick that comes first, or None where there is none.

        `entry * (1 - sign * (1/L - m))` with the maintenance share m and 1/L as margin over entry notional; a long
        that is paid in full cannot be liquidated.
        """
        if not self.quantity or (self.quantity > 0 and self.margin >= self.cost):
            return None
        entry = self.cost / (self.quantity * self.instrument.multiplier)
        distance = self.margin / abs(self.cost) - self.instrument.maintenance_margin_pct / PERCENT
        exact = to_nearest_money(entry * (ONE - self.sign * distance))
        return self.instrument.round_up(exact) if self.quantity > 0 else self.instrument.round_down(exact)

    def snapshot(self) -> HoldingSnapshot:
        """Return an immutable copy for readers."""
        size = self.quantity * self.instrument.multiplier
        return HoldingSnapshot(
            symbol=self.instrument.symbol,
            quantity=self.quantity,
            entry_price=self.cost / size if size else ZERO,
            margin=self.margin,
            liquidation_price=self.liquidation_price(),
        )
