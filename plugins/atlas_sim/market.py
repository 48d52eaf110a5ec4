"""The synthetic market itself: one tape of minute bars per symbol, the same bytes for the same seed everywhere.

Randomness comes as raw words of PCG64, one stream per seed, symbol and week; the raw words of a bit generator never
change between releases of numpy, unlike its distributions. Steps are integers in log units (a billionth) and are
summed as int64. Prices go through an exponential that uses only addition and multiplication of floats, and are
rounded to ticks, so nothing depends on a mathematical library.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from atlas_core import to_datetime
from atlas_sim.listings import LISTINGS, Listing
from atlas_sim.regimes import HEAT_ONE, Spells, Walk
from atlas_sim.sessions import MINUTE, SPELL_MINUTES, Week, monday_of, perpetual_week, share_week

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

LOG_UNITS = 1_000_000_000

_UNIT_SUM_MEAN = 2 * 65535
_UNIT_SUM_SCALE = 2365  # deviation of the sum of four uniform 16-bit numbers, times 64, over HEAT_ONE
_SHARE_SPELLS, _PERP_SPELLS = 13, 48
_WORDS_PER_BAR = 2
_WORDS_PER_SPELL = 2
# Fat tails: of 65,536 minutes so many jump before they open, so many move four times and so many twice as usual.
_JUMPS, _WILD, _LARGE = 12, 400, 4_000
_SIZES = np.array([256, 256, 128, 54], dtype=np.int64)  # in 64ths of the usual size
_VOLUME_MEAN = 51_000


@frozen(eq=False)
class Draws:
    """The random words of one symbol and span."""

    bars: NDArray[np.uint64]
    spells: NDArray[np.uint64]

    def parts(self, row: int) -> tuple[NDArray[np.int64], ...]:
        """Return the four 16-bit numbers of each bar's word `row`."""
        return split(self.bars[:, row])


@frozen(eq=False)
class Tape:
    """The minutes of one listing: prices and spread in ticks, volume in lots, level in log units above home."""

    listing: Listing
    opened_at: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    volume: NDArray[np.int64]
    spread: NDArray[np.int64]
    level: NDArray[np.int64]
    step: NDArray[np.int64]
    gap: NDArray[np.int64]


