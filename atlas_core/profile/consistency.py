"""Values that are each right and contradict each other: a limit that can never bind is a mistake, not a limit."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from atlas_core.model.session import TradingSession
from atlas_core.options import Problem, written
from atlas_core.profile.document import COMMAND_LINE
from atlas_core.profile.reader import Section
from atlas_core.profile.sections import RELATIVE_TIME, Alerts, Limits, Schedule, Universe

# The first must not be above the second, or it would never be reached.
_ORDERED = (
    ("max_positions_per_group", "max_positions"),
    ("max_long_positions", "max_positions"),
    ("max_short_positions", "max_positions"),
    ("max_exposure_pct_per_group", "max_exposure_pct"),
    ("max_long_exposure_pct", "max_exposure_pct"),
    ("max_short_exposure_pct", "max_exposure_pct"),
    ("max_daily_loss_pct", "max_drawdown_pct"),
)


def contradictions(limits: Section[Limits], universe: Section[Universe]) -> Iterator[Problem]:
    """Yield what contradicts itself, looking only at keys that could be read."""
    if limits.partial is not None:
        yield from _limits_out_of_order(limits, limits.partial)
        yield from _exposure_out_of_reach(limits, limits.partial)
        yield from _total_out_of_reach(limits, limits.partial)
    if universe.partial is not None:
        yield from _detail_out_of_step(universe, universe.partial)
        yield from _strangers_in_groups(universe, universe.partial)
        yield from _strangers_in_sessions(universe, universe.partial)
        yield from _members_of_two_groups(universe, universe.partial)
        yield from _time_backwards(universe, universe.partial)


def times_without_market(schedule: Section[Schedule], universe: Section[Universe]) -> Iterator[Problem]:
    """Yield the times that are relative to a market's hours where the universe has none."""
    session = universe.partial.session if universe.partial is not None else None
    if schedule.partial is None or session is TradingSession.US_EQUITIES or not universe.good("session"):
        return
    was = written(session.value) if session is not None else "none"
    for key in ("scan_at", "close_at"):
        for index, text in enumerate(getattr(schedule.partial, key) if schedule.good(key) else ()):
            if RELATIVE_TIME.fullmatch(text):
                message = f'expected session = "us-equities" under [universe] for {written(text)}, was {was}'
                yield schedule.where.problem((key, index), message)


def strangers_in_alerts(section: Section[Alerts], alerters: Collection[str]) -> Iterator[Problem]:
    """Yield the labels that `[alerts]` names and no alerter has, and a fallback with nobody to stand in for."""
    alerts = section.partial
    if alerts is None:
        return
    expected = f"expected the label of an alerter ({', '.join(alerters) or 'there is none'})"
    if section.good("min_severity_by_alerter"):
        for label in alerts.min_severity_by_alerter:
            if label not in alerters:
                yield section.where.problem(("min_severity_by_alerter", label), f"{expected}, was {written(label)}")
    if section.good("fallback"):
        for index, label in enumerate(alerts.fallback):
            if label not in alerters:
                yield section.where.problem(("fallback", index), f"{expected}, was {written(label)}")
        if alerts.fallback and set(alerters) == set(alerts.fallback):
            yield section.where.problem(("fallback",), "expected an alerter that is no fallback, were only fallbacks")


def _limits_out_of_order(section: Section[Limits], limits: Limits) -> Iterator[Problem]:
    for low, high in _ORDERED:
        value, bound = getattr(limits, low), getattr(limits, high)
        both_good = section.good(low) and section.good(high)
        if both_good and value is not None and bound is not None and value > bound:
            message = f"expected at most {high} ({written(bound)}), was {written(value)}"
            yield section.where.problem((low,), message)


def _exposure_out_of_reach(section: Section[Limits], limits: Limits) -> Iterator[Problem]:
    reachable = 100 * limits.max_leverage
    if section.good("max_exposure_pct") and section.good("max_leverage") and limits.max_exposure_pct > reachable:
        message = f"expected at most 100 x max_leverage ({written(reachable)}), was {written(limits.max_exposure_pct)}"
        yield section.where.problem(("max_exposure_pct",), message)


def _total_out_of_reach(section: Section[Limits], limits: Limits) -> Iterator[Problem]:
    """Yield that both sides together never fill what was said of all positions, or allow nothing at all."""
    sides = (limits.max_long_positions, limits.max_short_positions)
    if None in sides or not (section.good("max_long_positions") and section.good("max_short_positions")):
        return
    both = sum(side for side in sides if side is not None)
    if not both:
        yield section.where.problem(("max_short_positions",), "expected a side that may be entered, were both 0")
    elif section.good("max_positions") and section.where.find(("max_positions",)) and both < limits.max_positions:
        message = f"expected at most max_long_positions and max_short_positions together ({both})"
        yield section.where.problem(("max_positions",), f"{message}, was {limits.max_positions}")


def _detail_out_of_step(section: Section[Universe], universe: Universe) -> Iterator[Problem]:
    finer, base = universe.detail_timeframe, universe.base_timeframe
    if finer is None or not (section.good("detail_timeframe") and section.good("base_timeframe")):
        return
    if finer.duration >= base.duration:
        message = f"expected a timeframe shorter than base_timeframe ({base}), was {finer}"
        yield section.where.problem(("detail_timeframe",), message)
    elif not base.is_multiple_of(finer):
        yield section.where.problem(("detail_timeframe",), f"expected bars that make whole {base} bars, was {finer}")


def _strangers_in_groups(section: Section[Universe], universe: Universe) -> Iterator[Problem]:
    if _is_narrowed(section) or not (section.good("groups") and section.good("symbols")):
        return
    for group, symbols in universe.groups.items():
        for index, symbol in enumerate(symbols):
            if symbol not in universe.symbols:
                message = f"expected a symbol of the universe, was {written(symbol)}"
                yield section.where.problem(("groups", group, index), message)


def _strangers_in_sessions(section: Section[Universe], universe: Universe) -> Iterator[Problem]:
    if _is_narrowed(section) or not (section.good("sessions") and section.good("symbols")):
        return
    for symbol in universe.sessions:
        if symbol not in universe.symbols:
            message = f"expected a symbol of the universe, was {written(symbol)}"
            yield section.where.problem(("sessions", symbol), message)


def _is_narrowed(section: Section[Universe]) -> bool:
    """Tell whether a command line narrowed the universe: it leaves the groups and sessions of the file as they are."""
    place = section.where.find(("symbols",))
    return place is not None and place[0] == COMMAND_LINE


def _members_of_two_groups(section: Section[Universe], universe: Universe) -> Iterator[Problem]:
    if not section.good("groups"):
        return
    first: dict[str, str] = {}
    for group, symbols in universe.groups.items():
        for index, symbol in enumerate(symbols):
            if first.setdefault(symbol, group) != group:
                message = f"expected a symbol in one group, {written(symbol)} is in {written(first[symbol])} too"
                yield section.where.problem(("groups", group, index), message)


def _time_backwards(section: Section[Universe], universe: Universe) -> Iterator[Problem]:
    known = universe.start is not None and universe.end is not None
    if known and section.good("start") and section.good("end") and universe.end <= universe.start:  # type: ignore[operator]
        yield section.where.problem(("end",), "expected a time after start, was not after it")
