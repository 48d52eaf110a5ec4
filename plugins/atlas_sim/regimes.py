"""How the mood of the synthetic market changes: one regime and one heat per spell of half an hour.

The regime is a Markov chain of four states, each with its own drift, its own volatility and a usual length. The heat
is the volatility of the present as a fraction of the usual one: it moves to the level of the regime, is pushed at
random in proportion to itself, and jumps with a large move, so that quiet and busy hours come in clusters.
All of it is integer arithmetic and therefore the same on every machine.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAT_ONE = 1024  # the heat of a usual day
SPELL_STEPS = 30  # minutes in a spell
_HEAT_LOW, _HEAT_HIGH = 320, 5120
_HEAT_PULL = 16  # spells in which the heat forgets most of its past
_RANGE_PULL = 10  # spells in which a range pulls the price back to its middle
_UINT16 = 65536


class Regime(IntEnum):
    """The moods of the market."""

    RANGE = 0
    UP = 1
    DOWN = 2
    STRESS = 3


@frozen
class _Mood:
    heat: int  # level of the heat, HEAT_ONE is usual
    drift_pct: int  # drift of a spell in percent of a spell's usual move
    length_spells: int  # usual length
    next_pct: tuple[int, int, int, int]  # chance of each regime when this one ends, in percent


_MOODS = {
    Regime.RANGE: _Mood(heat=780, drift_pct=0, length_spells=44, next_pct=(0, 48, 40, 12)),
    Regime.UP: _Mood(heat=900, drift_pct=18, length_spells=56, next_pct=(55, 0, 35, 10)),
    Regime.DOWN: _Mood(heat=1080, drift_pct=-18, length_spells=46, next_pct=(50, 36, 0, 14)),
    Regime.STRESS: _Mood(heat=2200, drift_pct=-16, length_spells=12, next_pct=(45, 25, 30, 0)),
}


@frozen(eq=False)
class Spells:
    """Per spell: the heat (HEAT_ONE is usual), the drift of each of its minutes in log units, and the regime."""

    heat: NDArray[np.int64]
    drift: NDArray[np.int64]
    regime: NDArray[np.int64]


class Walk:
    """Walks through the spells of one symbol and carries regime, heat and level from each to the next."""

    def __init__(self, minute_sigma: int, home_pull_spells: int) -> None:
        self._sigma = minute_sigma
        self._spell_sigma = minute_sigma * 11 // 2  # the square root of thirty minutes
        self._home_pull = home_pull_spells
        self._regime = Regime.RANGE
        self._heat = HEAT_ONE
        self._level = 0
        self._middle = 0

    def spells(self, words: NDArray[np.uint64], moves: NDArray[np.int64], shared: NDArray[np.int64]) -> Spells:
        """Return the spells that the random `words` decide.

        `moves` is the sum of a spell's unit steps in units of its usual minute step at usual heat (scaled by
        HEAT_ONE); `shared` is what the listing takes over from the one it follows, in log units.
        """
        heats, drifts, regimes = [], [], []
        for word, move, common in zip(words.tolist(), moves.tolist(), shared.tolist(), strict=True):
            self._change_regime(word & 0xFFFF, (word >> 16) & 0xFFFF)
            self._change_heat((word >> 32) & 0xFFFF, move)
            drift = self._drift()
            self._level += (move * self._sigma * self._heat) // (HEAT_ONE * HEAT_ONE) + drift * SPELL_STEPS + common
            heats.append(self._heat)
            drifts.append(drift)
            regimes.append(int(self._regime))
        return Spells(*(np.array(column, dtype=np.int64) for column in (heats, drifts, regimes)))

    def _change_regime(self, chance: int, choice: int) -> None:
        mood = _MOODS[self._regime]
        if chance * mood.length_spells >= _UINT16:
            return
        mark = choice * 100 // _UINT16
        for regime, share in zip(Regime, mood.next_pct, strict=True):
            mark -= share
            if mark < 0:
                self._regime = regime
                break
        self._middle = self._level

    def _change_heat(self, push: int, move: int) -> None:
        pull = (_MOODS[self._regime].heat - self._heat) // _HEAT_PULL
        noise = self._heat * (push - _UINT16 // 2) // (_UINT16 * 3)
        # A spell's usual move is the square root of thirty unit steps; what goes beyond twice that heats the market.
        surprise = max(0, abs(move) - 11 * HEAT_ONE) // 24
        self._heat = min(_HEAT_HIGH, max(_HEAT_LOW, self._heat + pull + noise + surprise))

    def _drift(self) -> int:
        wanted = self._spell_sigma * _MOODS[self._regime].drift_pct // 100 - self._level // self._home_pull
        if self._regime is Regime.RANGE:
            wanted -= (self._level - self._middle) // _RANGE_PULL
        return wanted // SPELL_STEPS
