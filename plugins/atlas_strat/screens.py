"""What the commands print for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_core import Column, print_table, say
from atlas_strat.reports import counted
from atlas_strat.standing import SIDE_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_core import Timeframe
    from atlas_strat.reading import FileBars
    from atlas_strat.standing import Standing

NOTHING = "—"
_COLOUR = {1: "up", -1: "down", 0: "flat"}
_LABEL_COLUMNS = (
    Column("Bar"),
    Column("Label"),
    Column("Closed", drop=2),
    Column("Shape", drop=3),
    Column("Pattern"),
    Column("Kind", drop=1),
    Column("Trigger", numeric=True),
    Column("Stop", numeric=True),
    Column("Magnitude", numeric=True),
    Column("Further targets", drop=4),
)
_SETUP_COLUMNS = (
    Column("Setup bar", drop=2),
    Column("Pattern"),
    Column("Kind", drop=1),
    Column("Trigger", numeric=True),
    Column("Stop", numeric=True),
    Column("Magnitude", numeric=True),
    Column("Further targets", drop=4),
    Column("Until", drop=3),
    Column("State"),
    Column("Entered", numeric=True, drop=2),
)


def say_labels(source: FileBars, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print bars with their labels and patterns."""
    cells = [_label_cells(row, source.decimals) for row in rows]
    print_table(_title(source, "labels"), _LABEL_COLUMNS, cells)
    if len(rows) < len(source.bars):
        say(f"the last {len(rows)} of {len(source.bars)} bars; --last 0 shows all")


def _label_cells(row: Mapping[str, Any], decimals: int) -> list[str]:
    shape = row["shape"] or ""
    return [
        _time(row["time"]), row["label"] or NOTHING, _COLOUR[row["color"]] + (", failed 2" * row["failed2"]), shape,
        row["pattern"] or "", _kind(row), *_levels(row, decimals), _ladder(row, decimals),
    ]  # fmt: skip


def say_setups(source: FileBars, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print setups with their levels and what became of them."""
    if not rows:
        say(f"{_title(source, 'setups')}: none; the last bar has no label")
        return
    print_table(
        _title(source, "setups"),
        _SETUP_COLUMNS,
        [
            [
                _time(row["time"]), row["pattern"], _kind(row), *_levels(row, source.decimals),
                _ladder(row, source.decimals), _time(row["valid_until"]),
                row["state"] + ", order unknown" * row["ambiguous"], _price(row["fill"], source.decimals),
            ]
            for row in rows
        ],
    )  # fmt: skip
    say(f"{len(rows)} setups = " + " + ".join(f"{state} {number}" for state, number in counted(rows).items()))


def say_standings(found: Sequence[Standing], asked: Sequence[Timeframe], method: str) -> None:
    """Print the continuity of symbols, one column a timeframe."""
    columns = [
        Column("Symbol"),
        Column("As of", drop=2),
        *(Column(timeframe.text) for timeframe in asked),
        Column("State"),
        Column("Long", numeric=True),
        Column("Short", numeric=True),
        Column("Net", numeric=True, drop=1),
        Column("Facts", numeric=True, drop=3),
    ]
    rows = []
    for each in found:
        own = each.continuity
        sides = [SIDE_TEXT[own.side_of[timeframe.text]] for timeframe in asked]
        scores = [NOTHING if own.score(side) is None else f"{own.aligned(side)}/{own.asked}" for side in (1, -1)]
        rows.append(
            [
                each.symbol, _time(each.facts()["time"]), *sides, own.state.value, *scores, f"{own.net:+d}",
                str(own.distinct_opens) if method == "opens" else NOTHING,
            ]
        )  # fmt: skip
    print_table(f"Continuity by {'opens' if method == 'opens' else 'bar type'}", columns, rows)
    missing = {name for each in found for name in each.continuity.missing}
    if missing:
        say(f"unknown: no file holds the beginning of the current bar of {', '.join(sorted(missing))}")


def say_breaks(facts: Mapping[str, Any]) -> None:
    """Print which symbols of a basket broke."""
    columns = (Column("Direction"), Column("Symbols", numeric=True), Column("Share", numeric=True), Column("Which"))
    rows = [
        [name, str(side["count"]), f"{side['pct']:.0%}", ", ".join(side["symbols"]) or NOTHING]
        for name, side in (("up", facts["up"]), ("down", facts["down"]))
    ]
    print_table(f"Breaks of the bar of {_time(facts['time'])}", columns, rows)
    parts = [f"{facts['with_data']} symbols with data"]
    if facts["without_data"]:
        parts.append(f"no current bar: {', '.join(facts['without_data'])}")
    parts.append("simultaneous" if facts["label_80"] else "not simultaneous (less than 80 %)")
    say("; ".join(parts))


def say_map(facts: Mapping[str, Any]) -> None:
    """Print what stands around the last bar."""
    say(f"Around the bar of {_time(facts['time'])}")
    for gun in facts["machine_guns"]:
        ladder = ", ".join(map(str, gun["ladder"]))
        say(f"  machine gun, {gun['direction']}: {gun['pivots']} pivots beyond {gun['trigger']}: {ladder}")
    for gun in facts["consumed"]:
        taken, remaining = (", ".join(map(str, gun[name])) or "none" for name in ("taken", "remaining"))
        say(f"  machine gun, {gun['direction']}, fired: took {taken}; left {remaining}")
    shape = facts["broadening"]
    if shape is not None:
        said = "broadening" if shape["is_broadening"] else "not broadening"
        say(f"  {said}: line of highs at {shape['upper']}, line of lows at {shape['lower']}")
    compound = facts["compound_outside"]
    if compound is not None:
        say(f"  compound outside bar of {_time(compound['outside_of'])}")
    if not facts["machine_guns"] and not facts["consumed"] and shape is None and compound is None:
        say("  nothing: no run of pivots, and not enough confirmed swings")


def _title(source: FileBars, what: str) -> str:
    return f"{source.bars.symbol} {source.bars.timeframe}, {what}"


def _time(text: str) -> str:
    return text[:10] if text.endswith("T00:00:00Z") else f"{text[:10]} {text[11:16]}Z"


def _kind(row: Mapping[str, Any]) -> str:
    return (row["kind"] or "").replace("_", " ")


def _levels(row: Mapping[str, Any], decimals: int) -> list[str]:
    blank = "" if row["pattern"] is None else NOTHING
    return [_price(row[name], decimals) or blank for name in ("trigger", "stop", "magnitude")]


def _price(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:,.{decimals}f}"


def _ladder(row: Mapping[str, Any], decimals: int) -> str:
    shown = [_price(level, decimals) for level in row["ladder"] if level != row["magnitude"]]
    return " ".join(shown[:3]) + (f" +{len(shown) - 3}" if len(shown) > 3 else "")
