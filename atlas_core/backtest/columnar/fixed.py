"""Columns of exact decimals: whole numbers with the digits that they have behind the point."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from atlas_core.backtest.columnar.endings import Numbers
from atlas_core.backtest.columnar.money import Scaled
from atlas_core.backtest.columnar.ticks import Column
from atlas_core.model.instrument import ZERO

Floats = NDArray[np.float64]

_EXACT = 2**53
"""Whole numbers below it are floats without a loss, and their quotient by a power of ten is rounded once."""

_PARTS = ("number", "digits")
_MOST_DIGITS = 18
"""Powers of ten that an int64 holds."""


@frozen(eq=False)
class Fixed:
    """Decimals as whole numbers of 10^-`digits`, which are those of each row."""

    numbers: Numbers
    digits: Column

    def floats(self) -> Floats:
        """Return the floats nearest to them."""
        numbers = self.numbers
        if len(numbers) and numbers.dtype == np.int64 and int(np.abs(numbers).max()) < _EXACT:
            return np.asarray(numbers / 10.0**self.digits, dtype=np.float64)
        pairs = zip(numbers.tolist(), self.digits.tolist(), strict=True)
        return np.array([number / 10**digits for number, digits in pairs], dtype=np.float64)

    def texts(self, digits: int | None = None) -> list[str]:
        """Return them as text: each with its own digits, or all with `digits`, which are no fewer."""
        made = np.full(len(self.numbers), "", dtype=object)
        for own in set(self.digits.tolist()):
            places = np.flatnonzero(self.digits == own)
            more = 0 if digits is None else digits - own
            made[places] = _texts(self.numbers[places], own, more)
        texts: list[str] = made.tolist()
        return texts

    def total(self, places: Sequence[int] | slice | NDArray[np.bool_] = slice(None)) -> Decimal:
        """Return the sum of some of them, which all have the same digits; 0 of none."""
        numbers = self.numbers[places]
        return Decimal(sum(numbers.tolist())).scaleb(-int(self.digits[0])) if len(numbers) else ZERO


def scaled(numbers: Column, sizes: Sequence[Decimal], kind: Column) -> Fixed:
    """Return multiples of steps such as ticks: `sizes` are the steps, `kind` the place of the step of each row."""
    steps = list(map(Scaled.of, sizes))
    factors, digits = (np.array([getattr(step, name) for step in steps], dtype=np.int64) for name in _PARTS)
    return Fixed(numbers * factors[kind], digits[kind])


def _texts(numbers: Numbers, digits: int, more: int) -> list[str]:
    """Return whole numbers of 10^-`digits` as text, with `more` zeros behind."""
    point = "." if digits or more else ""
    if not digits:
        return [f"{number}{point}{'0' * more}" for number in numbers.tolist()]
    size = np.abs(numbers.astype(object) if digits > _MOST_DIGITS else numbers)
    whole, rest = size // 10**digits, size % 10**digits
    texts = list(map(f"%d.%0{digits}d{'0' * more}".__mod__, zip(whole.tolist(), rest.tolist(), strict=True)))
    for place in np.flatnonzero(numbers < 0).tolist():
        texts[place] = f"-{texts[place]}"
    return texts
