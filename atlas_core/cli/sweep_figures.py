"""Settings and figures of trials as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.cli.formats import NOTHING, number, percent
from atlas_core.report.metric import Metric, Unit
from atlas_core.search.space import Setting


def figure(metric: Metric, value: float | None) -> str:
    """Return a figure in the unit of its metric, a dash for none."""
    if value is None:
        return NOTHING
    if metric.unit is Unit.FRACTION:
        return percent(value, sign=metric.name in _SIGNED)
    if metric.unit is Unit.COUNT:
        return f"{value:,.0f}"
    return number(value, sign=metric.unit in (Unit.MONEY, Unit.RISK))


_SIGNED = frozenset({"total_return", "cagr", "best_day", "worst_day", "expectancy_pct"})


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return for each key the shortest end of it that no other one has."""
    names = {}
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[first:]) for first in reversed(range(len(parts)))]
        others = [other for other in keys if other != key]
        names[key] = next(end for end in (*ends, key) if not any(o == end or o.endswith(f".{end}") for o in others))
    return names


def settings_text(settings: Sequence[Setting], keys: Sequence[str]) -> str:
    """Return the settings of the keys that are searched in a few words, such as `fast 10, slow 80`."""
    names, values = short_names(keys), dict(settings)
    return ", ".join(f"{names[key]} {values[key]}" for key in keys)
