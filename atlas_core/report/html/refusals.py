"""Signals that did not trade: who stopped how many, why, and which were closest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from atlas_core.model.decisions import Outcome
from atlas_core.report.hindsight import (
    ALONE,
    Later,
    LaterGroup,
    all_later,
    grouped_later,
    later_outcomes,
)
from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import heading, numbers, section, table
from atlas_core.report.key_figures import or_not
from atlas_core.report.signals import SignalRow
from atlas_core.report.writing import NOTHING, compact, number, when

MOST_REASONS = 40
_NUMBER = re.compile(r"(?<![\w.-])[-+]?\d[\d,]*(?:\.\d+)?(?![\w.-])")
MOST_MISSES = 15


def refusals(material: Material) -> Markup:
    """Return the section of signals that were stopped."""
    rows = [row for row in material.report.signals if row.ended_at is not None and row.state != Outcome.CLOSED]
    if not rows:
        text = f"Every signal that ended was traded: {material.report.sum_line}."
        return section("refusals", "Signals that did not trade", element("p", text, class_="empty"))
    later = {found.key: found for found in later_outcomes(material.records, material.bars)}
    tables = (_counts(rows), _hindsight(list(later.values())), _misses(rows, later))
    return section("refusals", "Signals that did not trade", *tables, intro=material.report.sum_line)


def _counts(rows: Sequence[SignalRow]) -> Markup:
    counts = Counter((row.state, row.by, kind_of(row.reason)) for row in rows)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    cells = [
        [state.replace("_", " "), by or NOTHING, reason, f"{count:,}"]
        for (state, by, reason), count in ordered[:MOST_REASONS]
    ]
    rest = sum(count for _, count in ordered[MOST_REASONS:])
    if rest:
        cells.append(["others", NOTHING, f"{len(ordered) - MOST_REASONS:,} more reasons", f"{rest:,}"])
    columns = (heading("Outcome"), heading("By"), heading("Reason"), numbers("Signals"))
    return table(columns, cells, footer=["all", "", "", f"{len(rows):,}"])


def _hindsight(found: Sequence[Later]) -> Markup | None:
    """Return what the signals that somebody stopped would have made, nothing where the market could not be read."""
    if not found:
        return None
    columns = (
        heading("Outcome"), heading("By"), numbers("Signals"), numbers("Would have entered"), numbers("Target first"),
        numbers("Stop first"), numbers("Unclear"), numbers("Neither"), numbers("R each"), numbers("R in all"),
    )  # fmt: skip
    cells = [_hindsight_cells(group) for group in grouped_later(found)]
    title = element("h3", "What they would have made")
    footer = _hindsight_cells(all_later(found))
    return joined(title, table(columns, cells, footer=footer), element("p", ALONE, class_="small"))


def _hindsight_cells(group: LaterGroup) -> list[str]:
    counts = (group.count, group.entered, group.target, group.stop, group.unclear, group.neither)
    multiples = [number(group.r_each, 2, sign=True), number(group.r_total, 1, sign=True)]
    return [
        group.outcome.replace("_", " "), group.by, *(f"{count:,}" for count in counts), *map(or_not, multiples),
    ]  # fmt: skip


def kind_of(reason: str) -> str:
    """Return a reason with `#` for its numbers, so that the same reason is counted once; a name keeps its digits."""
    return _NUMBER.sub("#", reason)


def _misses(rows: Sequence[SignalRow], later: Mapping[str, Later]) -> Markup:
    near = _nearest(rows)
    if not near:
        return joined()
    columns = (
        heading("Signal"), heading("Detected (UTC)"), heading("Symbol"), heading("TF"), heading("Setup"),
        heading("Side"), heading("Stopped by"), numbers("Value"), numbers("Needed"),
        heading("Afterwards"), numbers("R"),
    )  # fmt: skip
    cells = [
        [element("code", row.key[:12]), when(row.detected_at), row.symbol, row.timeframe, row.setup, row.side.value,
         row.by, compact(row.value), compact(row.threshold), *_afterwards(later.get(row.key))]
        for row in near
    ]  # fmt: skip
    return joined(element("h3", "Closest misses"), table(columns, cells))


def _afterwards(found: Later | None) -> tuple[str, str]:
    return (NOTHING, NOTHING) if found is None else (found.ending.value, number(found.r_multiple, 2, sign=True))


def _nearest(rows: Sequence[SignalRow]) -> list[SignalRow]:
    measured = [(miss, row) for row in rows if (miss := relative_miss(row)) is not None]
    return [row for _, row in sorted(measured, key=lambda pair: (pair[0], pair[1].detected_at))[:MOST_MISSES]]


def relative_miss(row: SignalRow) -> float | None:
    """Return by what share of its threshold a refused signal missed it; None where the two cannot be compared."""
    if row.state != Outcome.REFUSED or row.value is None or not row.threshold:
        return None
    return abs(row.value - row.threshold) / abs(row.threshold)
