"""Numbers, money, times and durations as people read them, the same on screens, in reports and on cards."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

from atlas_core.clock import NANOSECONDS_PER_SECOND, to_datetime

NOTHING = "—"
NOT_THERE = "n/a"
_CENT = Decimal("0.01")
_MINUTE_SECONDS, _HOUR_SECONDS, _DAY_SECONDS = 60, 3600, 86400


def plain(value: Decimal) -> str:
    """Return an exact decimal without exponent and without a negative zero."""
    return format(value if value else abs(value), "f")


def money(value: Decimal | None) -> str:
    """Return money with two decimals and thousands, such as `10,488.20`."""
    return NOTHING if value is None else format(_cents(value), ",.2f")


def signed(value: Decimal | None) -> str:
    """Return money with its sign, such as `+188.58`; zero has none."""
    if value is None:
        return NOTHING
    cents = _cents(value)
    return format(cents, "+,.2f" if cents else ",.2f")


def _cents(value: Decimal) -> Decimal:
    cents = value.quantize(_CENT, ROUND_HALF_EVEN)
    return cents if cents else Decimal("0.00")


def price(value: Decimal | None, decimals: int | None = None) -> str:
    """Return a price with thousands, with the decimals of its tick where they are known."""
    if value is None:
        return NOTHING
    return format(value, ",f") if decimals is None else format(value, f",.{decimals}f")


def number(value: float | None, decimals: int = 2, *, sign: bool = False) -> str:
    """Return a plain figure, or a dash for none; with `sign` also a plus."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = format(value, f"{'+' if sign else ''},.{decimals}f")
    return text.lstrip("+-") if not any(digit in "123456789" for digit in text) else text


def compact(value: float | None) -> str:
    """Return a decision's number in its shortest honest form, such as `2`, `1.35` or `0.0004`."""
    return NOTHING if value is None or not math.isfinite(value) else format(value, ".6g")


def percent(fraction: float | Decimal | None, decimals: int = 2, *, sign: bool = False) -> str:
    """Return a fraction in percent, such as `4.88 %`; with `sign` also a plus."""
    if fraction is None:
        return NOTHING
    text = number(float(fraction) * 100, decimals, sign=sign)
    return text if text == NOTHING else text + " %"


def when(ts: int | None) -> str:
    """Return a time as `2026-04-05 18:00Z`, with seconds only where there are any."""
    if ts is None:
        return NOTHING
    moment = to_datetime(ts)
    return moment.strftime("%Y-%m-%d %H:%MZ" if ts % (_MINUTE_SECONDS * NANOSECONDS_PER_SECOND) == 0
                           else "%Y-%m-%d %H:%M:%SZ")  # fmt: skip


def held(nanoseconds: int) -> str:
    """Return a duration such as `45m`, `3h15` or `2d04h`."""
    seconds = nanoseconds // NANOSECONDS_PER_SECOND
    if seconds < _MINUTE_SECONDS:
        return f"{seconds}s"
    if seconds < _HOUR_SECONDS:
        return f"{seconds // _MINUTE_SECONDS}m"
    if seconds < _DAY_SECONDS:
        return f"{seconds // _HOUR_SECONDS}h{seconds % _HOUR_SECONDS // _MINUTE_SECONDS:02d}"
    return f"{seconds // _DAY_SECONDS}d{seconds % _DAY_SECONDS // _HOUR_SECONDS:02d}h"
