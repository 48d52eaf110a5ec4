"""One symbol's way through a back-test: its bars as events, and the search for the next one that can matter."""

from __future__ import annotations

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed, BarOpened, Phase
from atlas_core.model.waiting import NEVER, PassedOver, Waiting, closed_bar, opened_bar

FIRST_STRIDE = 64
LONGEST_STRIDE = 16_384

Place = tuple[int, int, int]
"""Time, phase and lane of an event: the order in which a back-test takes them."""


@define(eq=False)
class Lane:
    """The bars of one symbol as a row of events: event `2 n` is the opening of bar n, event `2 n + 1` its close.

    `happened` events were fed or passed over; `upcoming` is the next one to feed, the number of events when there is
    none; `forced` is one that must not be passed over. `is_quiet`: the last event was a close at which nothing was
    decided. `is_live`: the symbol has a position or something at the broker. `tick` is that of the instrument: prices
    are rounded to it. `count` is the number of events.
    """

    bars: Bars
    number: int
    tick: float
    happened: int = 0
    upcoming: int = 0
    forced: int = NEVER
    is_quiet: bool = False
    is_live: bool = False
    count: int = field(init=False)
    _asked: tuple[Place, int] = ((0, 0, 0), 0)
    _low: NDArray[np.float64] = field(init=False)
    _high: NDArray[np.float64] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Widen every bar by less than a tick: prices compare on the tick, and a bar too many does no harm."""
        self.count = 2 * len(self.bars)
        margin = 0.75 * self.tick
        self._low = np.minimum.reduce(self.bars.prices()) - margin
        self._high = np.maximum.reduce(self.bars.prices()) + margin

    def place_of(self, event: int) -> Place:
        """Return when an event comes."""
        row, is_close = divmod(event, 2)
        if is_close:
            return self.bars.available_at.item(row), Phase.MARKET, self.number
        return self.bars.opened_at.item(row), Phase.OPENING, self.number

    def event(self, number: int) -> BarOpened | BarClosed:
        """Return an event."""
        row, is_close = divmod(number, 2)
        return closed_bar(self.bars, row) if is_close else opened_bar(self.bars, row)

    def events_before(self, place: Place) -> int:
        """Return how many events come before a place."""
        if place == self._asked[0]:
            return self._asked[1]
        number = self._count_before(place)
        self._asked = place, number
        return number

    def _count_before(self, place: Place) -> int:
        time = place[0]
        closed = int(self.bars.available_at.searchsorted(time))
        number = 2 * closed  # those of bars that closed earlier; one more may have opened, or both happen at this time
        if number < self.count and self.bars.opened_at.item(closed) < time:
            number += 1
        while number < self.count and self.place_of(number) < place:
            number += 1
        return number

    def closes_before(self, place: Place) -> int:
        """Return how many bars have closed before a place."""
        return self.events_before(place) // 2

    def price_before(self, place: Place) -> float:
        """Return the last price before a place."""
        row, is_closed = divmod(self.events_before(place) - 1, 2)
        return self.bars.close.item(row) if is_closed else self.bars.open.item(row)

    def prices_at(
        self, time: NDArray[np.int64], number: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return at the closes of lanes how many events have come, and the last price; an own close may be the last."""
        bars = self.bars
        opened = bars.opened_at.searchsorted(time)
        closed = np.where(
            number >= self.number,
            bars.available_at.searchsorted(time, side="right"),
            bars.available_at.searchsorted(time),
        )
        return opened + closed, np.where(opened > closed, bars.open[opened - 1], bars.close[closed - 1])

    def extremes(self, since: Place, until: Place) -> tuple[float, float]:
        """Return the lowest and highest price between two places; a little beyond them is in it too."""
        rows = slice(max(0, self.closes_before(since) - 1), self.closes_before(until) + 1)
        return float(self._low[rows].min()), float(self._high[rows].max())

    def first_after(self, time: int) -> int:
        """Return the first event that belongs to what begins at `time`: an opening at it or later, a close after it."""
        opening = 2 * int(self.bars.opened_at.searchsorted(time))
        close = 2 * int(self.bars.available_at.searchsorted(time, side="right")) + 1
        return min(opening, close, self.count)

    def pass_to(self, event: int) -> PassedOver | None:
        """Let the events before `event` have happened; return them, None where there are none."""
        first, self.happened = self.happened, max(event, self.happened)
        if event <= first:
            return None
        return PassedOver(self.bars, first // 2, event // 2, is_opened=event % 2 == 1)

    def search(self, waiting: Waiting, first: int) -> int:
        """Return the first event from `first` on that something waits for, the number of events when there is none."""
        if waiting.every or first >= self.count:
            return min(first, self.count)
        last = min(self.forced, self.count)
        if waiting.at < NEVER:
            opening = 2 * int(self.bars.opened_at.searchsorted(waiting.at))
            close = 2 * int(self.bars.available_at.searchsorted(waiting.at)) + 1
            last = min(last, opening, close)
        if waiting.bars < NEVER:
            last = min(last, 2 * (first // 2 + waiting.bars) - 1)
        if last <= first:
            return first
        row = self._first_reached(waiting, first // 2, (last + 1) // 2)
        return min(last, max(first, 2 * row))

    def _first_reached(self, waiting: Waiting, first: int, last: int) -> int:
        """Return the first of the rows from `first` to `last` (exclusive) whose range reaches a price, else `last`."""
        is_below, is_above = waiting.below > -np.inf, waiting.above < np.inf
        stride = FIRST_STRIDE
        while first < last and (is_below or is_above):
            rows = slice(first, min(first + stride, last))
            reached = self._low[rows] <= waiting.below if is_below else self._high[rows] >= waiting.above
            if is_below and is_above:
                reached |= self._high[rows] >= waiting.above
            place = int(reached.argmax())
            if reached[place]:
                return first + place
            first, stride = rows.stop, min(4 * stride, LONGEST_STRIDE)
        return last
