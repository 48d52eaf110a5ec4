"""Reads the shared vectors of the method and says what our code makes of their bars."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np

from atlas_core import Bars
from atlas_strat.describing import SetupDescriber
from atlas_strat.labels import Label, LabelledBars, label_bars
from atlas_strat.lifecycle import entry_price
from atlas_strat.setups import arm, complete
from atlas_strat.shapes import SHAPE_TEXT, failed_twos, shapes
from atlas_strat.vocabulary import StopMode
from tests.plugins.strat.series import bars_of
from tests.shared import shared_file

SIDE_OF = {"high": 1, "low": -1, None: 0, "bullish": 1, "bearish": -1}
SIDE_TEXT = {1: "high", -1: "low", 0: None}


def vectors(name: str) -> Any:
    """Return one file of the shared vectors."""
    return json.loads(shared_file(f"cases/strat/{name}").read_text())


def tick_of(case: dict[str, Any]) -> Decimal:
    """Return the tick of a case, a cent where it does not say."""
    return Decimal(str(case.get("tick", "0.01")))


def bars_of_case(case: dict[str, Any], name: str = "bars") -> Bars:
    """Make the bars of a case."""
    return bars_of(case[name], tick=tick_of(case))


def labelled_case(case: dict[str, Any]) -> LabelledBars:
    """Label the bars of a case, with the path of its last bar where the case tells it."""
    bars = bars_of_case(case)
    sides = np.zeros(len(bars), dtype=np.int8)
    sides[-1] = SIDE_OF[case.get("first_side")]
    return label_bars(bars, sides)


def by_row(labelled: LabelledBars, values: list[Any], length: int, nothing: Any = None) -> list[Any]:
    """Put one value a valid bar at the rows of the series, `nothing` elsewhere."""
    spread = [nothing] * length
    for row, value in zip(labelled.row.tolist(), values, strict=True):
        spread[row] = value
    return spread


def label_facts(case: dict[str, Any]) -> dict[str, list[Any]]:
    """Say of each row of a case what the vectors of labels ask for."""
    labelled, length = labelled_case(case), len(case["bars"])
    return {
        "labels": by_row(labelled, [Label(code).text or None for code in labelled.label], length),
        "color": by_row(labelled, labelled.colour.tolist(), length),
        "failed2": by_row(labelled, failed_twos(labelled).tolist(), length),
        "first_side": by_row(labelled, [SIDE_TEXT[side] for side in labelled.first_side], length),
        "shape": by_row(labelled, [SHAPE_TEXT[shape] for shape in shapes(labelled)], length),
    }


def pattern_facts(case: dict[str, Any]) -> dict[str, Any]:
    """Say what the last bar of a case completes, with every level; None for all when it completes nothing."""
    labelled, tick = labelled_case(case), tick_of(case)
    found = complete(labelled)
    facts: dict[str, Any] = {"labels": label_facts(case)["labels"]}
    if not len(found) or found.row[-1] != len(case["bars"]) - 1:
        return facts
    last = len(found) - 1
    facts |= SetupDescriber(found, float(tick), 8).describe(last)
    facts["targets"], facts["mother_index"] = facts["ladder"], facts["mother_row"]
    source = labelled.direction_source(len(labelled) - 1)
    facts["direction_source"] = None if source is None else source.value
    for mode in StopMode:
        facts[f"stop_{mode}"] = SetupDescriber(complete(labelled, mode), float(tick), 8).describe(last)["stop"]
    side, opened = int(found.side[last]), int(labelled.open[-1])
    if side:
        trigger = int(found.levels.trigger[last])
        facts["gap_through_trigger"] = side * (opened - trigger) > 0
        facts["fill_bar_ohlc"] = entry_price(side, trigger, opened) * float(tick)
    return facts


def armed_facts(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Say what the last closed bar of a case arms, the long side first."""
    bars, tick = bars_of_case(case, "closed_bars"), tick_of(case)
    found = arm(label_bars(bars), StopMode.SETUP_BAR)
    describer = SetupDescriber(found, float(tick), 8)
    return [describer.describe(index) for index in range(len(found)) if found.row[index] == len(bars) - 1]
