"""What the commands say of bars and setups: one mapping for each, as it becomes JSON or a line of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

from atlas_core import to_datetime
from atlas_strat.broadening import compound_outside, formation
from atlas_strat.describing import DIRECTION_TEXT, SetupDescriber
from atlas_strat.exhaustion import price_exhaustion, time_left
from atlas_strat.labels import Label, LabelledBars, label_bars
from atlas_strat.lifecycle import LifeState, entry_price
from atlas_strat.outcomes import outcomes
from atlas_strat.paths import first_sides
from atlas_strat.pivots import consumed, falling_highs, machine_guns, rising_lows
from atlas_strat.setups import arm, complete
from atlas_strat.shapes import SHAPE_TEXT, failed_twos, shapes
from atlas_strat.vocabulary import FailedTwo, StopMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_core import Bars
    from atlas_strat.breaks import SideBreaks, SimultaneousBreaks
    from atlas_strat.outcomes import Outcome
    from atlas_strat.reading import FileBars
    from atlas_strat.setups import Setups

_SIDE_TEXT = {1: "high", -1: "low", 0: None}
_NO_PATTERN: Mapping[str, Any] = dict.fromkeys(
    ("pattern", "family", "kind", "direction", "trigger", "stop", "magnitude", "measured_move", "setup_bar_shape")
) | {"ladder": [], "also": [], "spans_gap": False, "gap_through_trigger": None, "fill": None}
_STATED = ("setup_bar_shape", "also", "spans_gap", "measured_move")


def moment(ts: int) -> str:
    """Return nanoseconds UTC as `2013-10-07T13:30:00Z`."""
    return to_datetime(ts).strftime("%Y-%m-%dT%H:%M:%SZ")


def labelled(source: FileBars, *, open_tells: bool = False) -> LabelledBars:
    """Return the labelled bars of a file; its finer bars tell the path of outside bars."""
    sides = first_sides(source.bars, source.base) if source.has_finer else None
    return label_bars(source.bars, sides, open_tells=open_tells)


class LabelReport:
    """One mapping for each bar of a file: its label and what it completed."""

    def __init__(
        self, source: FileBars, stop_mode: StopMode, failed_two: FailedTwo, *, open_tells: bool = False
    ) -> None:
        self._source = source
        self._bars = labelled(source, open_tells=open_tells)
        self._failed, self._shapes = failed_twos(self._bars, failed_two), shapes(self._bars)
        self._runs = rising_lows(self._bars), falling_highs(self._bars)
        completed = complete(self._bars, stop_mode)
        self._completed = completed
        self._place_of = {entry: place for place, entry in enumerate(_entries(completed))}
        self._describer = SetupDescriber(completed, float(source.bars.tick_size), source.decimals)

    def rows(self, last: int | None) -> list[dict[str, Any]]:
        """Return the mappings of the last bars, of all with None."""
        count = len(self._bars)
        return [self._row(at) for at in range(0 if last is None else max(0, count - last), count)]

    def _row(self, at: int) -> dict[str, Any]:
        bars, source, row = self._bars, self._source.bars, int(self._bars.row[at])
        price = self._describer.price
        told = bars.direction_source(at)
        return {
            "time": moment(int(source.opened_at[row])),
            "available_at": moment(int(source.available_at[row])),
            **{name: price(int(getattr(bars, name)[at])) for name in ("open", "high", "low", "close")},
            "label": Label(bars.label[at]).text or None,
            "color": int(bars.colour[at]),
            "shape": SHAPE_TEXT[int(self._shapes[at])],
            "failed2": bool(self._failed[at]),
            "first_side": _SIDE_TEXT[int(bars.first_side[at])],
            "direction_source": None if told is None else told.value,
            **self._pattern(at),
            "run_higher_lows": int(self._runs[0][at]),
            "run_lower_highs": int(self._runs[1][at]),
        }

    def _pattern(self, at: int) -> Mapping[str, Any]:
        place = self._place_of.get(at)
        if place is None:
            return _NO_PATTERN
        found = self._completed
        facts = self._describer.describe(place)
        facts.pop("mother_row")
        side, trigger, opened = int(found.side[place]), int(found.levels.trigger[place]), int(self._bars.open[at])
        is_gap = side * (opened - trigger) > 0
        fill = self._describer.price(entry_price(side, trigger, opened)) if side else None
        return facts | {"gap_through_trigger": is_gap if side else None, "fill": fill}


def _entries(completed: Setups) -> list[int]:
    return [] if completed.entry is None else completed.entry.tolist()


class SetupReport:
    """One mapping for each setup that a bar of a file armed, with what became of it."""

    def __init__(self, source: FileBars, stop_mode: StopMode) -> None:
        self._source = source
        self._setups = arm(label_bars(source.bars), stop_mode)
        self._describer = SetupDescriber(self._setups, float(source.bars.tick_size), source.decimals)

    def rows(self, last: int | None) -> list[dict[str, Any]]:
        """Return the mappings of the setups that the last bars armed, of all with None; the long leg first."""
        first = 0 if last is None else len(self._setups.bars) - last
        places = [place for place, setup in enumerate(self._setups.setup.tolist()) if setup >= first]
        ended = outcomes(self._setups, self._source, places)
        return [self._row(place, outcome) for place, outcome in zip(places, ended, strict=True)]

    def _row(self, place: int, outcome: Outcome) -> dict[str, Any]:
        bars, source = self._setups.bars, self._source.bars
        setup = int(self._setups.setup[place])
        row = int(bars.row[setup])
        facts = self._describer.describe(place)
        stated = {name: facts.pop(name) for name in _STATED}
        facts.pop("mother_row")
        return {
            "time": moment(int(source.opened_at[row])),
            "armed_at": moment(int(source.available_at[row])),
            "valid_until": moment(outcome.valid_until),
            "label": Label(bars.label[setup]).text,
            **facts,
            "state": outcome.state.value,
            "fill": None if outcome.fill is None else self._describer.price(outcome.fill),
            "ambiguous": outcome.ambiguous,
            "time_left": _time_left(outcome),
            "exhaustion": self._exhaustion(place, outcome),
            **stated,
        }

    def _exhaustion(self, place: int, outcome: Outcome) -> dict[str, Any] | None:
        """Return what an entered setup has reached of its objective and of its ladder."""
        if outcome.fill is None or outcome.reached is None:
            return None
        setups, levels = self._setups, self._setups.levels
        side, trigger = int(setups.side[place]), int(levels.trigger[place])
        ladder = self._describer.ladders.ladder(int(setups.setup[place]), side, trigger)
        magnitude = int(levels.magnitude[place]) if levels.has_magnitude[place] else None
        used = price_exhaustion(side, outcome.reached, magnitude, ladder)
        return asdict(used) | {"is_exhausted": used.is_exhausted}


def _time_left(outcome: Outcome) -> dict[str, float] | None:
    """Return what is left of the bar of a setup that has not ended."""
    if outcome.state.is_final:
        return None
    return asdict(time_left(outcome.begins, outcome.valid_until, outcome.now))


def counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many setups ended in each state, in the order of a setup's life; states without any are left out."""
    numbers = {state.value: sum(1 for row in rows if row["state"] == state) for state in LifeState}
    return {state: number for state, number in numbers.items() if number}


