"""Money as whole numbers: prices in ticks, sizes in lots, amounts in minor units, equal to the engine's decimals."""

from __future__ import annotations

from decimal import Decimal

from attrs import field, frozen

from atlas_core.model.instrument import Instrument
from atlas_core.simulation.costs import CostOptions

BPS_DIGITS = 4


@frozen
class Scaled:
    """A decimal as a whole number of 10^-digits."""

    number: int
    digits: int

    @classmethod
    def of(cls, value: Decimal) -> Scaled:
        """Return a finite decimal exactly."""
        sign, figures, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        number = int("".join(map(str, figures)))
        digits = max(0, -exponent)
        return cls((-number if sign else number) * 10 ** max(0, exponent), digits)


@frozen
class Purse:
    """Values, fees and profits of one instrument in minor units of 10^-`unit_digits` of the quote currency.

    `per_tick_lot` is the worth of one lot one tick high in units of 10^-`digits`, `to_unit` what divides it to a unit.
    """

    per_tick_lot: int
    digits: int
    unit_digits: int
    to_unit: int = field(init=False)

    @classmethod
    def of(cls, instrument: Instrument, unit: Decimal) -> Purse:
        """Return the purse of an instrument whose money is booked in `unit`s."""
        parts = [Scaled.of(value) for value in (instrument.tick_size, instrument.lot_size, instrument.multiplier)]
        number, digits = 1, 0
        for part in parts:
            number, digits = number * part.number, digits + part.digits
        unit_digits = Scaled.of(unit).digits
        if digits < unit_digits:
            number, digits = number * 10 ** (unit_digits - digits), unit_digits
        return cls(number, digits, unit_digits)

    @to_unit.default
    def _to_unit(self) -> int:
        return int(10 ** (self.digits - self.unit_digits))

    def exact(self, tick_lots: int) -> Decimal:
        """Return a worth to the last digit."""
        return Decimal(tick_lots * self.per_tick_lot).scaleb(-self.digits)


@frozen
class FeeRate:
    """The fee of a fill: (tick-lots * `of_worth` + lots * `of_lot`) / `divisor`, rounded up to the minor unit."""

    of_worth: int
    of_lot: int
    divisor: int

    @classmethod
    def of(cls, purse: Purse, instrument: Instrument, rate_bps: Decimal, costs: CostOptions) -> FeeRate:
        """Return the rate for an instrument."""
        rate, fixed = Scaled.of(rate_bps), Scaled.of(costs.fee_per_contract)
        lot = Scaled.of(instrument.lot_size)
        worth_digits = purse.digits + rate.digits + BPS_DIGITS
        lot_digits = fixed.digits + lot.digits
        digits = max(worth_digits, lot_digits, purse.unit_digits)
        return cls(
            purse.per_tick_lot * rate.number * 10 ** (digits - worth_digits),
            fixed.number * lot.number * 10 ** (digits - lot_digits),
            10 ** (digits - purse.unit_digits),
        )
