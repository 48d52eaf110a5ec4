"""Trades that share something, in figures: by what a trade is, by what a gate measured, by what its scanner noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from atlas_core.clock import to_datetime
from atlas_core.errors import AtlasError, NotFound
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.report import metrics
from atlas_core.report.results import TradeColumns
from atlas_core.report.trades import TradeRow

if TYPE_CHECKING:
    from atlas_core.report.results import Floats

NO_VALUE = "n/a"
SCORE = "score"
MOST_VALUES = 8
BINS = 4
_LAST = (1, 0.0, "")

Order = tuple[int, float, str]


@frozen(kw_only=True)
class Group:
    """Trades in figures; means are over the trades that have the figure, None where none has.

    `mae` and `mfe` are the furthest that the price went against and for a position while it was open: 0 or below, and 0
    or above, in percent of the entry price and in multiples of the risk at entry.
    """

    name: str
    figures: metrics.TradeFigures
    r_total: float | None
    expectancy_r: float | None
    mae_r: float | None
    mfe_r: float | None
    mae_pct: float | None
    mfe_pct: float | None

    @property
    def net(self) -> Decimal:
        """Return what the group earned after costs."""
        return self.figures.net


@frozen(kw_only=True)
class Grouping:
    """A way to group trades: the heading of its column, each trade's group, and the order of the groups.

    `fact` is the attribute of a trade that is the name of its group, where one is. Without an order the largest group
    comes first.
    """

    heading: str
    name_of: Callable[[TradeRow], str]
    order_of: Callable[[str], Order] | None = None
    fact: str = ""

    @classmethod
    def by(cls, heading: str, fact: str, order_of: Callable[[str], Order] | None = None) -> Grouping:
        """Group by one attribute of the trades."""
        return cls(heading=heading, name_of=lambda trade: str(getattr(trade, fact)), order_of=order_of, fact=fact)


def group_of(name: str, trades: Sequence[TradeRow], columns: TradeColumns | None = None) -> Group:
    """Return the figures of these trades; `columns` are theirs where they were made already."""
    return group_at(name, columns or TradeColumns(trades), None)


def grouped(trades: Sequence[TradeRow], grouping: Grouping, columns: TradeColumns | None = None) -> tuple[Group, ...]:
    """Return the groups of the trades; they add up to all of them. `columns`: see `group_of`."""
    columns = columns or TradeColumns(trades)
    names = columns.names(grouping.fact) if grouping.fact else map(grouping.name_of, trades)
    members: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        members.setdefault(name, []).append(place)
    made = [group_at(label, columns, places) for label, places in members.items()]
    order_of = grouping.order_of
    if order_of is not None:
        return tuple(sorted(made, key=lambda group: order_of(group.name)))
    return tuple(sorted(made, key=lambda group: (-group.figures.count, group.name)))


def group_at(name: str, columns: TradeColumns, places: Sequence[int] | None) -> Group:
    """Return the figures of the trades at some places of their columns, of all without."""
    far, chosen = columns.excursions, slice(None) if places is None else places
    multiples = columns.r[chosen]
    known = multiples[~np.isnan(multiples)].tolist()
    return Group(
        name=name,
        figures=columns.figures(places),
        r_total=sum(known) if known else None,
        expectancy_r=_mean(multiples),
        mae_r=_mean(far.mae_r[chosen]),
        mfe_r=_mean(far.mfe_r[chosen]),
        mae_pct=_mean(far.mae_pct[chosen]),
        mfe_pct=_mean(far.mfe_pct[chosen]),
    )


def groups_by(trades: Sequence[TradeRow], names: Sequence[str]) -> tuple[Grouping, tuple[Group, ...]]:
    """Return the trades grouped by one name, or by several at once; raises NotFound for a name that means nothing here.

    A name is one of `GROUPINGS`, the label of a gate (trades are grouped by the value that it recorded), or a column
    that the scanner noted beside its signals. Numbers of many values are put into ranges of about equal counts.
    """
    found = [_grouping(trades, name) for name in names]
    if len(found) == 1:
        return found[0], grouped(trades, found[0])
    joined = Grouping(
        heading=" · ".join(grouping.heading for grouping in found),
        name_of=lambda trade: " · ".join(grouping.name_of(trade) for grouping in found),
    )
    return joined, grouped(trades, joined)


def names_of(trades: Iterable[TradeRow]) -> tuple[str, ...]:
    """Return every name that these trades can be grouped by."""
    rows = list(trades)
    gates = {gate for trade in rows for gate in trade.gate_values}
    noted = {name for trade in rows for name in trade.context}
    return (*GROUPINGS, *sorted((gates | noted) - set(GROUPINGS)))


def _grouping(trades: Sequence[TradeRow], name: str) -> Grouping:
    if name == SCORE:
        return _by_score(trades)
    if name in GROUPINGS:
        return GROUPINGS[name]
    if any(name in trade.gate_values for trade in trades):
        return _by_number(name, trades, lambda trade: trade.gate_values.get(name))
    if any(name in trade.context for trade in trades):
        return _by_noted(name, trades)
    if not trades:
        return Grouping(heading=name, name_of=lambda _trade: NO_VALUE)
    raise NotFound(f"expected one of {', '.join(names_of(trades))}, was {name!r}")


def _by_score(trades: Sequence[TradeRow]) -> Grouping:
    """Group by the signal's own score; where scanners give none, by the value of the gate that was asked last."""
    if any(trade.score for trade in trades):
        return _by_number(SCORE, trades, lambda trade: trade.score)
    measured = [list(trade.gate_values) for trade in trades if trade.gate_values]
    if not measured:
        return _by_number(SCORE, trades, lambda _trade: None)
    gate = measured[0][-1]
    return _by_number(f"{SCORE} ({gate})", trades, lambda trade: trade.gate_values.get(gate))


