"""What is traded: tick, lot and margin rules of one symbol."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import StrEnum

from attrs import field, frozen

ZERO = Decimal(0)
ONE = Decimal(1)


class InstrumentKind(StrEnum):
    """The families of instruments that Atlas knows how to margin and settle."""

    SPOT = "spot"
    PERP = "perp"
    STOCK = "stock"
    OPTION = "option"
    INDEX = "index"
    FX = "fx"


@frozen
class Instrument:
    """One tradable symbol with the steps in which its price and quantity move.

    `multiplier` is the units of the underlying in one contract; `maintenance_margin_pct` is in percent of the
    notional; `group` names the bucket that per-group limits count (a cap class, a sector, a base currency).
    """

    symbol: str
    kind: InstrumentKind = InstrumentKind.SPOT
    tick_size: Decimal = Decimal("0.01")
    lot_size: Decimal = Decimal("0.00000001")
    min_notional: Decimal = ZERO
    multiplier: Decimal = ONE
    quote: str = "USD"
    group: str = ""
    max_leverage: Decimal = ONE
    maintenance_margin_pct: Decimal = ZERO
    _tick_float: float = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.tick_size <= 0 or self.lot_size <= 0:
            raise ValueError(f"{self.symbol}: expected tick and lot above 0, were {self.tick_size} and {self.lot_size}")
        object.__setattr__(self, "_tick_float", float(self.tick_size))

    def to_ticks(self, price: float | Decimal) -> int:
        """Return a price as a whole number of ticks (the nearest one)."""
        return round(float(price) / self._tick_float)

    def from_ticks(self, ticks: int) -> Decimal:
        """Return a whole number of ticks as an exact price."""
        return self.tick_size * ticks

    def exact(self, price: float | Decimal) -> Decimal:
        """Return the exact price of the tick nearest to `price`."""
        return self.tick_size * self.to_ticks(price)

    def round_up(self, price: Decimal) -> Decimal:
        """Return `price` rounded up to the tick."""
        return (price / self.tick_size).to_integral_value(ROUND_CEILING) * self.tick_size

    def round_down(self, price: Decimal) -> Decimal:
        """Return `price` rounded down to the tick."""
        return (price / self.tick_size).to_integral_value(ROUND_FLOOR) * self.tick_size

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """Return `quantity` rounded towards zero to the lot: a size is never rounded up."""
        return (quantity / self.lot_size).to_integral_value(ROUND_DOWN) * self.lot_size

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the money that `quantity` is worth at `price`, in the quote currency."""
        return quantity * price * self.multiplier
