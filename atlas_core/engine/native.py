"""Which protective orders a broker takes by itself."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class NativeOrders:
    """Which protective orders the broker takes; the others are emulated.

    `holds_quantity` tells that a working stop binds the quantity it would sell, so that nothing else can sell it.
    """

    stop: bool = True
    limit: bool = True
    holds_quantity: bool = False