def map_of(source: FileBars, pivots: int, width: int) -> dict[str, Any]:
    """Return what stands around the last bar of a file: machine guns, broadening formation, compound outside bar."""
    bars = label_bars(source.bars)
    last = len(bars) - 1
    tick, decimals = float(source.bars.tick_size), source.decimals

    def price(ticks: float) -> float:
        return round(ticks * tick, decimals)

    def when(position: int) -> str:
        return moment(int(source.bars.opened_at[bars.row[position]]))

    shape, compound = formation(bars, width), compound_outside(bars, last)
    guns = machine_guns(bars, last, pivots)
    taken = consumed(bars, last, pivots)
    return {
        "time": when(last),
        "machine_guns": [
            {
                "direction": DIRECTION_TEXT[gun.side],
                "pivots": len(gun.ladder),
                "trigger": price(gun.trigger),
                "stop": price(gun.stop),
                "ladder": [price(level) for level in gun.ladder],
            }
            for gun in guns
        ],
        "consumed": [
            {
                "direction": DIRECTION_TEXT[gun.side],
                "trigger": price(gun.trigger),
                "taken": [price(level) for level in gun.taken],
                "remaining": [price(level) for level in gun.remaining],
            }
            for gun in taken
        ],
        "broadening": None
        if shape is None
        else {
            "is_broadening": shape.is_broadening,
            "upper": price(shape.upper),
            "lower": price(shape.lower),
            "highs": [[when(place), price(level)] for place, level in shape.highs],
            "lows": [[when(place), price(level)] for place, level in shape.lows],
        },
        "compound_outside": None
        if compound is None
        else {
            "outside_of": when(compound.outside_of),
            "taken_high_at": when(compound.taken_high_at),
            "taken_low_at": when(compound.taken_low_at),
        },
    }


def current_bars(series: Mapping[str, Bars]) -> tuple[int, dict[str, LabelledBars | None]]:
    """Return when the newest bar of a basket opened, and each symbol's bars; None where it has no bar at that time."""
    newest = max((int(bars.opened_at[-1]) for bars in series.values() if len(bars)), default=0)
    basket: dict[str, LabelledBars | None] = {}
    for symbol, bars in series.items():
        own = label_bars(bars) if len(bars) and int(bars.opened_at[-1]) == newest else None
        is_current = own is not None and len(own) > 0 and int(own.row[-1]) == len(bars) - 1
        basket[symbol] = own if is_current else None
    return newest, basket


def breaks_facts(newest: int, basket: Mapping[str, LabelledBars | None], found: SimultaneousBreaks) -> dict[str, Any]:
    """Return the breaks of a basket whose newest bar opened at `newest` as one mapping."""

    def side(breaks: SideBreaks) -> dict[str, Any]:
        return {"count": breaks.count, "pct": breaks.share, "symbols": list(breaks.symbols)}

    return {
        "time": moment(newest),
        "with_data": found.up.with_data,
        "without_data": [symbol for symbol in basket if symbol not in found.side_of],
        "up": side(found.up),
        "down": side(found.down),
        "label_80": found.is_simultaneous,
        "symbols": [{"symbol": symbol, "direction": DIRECTION_TEXT[own]} for symbol, own in found.side_of.items()],
    }
