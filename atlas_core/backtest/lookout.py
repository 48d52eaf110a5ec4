"""Looks ahead at the equity of an account that only the market moves, for the limits on losses.

The plain driver compares the equity of every close, of any symbol, with the limits. Between two changes of the account
that equity follows from the bars alone: here it is bounded, and only where a bound does not suffice it is followed
close by close. What is found is exact: a close at which a limit may be reached is fed, and the peak is a Decimal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from atlas_core.backtest.lanes import Lane, Place
from atlas_core.engine.limits import LimitDesk
from atlas_core.engine.state import ACTIVE, State
from atlas_core.engine.tracks import PositionTrack
from atlas_core.model.events import Phase
from atlas_core.model.instrument import Instrument

ROUNDING = 1e-9
"""How far a sum of floats may be from the exact one, as a share of all that is added."""

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class Alarm(NamedTuple):
    """A close at which a limit may be reached."""

    lane: Lane
    event: int


class Closes(NamedTuple):
    """Closes of any symbol in the order in which they come: time, lane, and the equity at each."""

    time: NDArray[np.int64]
    number: NDArray[np.int64]
    equity: Floats


@frozen
class Held:
    """A position as far as the market moves its worth: `quantity`, cost and side do not change in the meantime.

    Until its lane goes on from event `seen`, its price is `last_price`: after a fill that of the fill.
    """

    lane: Lane
    instrument: Instrument
    quantity: Decimal
    entry_cost: Decimal
    multiplier: Decimal
    sign: int
    seen: int
    last_price: Decimal

    @classmethod
    def of(cls, position: PositionTrack, lane: Lane, instrument: Instrument, since: Place) -> Held:
        """Take the facts of a position that was told everything before `since`."""
        return cls(
            lane=lane,
            instrument=instrument,
            quantity=position.quantity,
            entry_cost=position.entry_cost,
            multiplier=position.multiplier,
            sign=position.side.sign,
            seen=lane.events_before(since),
            last_price=position.last_price,
        )

    @property
    def cost(self) -> float:
        """Return the money that was paid, below 0 for a short."""
        return float(self.entry_cost * self.multiplier) * self.sign

    def worth(self, prices: Floats) -> Floats:
        """Return the open profit or loss at prices, each rounded to the tick as the engine rounds it."""
        tick = self.instrument.tick_size
        of_a_tick = float(self.quantity * self.multiplier * tick) * self.sign
        result: Floats = np.rint(prices / float(tick)) * of_a_tick - self.cost
        return result

    def worth_at(self, time: Times, number: Times) -> Floats:
        """Return the open profit or loss at the closes of lanes `number` at `time`."""
        events, prices = self.lane.prices_at(time, number)
        return np.where(events == self.seen, float(self._unrealised(self.last_price)), self.worth(prices))

    def unrealised_before(self, place: Place) -> Decimal:
        """Return the exact open profit or loss before a place."""
        if self.lane.events_before(place) == self.seen:
            return self._unrealised(self.last_price)
        return self._unrealised(self.instrument.exact(self.lane.price_before(place)))

    def _unrealised(self, price: Decimal) -> Decimal:
        return (price * self.quantity - self.entry_cost) * self.multiplier * self.sign

    def bounds(self, since: Place, until: Place) -> tuple[float, float]:
        """Return the least and the greatest worth between two places, rather too wide than too narrow."""
        ends = (
            *self.worth(np.array(self.lane.extremes(since, until))).tolist(),
            float(self._unrealised(self.last_price)),
        )
        return min(ends), max(ends)


@frozen
class Account:
    """Cash and positions between two changes of them, in the order in which the engine adds them up."""

    cash: Decimal
    held: tuple[Held, ...]

    @property
    def rounding(self) -> float:
        """Return how far an equity in floats may be from the exact one."""
        return ROUNDING * (abs(float(self.cash)) + sum(2 * abs(held.cost) for held in self.held) + 1)

    def bounds(self, since: Place, until: Place) -> tuple[float, float]:
        """Return the least and the greatest equity between two places, rather too wide than too narrow."""
        worst = best = float(self.cash)
        for held in self.held:
            low, high = held.bounds(since, until)
            worst, best = worst + low, best + high
        return worst, best

    def equity_before(self, place: Place) -> Decimal:
        """Return the exact equity before a place."""
        equity = self.cash
        for held in self.held:
            equity += held.unrealised_before(place)
        return equity


@define
class Lookout:
    """Follows the equity from the last change of the account on.

    Closes before `since` are accounted for. `alarm` is the first close of the day, if there is one, at which the equity
    must be compared with the limits. `lanes` are by symbol, in their order.
    """

    state: State
    limits: LimitDesk
    lanes: Mapping[str, Lane]
    alarm: Alarm | None = None
    _since: Place = (0, 0, 0)
    _account: Account | None = None
    _can_rise: bool = False
    _by_number: Sequence[Lane] = field(init=False)
    _is_one_grid: bool = field(init=False)

    @_by_number.default
    def _ordered(self) -> Sequence[Lane]:
        return tuple(self.lanes.values())

    @_is_one_grid.default
    def _has_one_grid(self) -> bool:
        first = self._by_number[0].bars
        return all(
            np.array_equal(first.available_at, lane.bars.available_at)
            and np.array_equal(first.opened_at, lane.bars.opened_at)
            for lane in self._by_number[1:]
        )

    def begin(self, since: Place, day_end: int) -> None:
        """Take the account as it is from `since` on, and look for an alarm until the end of the day."""
        self.alarm, self._since, self._account = None, since, None
        if not self.limits.is_watching:
            return
        instruments = self.state.instruments
        positions = self.state.positions.values()
        held = [Held.of(p, self.lanes[p.symbol], instruments[p.symbol], since) for p in positions]
        self._account = account = Account(self.state.cash, tuple(held))
        until = (day_end, Phase.MARKET, len(self.lanes))
        worst, best = account.bounds(since, until)
        peak = float(self.limits.peak_equity)
        self._can_rise = self.limits.rules.max_drawdown_pct is not None and best + account.rounding > peak
        peak = max(peak, best)
        if self._may_stop(np.array([worst - account.rounding]), np.array([peak])).any():
            self.alarm = self._first_alarm(account, since, until)

    def go_on(self, since: Place) -> None:
        """Go on from `since`: the equity of the close before it was compared by the engine, and nothing changed."""
        self._since = max(self._since, since)

    def settle(self, until: Place) -> None:
        """Let the peak of the equity know every close before `until`."""
        account, since = self._account, self._since
        if account is None or until <= since:
            return
        self._since = until
        if self._can_rise and account.bounds(since, until)[1] + account.rounding > float(self.limits.peak_equity):
            self._raise_peak(account, self._closes(account, since, until))

    def _raise_peak(self, account: Account, closes: Closes) -> None:
        """Work out exactly the closes that may be the highest; equal sums of floats are of equal prices."""
        if not len(closes.equity):
            return
        highest = closes.equity.max() - account.rounding
        near = np.flatnonzero(closes.equity >= highest)
        _, chosen = np.unique(closes.equity[near], return_index=True)
        for row in near[chosen].tolist():
            place = (closes.time.item(row), Phase.MARKET, closes.number.item(row) + 1)
            self.limits.note_peak(account.equity_before(place))

    def _first_alarm(self, account: Account, since: Place, until: Place) -> Alarm | None:
        closes = self._closes(account, since, until)
        peak = np.maximum.accumulate(np.maximum(closes.equity, float(self.limits.peak_equity)))
        reached = self._may_stop(closes.equity - account.rounding, peak)
        if not reached.any():
            return None
        row = int(reached.argmax())
        lane = self._by_number[closes.number.item(row)]
        return Alarm(lane, 2 * int(lane.bars.available_at.searchsorted(closes.time.item(row))) + 1)

    def _may_stop(self, equity: Floats, peak: Floats) -> NDArray[np.bool_]:
        """Mark where a limit on losses may be reached, rather too early than too late."""
        rules, trading = self.limits.rules, self.state.trading_state
        reached = np.zeros(len(equity), dtype=bool)
        if rules.max_drawdown_pct is not None:
            reached |= peak - equity >= peak * (float(rules.max_drawdown_pct) / 100 - ROUNDING)
        if rules.max_daily_loss_pct is not None and trading == ACTIVE:
            day = float(self.state.day_equity)
            reached |= day - equity >= day * (float(rules.max_daily_loss_pct) / 100 - ROUNDING)
        return reached

    def _closes(self, account: Account, since: Place, until: Place) -> Closes:
        """Return closes with the equity at each, all of them or one of each run of equal ones."""
        chosen = self._telling(account, since)
        rows = [slice(*(lane.closes_before(place) for place in (since, until))) for lane in chosen]
        time = np.concatenate([lane.bars.available_at[row] for lane, row in zip(chosen, rows, strict=True)])
        number = np.concatenate(
            [np.full(len(lane.bars.available_at[row]), lane.number) for lane, row in zip(chosen, rows, strict=True)]
        )
        order = np.lexsort((number, time))
        time, number = time[order], number[order]
        equity = np.full(len(time), float(account.cash))
        for held in account.held:
            equity += held.worth_at(time, number)
        return Closes(time, number, equity)

    def _telling(self, account: Account, since: Place) -> Sequence[Lane]:
        """Return the lanes whose closes show every equity there is.

        Where all lanes share their times these are the first one, the first one from `since` on, and those with
        positions: at the closes of any other the equity is that of the close before.
        """
        if not self._is_one_grid:
            return self._by_number
        first = self._by_number[since[2]] if since[2] < len(self._by_number) else self._by_number[0]
        telling = {lane.number: lane for lane in (self._by_number[0], first, *(held.lane for held in account.held))}
        return [telling[number] for number in sorted(telling)]
