"""Timeframe continuity: on which side of its open each timeframe trades, and how many of them agree.

The side of a timeframe is the sign of the last price against the open of its current bar, strictly: at the open it has
none. Continuity is full when every timeframe that is asked has the same side; a timeframe whose open is not known makes
it incomplete, which is never full. Prices compare in ticks.

Opens that are equal are one fact: on a Monday morning the week, the day and the hour share theirs. `distinct_opens`
counts the facts. The other method votes by the label of the current bar (2U up, 2D down, 3 by its colour, 1 neither)
and can disagree with the opens: a red 2U is up by its label and down by its open.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from atlas_strat.continuity_options import ContinuityMethod
from atlas_strat.labels import Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from atlas_core import FormingBar, Instrument, MarketNow

RELATIVE_ROUNDING = 1e-9  # prices without a known tick that are this close are one price

_FORMING = (Label.INSIDE, Label.TWO_UP, Label.TWO_DOWN, Label.OUTSIDE)
_VOTE = {Label.INSIDE: 0, Label.TWO_UP: 1, Label.TWO_DOWN: -1}


class ContinuityState(StrEnum):
    """What the timeframes say together."""

    UP = "up"
    DOWN = "down"
    MIXED = "mixed"
    INCOMPLETE = "incomplete"


@frozen
class Continuity:
    """The side of every timeframe that was asked, longest first: +1 up, -1 down, 0 neither, None not known."""

    side_of: Mapping[str, int | None]
    distinct_opens: int = 0

    @property
    def asked(self) -> int:
        """Return how many timeframes were asked; every score is relative to it."""
        return len(self.side_of)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the timeframes whose side is not known."""
        return tuple(name for name, side in self.side_of.items() if side is None)

    @property
    def n_up(self) -> int:
        """Return how many timeframes trade above their open."""
        return self.aligned(1)

    @property
    def n_down(self) -> int:
        """Return how many timeframes trade below their open."""
        return self.aligned(-1)

    @property
    def n_flat(self) -> int:
        """Return how many timeframes trade at their open."""
        return self.aligned(0)

    @property
    def net(self) -> int:
        """Return the timeframes up less those down."""
        return self.n_up - self.n_down

    @property
    def state(self) -> ContinuityState:
        """Return `up` or `down` when all agree, `incomplete` when one is not known or none was asked, else `mixed`."""
        if not self.asked or self.missing:
            return ContinuityState.INCOMPLETE
        if self.n_up == self.asked:
            return ContinuityState.UP
        return ContinuityState.DOWN if self.n_down == self.asked else ContinuityState.MIXED

    @property
    def override(self) -> ContinuityState | None:
        """Return where the shorter half goes when it agrees against the longer half, which agrees too; else None."""
        sides = list(self.side_of.values())
        half = len(sides) // 2
        longer, shorter = set(sides[:half]), set(sides[half:])
        if len(sides) % 2 or (longer, shorter) not in (({1}, {-1}), ({-1}, {1})):
            return None
        return ContinuityState.UP if shorter == {1} else ContinuityState.DOWN

    def aligned(self, side: int) -> int:
        """Return how many timeframes are on `side` (+1 or -1)."""
        return sum(1 for own in self.side_of.values() if own == side)

    def score(self, side: int) -> float | None:
        """Return the share of the timeframes asked that are on `side`, 0 to 1; None when none was asked."""
        return self.aligned(side) / self.asked if self.asked else None

    def __str__(self) -> str:
        marks = {1: "+", -1: "-", 0: "=", None: "?"}
        return " ".join(f"{name}{marks[side]}" for name, side in self.side_of.items()) or "no timeframe"