def _by_noted(name: str, trades: Sequence[TradeRow]) -> Grouping:
    values = [trade.context.get(name) for trade in trades]
    if all(value is None or _is_number(value) for value in values):
        return _by_number(name, trades, lambda trade: trade.context.get(name))
    return Grouping(heading=name, name_of=lambda trade: str(trade.context.get(name) or NO_VALUE))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_number(heading: str, trades: Sequence[TradeRow], value_of: Callable[[TradeRow], float | None]) -> Grouping:
    """Group by a number: each value a group, or ranges of about equal counts where there are many."""
    values = sorted(value for value in map(value_of, trades) if value is not None)
    is_few = len(set(values)) <= MOST_VALUES
    names = {value: (_number(value), value) for value in values} if is_few else _ranges(values)
    order = dict(names.values())
    return Grouping(
        heading=heading,
        name_of=lambda trade: _name_in(names, value_of(trade)),
        order_of=lambda name: (0, order[name], name) if name in order else _LAST,
    )


def _name_in(names: dict[float, tuple[str, float]], value: float | None) -> str:
    return NO_VALUE if value is None else names[value][0]


def _ranges(values: Sequence[float]) -> dict[float, tuple[str, float]]:
    """Return for each value the range that it is in, and the range's first value; equal values share one."""
    names: dict[float, tuple[str, float]] = {}
    bounds = [values[min(len(values) - 1, len(values) * place // BINS)] for place in range(BINS)]
    for low, high in zip(bounds, [*bounds[1:], float("inf")], strict=True):
        inside = [value for value in values if low <= value < high]
        for value in inside:
            names[value] = (f"{_number(inside[0])} to {_number(inside[-1])}", inside[0])
    return names


def _number(value: float) -> str:
    return f"{value:.4g}"


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _timeframe_order(name: str) -> Order:
    try:
        return 0, float(parse_timeframe(name).duration), name
    except AtlasError:
        return _LAST


def _by_name(name: str) -> Order:
    return 0, 0.0, name


def _closed(form: str) -> Callable[[TradeRow], str]:
    return lambda trade: to_datetime(trade.closed_at).strftime(form)


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

SETUP = Grouping.by("Setup", "family")
PATTERN = Grouping.by("Pattern", "setup")
TIMEFRAME = Grouping.by("Timeframe", "timeframe", _timeframe_order)
SYMBOL = Grouping.by("Symbol", "symbol")
DIRECTION = Grouping.by("Direction", "side")
EXIT = Grouping.by("Exit", "ended_by")
GROUPINGS = {
    "pattern": PATTERN,
    "setup": SETUP,
    "timeframe": TIMEFRAME,
    "direction": DIRECTION,
    SCORE: Grouping(heading="Score", name_of=lambda trade: _number(trade.score)),
    "symbol": SYMBOL,
    "exit": EXIT,
    "hour": Grouping(
        heading="Opened in hour (UTC)",
        name_of=lambda trade: to_datetime(trade.opened_at).strftime("%H:00"),
        order_of=_by_name,
    ),
    "weekday": Grouping(
        heading="Opened on (UTC)",
        name_of=lambda trade: _WEEKDAYS[to_datetime(trade.opened_at).weekday()],
        order_of=lambda name: (0, float(_WEEKDAYS.index(name)), name),
    ),
    "day": Grouping(heading="Closed on", name_of=_closed("%Y-%m-%d"), order_of=_by_name),
    "week": Grouping(heading="Closed in week", name_of=_closed("%G-W%V"), order_of=_by_name),
    "month": Grouping(heading="Closed in", name_of=_closed("%Y-%m"), order_of=_by_name),
}
