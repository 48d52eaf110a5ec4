"""Price and fee of one fill."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from atlas_core.model.costs import BPS
from atlas_core.model.orders import Liquidity

if TYPE_CHECKING:
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Action
    from atlas_core.simulation.costs import CostOptions

PERCENT = Decimal(100)
MONEY_STEP = Decimal("1e-12")


def to_money(amount: Decimal) -> Decimal:
    """Return an amount that we pay, rounded up to 1e-12, so that sums of amounts stay exact."""
    return _stepped(amount, ROUND_CEILING)


def to_nearest_money(amount: Decimal) -> Decimal:
    """Return an amount rounded to the nearest 1e-12."""
    return _stepped(amount, ROUND_HALF_EVEN)


def _stepped(amount: Decimal, rounding: str) -> Decimal:
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -12:
        return amount
    return amount.quantize(MONEY_STEP, rounding)


def money_text(amount: Decimal) -> str:
    """Return an amount as people read it: plain, without trailing zeros."""
    return f"{to_nearest_money(amount).normalize():f}"


def taker_price(
    costs: CostOptions, instrument: Instrument, action: Action, reference: Decimal, quantity: Decimal
) -> Decimal:
    """Return the price at which `quantity` is taken when the market stands at `reference`."""
    return costs.trading_costs().taker_price(instrument, action, reference, quantity)


def trade_fee(
    costs: CostOptions, instrument: Instrument, quantity: Decimal, price: Decimal, liquidity: Liquidity
) -> Decimal:
    """Return the fee of one fill: a share of its notional plus the fixed part of each contract."""
    rate_bps = costs.maker_fee_bps if liquidity is Liquidity.MAKER else costs.taker_fee_bps
    return to_money(instrument.notional(quantity, price) * rate_bps / BPS + costs.fee_per_contract * quantity)


def liquidation_fee(costs: CostOptions, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the fee of a forced close."""
    return to_money(instrument.notional(quantity, price) * costs.liquidation_fee_bps / BPS)
