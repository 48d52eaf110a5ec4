"""Booked money: whole minor units of the quote currency, so that every printed sum adds up."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

_COINS = frozenset({"BTC", "ETH", "BNB", "SOL"})
_CENT = Decimal("0.01")
_SATOSHI = Decimal("0.00000001")
_PRICE_STEP = Decimal("1e-12")  # finer than any tick: takes the rounding noise out of averages


def minor_unit(quote: str) -> Decimal:
    """Return the smallest amount that is booked in `quote`: a cent, or 1e-8 where the quote is a coin."""
    return _SATOSHI if quote.upper() in _COINS else _CENT


def booked(amount: Decimal, unit: Decimal) -> Decimal:
    """Round a profit or loss to the minor unit (half to even)."""
    return amount.quantize(unit, ROUND_HALF_EVEN)


def booked_cost(amount: Decimal, unit: Decimal) -> Decimal:
    """Round a cost up to the minor unit: costs are never booked too small, rebates never too large."""
    return amount.quantize(unit, ROUND_CEILING)


def tidy(price: Decimal) -> Decimal:
    """Return an average price without the noise of its division, and never in the form 1E+2."""
    whole = price.quantize(_PRICE_STEP).normalize()
    return whole if whole.as_tuple().exponent <= 0 else whole.quantize(Decimal(1))  # type: ignore[operator]