@frozen
class Market:
    """Every listing from the week of `start` to the week of `end` (nanoseconds UTC), made when first asked for.

    A tape begins with the Monday of its first week, and all of a week is made at once: the tape of a longer span
    begins with the tape of a shorter one.
    """

    seed: int
    start: int
    end: int
    _tapes: dict[str, Tape] = field(factory=dict, init=False, repr=False)

    def tape(self, symbol: str) -> Tape:
        """Return the tape of a listed symbol."""
        known = self._tapes.get(symbol)
        if known is None:
            listing = LISTINGS[symbol]
            leader = self.tape(listing.follows) if listing.follows else None
            known = self._tapes[symbol] = make_tape(listing, self.seed, self._mondays(), leader)
        return known

    def _mondays(self) -> Sequence[date]:
        first = monday_of(to_datetime(self.start).date())
        last = monday_of(to_datetime(max(self.start, self.end - 1)).date())
        return [first + timedelta(weeks=week) for week in range((last - first).days // 7 + 1)]


def make_tape(listing: Listing, seed: int, mondays: Sequence[date], leader: Tape | None) -> Tape:
    """Make the weeks that begin on `mondays`, which follow each other; `leader` covers the same minutes."""
    weeks = [perpetual_week(monday) if listing.always_open else share_week(monday) for monday in mondays]
    opened_at = np.concatenate([week.opened_at for week in weeks])
    activity = np.repeat(np.concatenate([week.activity_pct for week in weeks]), SPELL_MINUTES)
    draws = _draw(seed, listing.instrument.symbol, mondays, weeks)
    wick_up, wick_down, turnover, shock = draws.parts(1)
    kind = np.searchsorted(np.array([_JUMPS, _WILD, _LARGE]), shock, side="right")
    units = normal_units(draws.parts(0)) * _SIZES[kind] // 64 * activity // 100
    shared_step, shared_gap = _shared(listing, leader, len(opened_at))
    sigma = _minute_sigma(listing)
    walk = Walk(sigma, listing.home_pull_days * (_PERP_SPELLS if listing.always_open else _SHARE_SPELLS))
    spells = walk.spells(draws.spells[:, 0], _per_spell(units), _per_spell(shared_step + shared_gap))
    heat = np.repeat(spells.heat, SPELL_MINUTES)
    size = np.maximum(1, sigma * heat // HEAT_ONE * activity // 100)
    step = units * sigma // HEAT_ONE * heat // HEAT_ONE + np.repeat(spells.drift, SPELL_MINUTES) + shared_step
    jump = np.where(kind == 0, size * (wick_up - wick_down) // 8192, 0)
    gap = jump + _nightly_gaps(listing, opened_at, draws, spells) + shared_gap
    level = np.cumsum(step + gap)
    opening = level - step
    o, c = _ticks(listing, opening), _ticks(listing, level)
    top = _ticks(listing, np.maximum(opening, level) + _wick(size, wick_up))
    bottom = _ticks(listing, np.minimum(opening, level) - _wick(size, wick_down))
    return Tape(
        listing=listing,
        opened_at=opened_at,
        open=o,
        high=np.maximum(top, np.maximum(o, c)),
        low=np.minimum(bottom, np.minimum(o, c)),
        close=c,
        volume=_volume(listing, activity, turnover, np.abs(step) * 16384 // size),
        spread=np.maximum(1, listing.spread_ticks * heat // HEAT_ONE),
        level=level,
        step=step,
        gap=gap,
    )


def normal_units(parts: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """Return bell-shaped numbers with deviation HEAT_ONE from four uniform 16-bit numbers each."""
    first, second, third, fourth = parts
    return (first + second + third + fourth - _UNIT_SUM_MEAN) * 64 // _UNIT_SUM_SCALE


def split(words: NDArray[np.uint64]) -> tuple[NDArray[np.int64], ...]:
    """Return the four 16-bit numbers of each word, lowest first."""
    return tuple(((words >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) for shift in (0, 16, 32, 48))


def exponential(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e to the power of each value (size below 3) by additions and multiplications alone.

    The power of a 64th by Taylor's series of degree nine, squared six times: the same bits on every processor.
    """
    part = values / 64.0
    power = np.ones_like(part)
    for degree in range(9, 0, -1):
        power = power * part / degree + 1.0
    for _ in range(6):
        power = power * power
    return power


def _draw(seed: int, symbol: str, mondays: Sequence[date], weeks: Sequence[Week]) -> Draws:
    bars, spells = [], []
    for monday, week in zip(mondays, weeks, strict=True):
        count = len(week.opened_at)
        generator = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(*_name_key(symbol), monday.toordinal())))
        for_bars = count * _WORDS_PER_BAR
        words = generator.random_raw(for_bars + count // SPELL_MINUTES * _WORDS_PER_SPELL)
        bars.append(words[:for_bars].reshape(count, _WORDS_PER_BAR))
        spells.append(words[for_bars:].reshape(-1, _WORDS_PER_SPELL))
    return Draws(np.concatenate(bars), np.concatenate(spells))


def _name_key(symbol: str) -> tuple[int, int]:
    digest = hashlib.sha256(symbol.encode()).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def _minute_sigma(listing: Listing) -> int:
    minutes = (_PERP_SPELLS if listing.always_open else _SHARE_SPELLS) * SPELL_MINUTES
    return int(listing.daily_volatility_pct / 100 * LOG_UNITS / float(np.sqrt(minutes)))


def _per_spell(values: NDArray[np.int64]) -> NDArray[np.int64]:
    sums: NDArray[np.int64] = values.reshape(-1, SPELL_MINUTES).sum(axis=1)
    return sums


def _shared(listing: Listing, leader: Tape | None, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if leader is None:
        return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    return leader.step * listing.beta_pct // 100, leader.gap * listing.beta_pct // 100


def _nightly_gaps(listing: Listing, opened_at: NDArray[np.int64], draws: Draws, spells: Spells) -> NDArray[np.int64]:
    gaps = np.zeros(len(opened_at), dtype=np.int64)
    after_break = np.flatnonzero(np.diff(opened_at) > MINUTE) + 1
    day = int(listing.daily_volatility_pct / 100 * LOG_UNITS) * listing.gap_pct // 100
    place = after_break // SPELL_MINUTES
    units = normal_units(split(draws.spells[place, 1]))
    gaps[after_break] = units * day // HEAT_ONE * spells.heat[place] // HEAT_ONE
    return gaps


def _wick(size: NDArray[np.int64], uniform: NDArray[np.int64]) -> NDArray[np.int64]:
    return size * (uniform * uniform // 65536) * 3 // 131072


def _ticks(listing: Listing, level: NDArray[np.int64]) -> NDArray[np.int64]:
    home = float(listing.home_price / listing.instrument.tick_size)
    return np.maximum(1, np.rint(home * exponential(level / float(LOG_UNITS))).astype(np.int64))


def _volume(
    listing: Listing, activity: NDArray[np.int64], turnover: NDArray[np.int64], moved: NDArray[np.int64]
) -> NDArray[np.int64]:
    lots = int(listing.shares_volume_per_minute / listing.instrument.lot_size)
    factor = 16384 + turnover * turnover // 65536 + moved
    return lots * activity // 100 * factor // _VOLUME_MEAN
