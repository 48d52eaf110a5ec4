"""What can still matter in the market of one symbol, and what was passed over because it could not."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core.model.events import BarClosed, BarOpened

if TYPE_CHECKING:
    from decimal import Decimal

    from atlas_core.model.bars import Bars

NEVER = (1 << 63) - 1


@frozen
class Waiting:
    """What somebody waits for in one symbol; a bar with none of it changes nothing for them.

    `every` bar matters, or one whose low is at or below `below`, or whose high is at or above `above`, or the first
    event at or after the time `at` (nanoseconds UTC), or the close of the bar that is the `bars`-th from now.
    """

    every: bool = False
    below: float = -inf
    above: float = inf
    at: int = NEVER
    bars: int = NEVER

    def also(self, other: Waiting) -> Waiting:
        """Return what either of the two waits for."""
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        return Waiting(
            self.every or other.every,
            max(self.below, other.below),
            min(self.above, other.above),
            min(self.at, other.at),
            min(self.bars, other.bars),
        )


NOTHING = Waiting()
EVERYTHING = Waiting(every=True)


def waiting_for_price(price: Decimal, *, upward: bool) -> Waiting:
    """Return the wait for a price at or beyond `price`."""
    return Waiting(above=float(price)) if upward else Waiting(below=float(price))


@frozen
class PassedOver:
    """Events of one symbol that were passed over, because nobody waited for anything in them.

    `bars` are all bars of the symbol; those of the rows `first` to `last` (exclusive) have closed; `is_opened` tells
    whether the opening of the bar after them was passed over too.
    """

    bars: Bars
    first: int
    last: int
    is_opened: bool

    @property
    def symbol(self) -> str:
        """Return the symbol."""
        return self.bars.symbol

    @property
    def seen_at(self) -> int:
        """Return the time of the last event, nanoseconds UTC."""
        bars = self.bars
        return bars.opened_at.item(self.last) if self.is_opened else bars.available_at.item(self.last - 1)

    @property
    def last_price(self) -> float:
        """Return the price of the last event."""
        bars = self.bars
        return bars.open.item(self.last) if self.is_opened else bars.close.item(self.last - 1)

    @property
    def last_close(self) -> BarClosed | None:
        """Return the last bar that closed, None where none did."""
        return closed_bar(self.bars, self.last - 1) if self.last > self.first else None

    @property
    def last_event(self) -> BarOpened | BarClosed:
        """Return the last event."""
        return opened_bar(self.bars, self.last) if self.is_opened else closed_bar(self.bars, self.last - 1)


def opened_bar(bars: Bars, row: int) -> BarOpened:
    """Return the first print of a bar as an event."""
    return BarOpened(bars.opened_at.item(row), bars.symbol, bars.open.item(row))


def closed_bar(bars: Bars, row: int) -> BarClosed:
    """Return a closed bar as an event."""
    return BarClosed(
        bars.available_at.item(row),
        bars.symbol,
        bars.opened_at.item(row),
        bars.open.item(row),
        bars.high.item(row),
        bars.low.item(row),
        bars.close.item(row),
        bars.volume.item(row),
    )
