"""The objective over two settings as text: rows and columns of figures, or of shades where figures have no room."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.cli.formats import number
from atlas_core.cli.sweep_figures import short_names
from atlas_core.report.metric import Unit
from atlas_core.search.ledger import Trial
from atlas_core.search.objective import Objective
from atlas_core.search.space import Choices, Space, as_number

SHADES = ".:-=+*#%@"
BEST, NOT_TRIED = "*", ""


def heat_map(
    space: Space, objective: Objective, trials: Sequence[Trial], keys: tuple[str, str], width: int | None
) -> str:
    """Return the map of the best objective for each pair of values of two keys; `*` marks the best of all.

    With a `width` into which figures do not fit there is one sign for each cell, from `.` (worst) to `@` (best).
    """
    across, down = (_axis(space, trials, key) for key in reversed(keys))
    best_of = _best_of(objective, trials, keys)
    names = short_names(space.keys)
    title = f"{objective.metric.title} by {names[keys[0]]} (down) and {names[keys[1]]} (across)"
    rows = [[best_of.get((row, column)) for column in across] for row in down]
    percent = objective.metric.unit is Unit.FRACTION
    top = max(best_of.values()) if objective.is_maximised else min(best_of.values())
    cells = [[_cell(value, percent, value == top) for value in row] for row in rows]
    lines = _grid(down, across, cells)
    if width is not None and max(map(len, lines)) > width:
        lines = _shaded(down, across, rows, objective)
        title += f", {SHADES[0]} worst to {SHADES[-1]} best"
    elif percent:
        title += ", in %"
    return "\n".join([title, *lines])


def _axis(space: Space, trials: Sequence[Trial], key: str) -> list[str]:
    dimension = next(dimension for dimension in space.dimensions if dimension.key == key)
    tried = {dict(trial.settings)[key] for trial in trials}
    if isinstance(dimension, Choices):
        return [value for value in dimension.values if value in tried]
    return sorted(tried, key=lambda value: as_number(value) or 0)


def _best_of(objective: Objective, trials: Sequence[Trial], keys: tuple[str, str]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for trial in trials:
        value, settings = objective.value(trial), dict(trial.settings)
        pair = settings[keys[0]], settings[keys[1]]
        if value is not None and (pair not in found or objective.is_better(value, found[pair])):
            found[pair] = value
    return found


def _cell(value: float | None, percent: bool, is_best: bool) -> str:
    if value is None:
        return NOT_TRIED
    return number(value * 100 if percent else value, 1 if percent else 2) + (BEST if is_best else " ")


def _grid(down: Sequence[str], across: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    left = max(map(len, down))
    widths = [max(len(name) + 1, *(len(row[place]) for row in cells)) for place, name in enumerate(across)]
    head = " " * left + "".join(f"  {name + ' ':>{width}}" for name, width in zip(across, widths, strict=True))
    lines = [
        f"{name:>{left}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for name, row in zip(down, cells, strict=True)
    ]
    return [line.rstrip() for line in (head, *lines)]


def _shaded(
    down: Sequence[str], across: Sequence[str], rows: Sequence[Sequence[float | None]], objective: Objective
) -> list[str]:
    known = [value for row in rows for value in row if value is not None]
    low, high = min(known), max(known)

    def shade(value: float | None) -> str:
        if value is None:
            return " "
        share = (value - low) / (high - low) if high > low else 1.0
        return SHADES[round((share if objective.is_maximised else 1 - share) * (len(SHADES) - 1))]

    left = max(map(len, down))
    head = f"{'':>{left}}  {across[0]} ... {across[-1]}"
    return [head, *(f"{name:>{left}}  {''.join(map(shade, row))}" for name, row in zip(down, rows, strict=True))]
