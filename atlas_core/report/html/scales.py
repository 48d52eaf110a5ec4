"""From values to places: linear and logarithmic scales, and the round values and times that are labelled on them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from attrs import frozen

from atlas_core.clock import to_datetime
from atlas_core.model.timeframe import DAY, HOUR, MINUTE

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_MONTH, _YEAR = 30 * DAY, 365 * DAY
_STEPS = (
    MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, _MONTH,
    3 * _MONTH, 6 * _MONTH, _YEAR, 2 * _YEAR, 5 * _YEAR, 10 * _YEAR,
)  # fmt: skip


@frozen
class Scale:
    """Values from `low` to `high` as shares from 0 to 1; equal bounds are moved apart."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = False, is_log: bool = False) -> Scale:
        """Return the scale that holds all values, and zero where asked; with a little air at both ends."""
        known = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
        if not known:
            return cls(0.0, 1.0)
        low, high = min(known), max(known)
        if low == high:
            low, high = low - (abs(low) or 1.0) * 0.01, high + (abs(high) or 1.0) * 0.01
        if is_log and low > 0:
            return cls(low, high, is_log=True)
        air = (high - low) * 0.04
        return cls(low if zero and low == 0 else low - air, high if zero and high == 0 else high + air)

    def share(self, value: float) -> float:
        """Return where a value lies."""
        if self.is_log:
            return math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values inside the scale, about `most` of them."""
        if self.is_log:
            found = _log_ticks(self.low, self.high, most)
            if len(found) > 1:
                return found
        step = round_step((self.high - self.low) / max(1, most))
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [number * step for number in range(first, last + 1)]


def round_step(rough: float) -> float:
    """Return the round number at or above `rough`: 1, 2, 2.5, 5 or 10 times a power of ten."""
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = float(10 ** math.floor(math.log10(rough)))
    return next(power * factor for factor in _ROUND if power * factor >= rough * (1 - 1e-9))


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        inside = [value for value in found if low <= value <= high]
        if 1 < len(inside) <= most + 1:
            return inside
    return []


def time_ticks(start: int, end: int, most: int = 6) -> list[tuple[int, str]]:
    """Return times inside a span and how they are labelled: years, months, days or hours, about `most` of them."""
    step = next((step for step in _STEPS if (end - start) / step <= most), _STEPS[-1])
    if step >= _MONTH:
        return _calendar_ticks(start, end, max(1, round(step / _MONTH)))
    first = -(-start // step) * step
    return [(ts, to_datetime(ts).strftime("%H:%M" if ts % DAY else "%d %b")) for ts in range(first, end + 1, step)]


def _calendar_ticks(start: int, end: int, months: int) -> list[tuple[int, str]]:
    first = to_datetime(start)
    month_number = first.year * 12 + first.month - 1
    found = []
    for number in range(-(-month_number // months) * months, month_number + 12_000, months):
        ts = month_start(number)
        if ts > end:
            break
        if ts >= start:
            found.append((ts, to_datetime(ts).strftime("%Y" if months % 12 == 0 else "%b %Y")))
    return found


def month_start(number: int) -> int:
    """Return the first instant of a month that is counted from year 0."""
    days = _days_from_civil(number // 12, number % 12 + 1)
    return days * DAY


def _days_from_civil(year: int, month: int) -> int:
    from datetime import date

    return (date(year, month, 1) - date(1970, 1, 1)).days


def axis_text(value: float, step: float) -> str:
    """Return a round value with the decimals that its step needs, thousands and millions short."""
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e5, "k")):
        if abs(value) >= size:
            unit = 1e3 if sign == "k" else size
            return _plain(value / unit, step / unit) + sign
    return _plain(value, step)


def _plain(value: float, step: float) -> str:
    return f"{value if value else 0.0:,.{decimals_of(step)}f}"


def decimals_of(step: float) -> int:
    """Return how many decimals tell multiples of a round step apart."""
    return next((digits for digits in range(9) if abs(round(step, digits) - step) <= abs(step) * 1e-6), 9)
