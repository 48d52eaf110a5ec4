"""Why the venue refuses an order. Every reason says what was expected and what was there."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_core.model.events import BarClosed
from atlas_core.model.instrument import ONE, ZERO, InstrumentKind
from atlas_core.model.orders import Action, Liquidity, OrderKind
from atlas_core.simulation.pricing import PERCENT, money_text, taker_price, trade_fee

if TYPE_CHECKING:
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.orders import Order
    from atlas_core.simulation.costs import CostOptions
    from atlas_core.simulation.ledger import Ledger
    from atlas_core.simulation.market import Market

_NEEDS = {
    OrderKind.MARKET: (),
    OrderKind.LIMIT: ("limit_price",),
    OrderKind.STOP: ("stop_price",),
    OrderKind.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderKind.TRAILING_STOP: ("trail_offset",),
}
_PRICES = ("limit_price", "stop_price", "trail_offset")


def malformed(order: Order, market: Market) -> str | None:
    """Return what is wrong with the order itself, or None."""
    return (
        _wrong_quantity(order, market.instrument)
        or _wrong_price(order, market.instrument)
        or _wrong_leverage(order, market.instrument)
        or _wrong_touch(order, market)
        or _no_price_yet(order, market)
    )


def _on_step(value: Decimal, step: Decimal) -> bool:
    return value.is_finite() and value > 0 and value % step == 0


def _wrong_quantity(order: Order, instrument: Instrument) -> str | None:
    if _on_step(order.quantity, instrument.lot_size):
        return None
    return f"quantity: expected a multiple of the lot {instrument.lot_size} above 0, was {order.quantity}"


def _wrong_price(order: Order, instrument: Instrument) -> str | None:
    for name in _PRICES:
        value: Decimal | None = getattr(order, name)
        if value is None:
            if name in _NEEDS[order.kind]:
                return f"{name}: expected a price for a {order.kind} order, was none"
        elif not _on_step(value, instrument.tick_size):
            return f"{name}: expected a multiple of the tick {instrument.tick_size} above 0, was {value}"
    return None


def _wrong_leverage(order: Order, instrument: Instrument) -> str | None:
    if order.reduce_only or ONE <= order.leverage <= instrument.max_leverage:
        return None
    return f"leverage: expected 1 to {instrument.max_leverage} for {instrument.symbol}, was {order.leverage}"


def _wrong_touch(order: Order, market: Market) -> str | None:
    bar = market.seen
    if order.touch is None or not isinstance(bar, BarClosed):
        return None
    ticks = market.instrument.to_ticks
    if ticks(bar.low) <= ticks(order.touch.price) <= ticks(bar.high):
        return None
    return f"touch: expected a price inside the bar, {bar.low} to {bar.high}, was {order.touch.price}"


def _no_price_yet(order: Order, market: Market) -> str | None:
    if market.seen is not None or order.kind not in (OrderKind.MARKET, OrderKind.TRAILING_STOP):
        return None
    return f"{order.kind}: expected a price of {order.symbol} to have been seen before the order, was none"


def reserve_price(order: Order, market: Market, costs: CostOptions) -> Decimal:
    """Return the price that an order is margined at before its fill: its own, or the market's worsened one."""
    if order.limit_price is not None and order.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        return order.limit_price
    if order.touch is not None and isinstance(market.seen, BarClosed):
        reference = order.touch.price
    else:
        reference = market.last_price if order.stop_price is None else order.stop_price
    return taker_price(costs, market.instrument, order.action, reference, order.quantity)


def unaffordable(order: Order, market: Market, costs: CostOptions, ledger: Ledger, price: Decimal) -> str | None:
    """Return why the account cannot carry what an order would open, or None."""
    sign = 1 if order.action is Action.BUY else -1
    opening = order.quantity - market.holding.closing_part(sign * order.quantity)
    instrument = market.instrument
    return (
        _too_small(order, instrument, price)
        or _not_owned(order, market, costs, opening)
        or (_liquidated_at_once(order, instrument) if opening else None)
        or _too_dear(order, instrument, costs, ledger, opening, price)
    )


def _too_small(order: Order, instrument: Instrument, price: Decimal) -> str | None:
    notional = instrument.notional(order.quantity, price)
    if notional >= instrument.min_notional:
        return None
    return f"notional: expected at least {money_text(instrument.min_notional)}, was {money_text(notional)}"


def sells_only_what_is_owned(order: Order, instrument: Instrument, costs: CostOptions) -> bool:
    """Tell whether the order is a sale of spot, which cannot go below nothing."""
    spot = instrument.kind is InstrumentKind.SPOT
    return spot and order.action is Action.SELL and not costs.allow_spot_shorts


def _not_owned(order: Order, market: Market, costs: CostOptions, opening: Decimal) -> str | None:
    if not opening or not sells_only_what_is_owned(order, market.instrument, costs):
        return None
    held = max(ZERO, market.holding.quantity)
    return f"quantity: expected to sell at most the {held} held of {order.symbol}, was {order.quantity}"


def _liquidated_at_once(order: Order, instrument: Instrument) -> str | None:
    share = instrument.maintenance_margin_pct / PERCENT
    leveraged = order.leverage > ONE or order.action is Action.SELL
    if not leveraged or share * order.leverage < ONE:
        return None
    return (
        f"leverage: expected an initial margin above the maintenance margin of {instrument.maintenance_margin_pct} %, "
        f"was {PERCENT / order.leverage:.4g} %"
    )


def _too_dear(
    order: Order, instrument: Instrument, costs: CostOptions, ledger: Ledger, opening: Decimal, price: Decimal
) -> str | None:
    if not opening:
        return None
    liquidity = Liquidity.MAKER if order.kind is OrderKind.LIMIT else Liquidity.TAKER
    fee = trade_fee(costs, instrument, order.quantity, price, liquidity)
    needed = instrument.notional(opening, price) / order.leverage + fee
    available = ledger.account().available
    if needed <= available:
        return None
    return f"margin and fee: expected at most the {money_text(available)} available, was {money_text(needed)}"