def continuity(
    price: float | Decimal | None,
    open_of: Mapping[str, float | Decimal | None],
    required: Sequence[str] | None = None,
    tick_size: float | Decimal | None = None,
) -> Continuity:
    """Return the continuity of `price` against the opens of the current bars, one for each timeframe.

    `required` names the timeframes that are asked, all of `open_of` without it; one that `open_of` has not is missing.
    Without `tick_size` prices within a billionth of each other are equal.
    """
    names = tuple(open_of) if required is None else tuple(required)
    opens = {name: open_of.get(name) for name in names}
    side_of = {name: _side(price, opened, tick_size) for name, opened in opens.items()}
    return Continuity(side_of, _distinct([o for o in opens.values() if o is not None], tick_size))


def bar_type_continuity(state_of: Mapping[str, tuple[Label, int] | None]) -> Continuity:
    """Return the continuity by label and colour (+1, -1, 0) of each timeframe's current bar; None is not known."""
    return Continuity({name: None if state is None else vote(*state) for name, state in state_of.items()})


def continuity_now(
    market: MarketNow, symbol: str, timeframes: Sequence[str], method: ContinuityMethod = ContinuityMethod.OPENS
) -> Continuity:
    """Return the continuity of a symbol at the market's present, by the bars that are forming then."""
    instrument = market.instrument(symbol)
    forming = {timeframe: market.forming(symbol, timeframe) for timeframe in timeframes}
    opens = {timeframe: None if bar is None else bar.open for timeframe, bar in forming.items()}
    by_opens = continuity(market.last_price(symbol), opens, timeframes, instrument.tick_size)
    if method is ContinuityMethod.OPENS:
        return by_opens
    states = {timeframe: forming_state(bar, instrument) for timeframe, bar in forming.items()}
    return evolve(bar_type_continuity(states), distinct_opens=by_opens.distinct_opens)


def forming_state(bar: FormingBar | None, instrument: Instrument) -> tuple[Label, int] | None:
    """Return label and colour of a bar that is forming, None where the bar before it is not known."""
    label = Label.NONE if bar is None else forming_label(bar, float(instrument.tick_size))
    if bar is None or label is Label.NONE:
        return None
    colour = instrument.to_ticks(bar.close) - instrument.to_ticks(bar.open)
    return label, (colour > 0) - (colour < 0)


def forming_label(bar: FormingBar, tick_size: float) -> Label:
    """Return the label that a forming bar has now: it can only go from 1 to a 2 to 3; none without a bar before it."""
    if bar.previous_high is None or bar.previous_low is None:
        return Label.NONE
    # Rounding to ticks keeps the order of prices, so only a price beyond the other needs it.
    took_high = bar.high > bar.previous_high and round(bar.high / tick_size) > round(bar.previous_high / tick_size)
    took_low = bar.low < bar.previous_low and round(bar.low / tick_size) < round(bar.previous_low / tick_size)
    return _FORMING[took_high + 2 * took_low]


def vote(label: Label, colour: int) -> int | None:
    """Return the side for which a bar votes: +1, -1 or 0; None for a bar without a label."""
    return colour if label is Label.OUTSIDE else _VOTE.get(label)


def _side(price: float | Decimal | None, opened: float | Decimal | None, tick: float | Decimal | None) -> int | None:
    if price is None or opened is None:
        return None
    difference = _in_ticks(price, tick) - _in_ticks(opened, tick)
    if tick is None and abs(difference) <= RELATIVE_ROUNDING * abs(float(opened)):
        return 0
    return (difference > 0) - (difference < 0)


def _distinct(opens: list[float | Decimal], tick: float | Decimal | None) -> int:
    ordered = sorted(_in_ticks(price, tick) for price in opens)
    nearness = RELATIVE_ROUNDING if tick is None else 0.0
    steps = zip(ordered[:1] + ordered[:-1], ordered, strict=True)
    return sum(1 for before, after in steps if after - before > nearness * abs(after)) + bool(ordered)


def _in_ticks(price: float | Decimal, tick: float | Decimal | None) -> float:
    return float(price) if tick is None else round(float(price) / float(tick))
