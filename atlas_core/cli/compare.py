"""`atlas compare`: metrics of runs side by side, and what of their profiles, data and versions differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from atlas_core.cli.formats import NOTHING, number, percent
from atlas_core.cli.kept import complete_run, open_run
from atlas_core.cli.manifests import Manifest, read_manifest
from atlas_core.cli.tables import Column, print_json, print_table, say, say_wrapped
from atlas_core.runs import RunInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_core.report.metric import Metric

DEFAULT = (
    "total_return", "cagr", "max_drawdown", "max_drawdown_days", "volatility", "sharpe", "sortino", "calmar", "trades",
    "win_rate", "profit_factor", "expectancy", "expectancy_r", "sqn", "time_in_market", "exposure", "turnover", "fees",
    "slippage", "funding",
)  # fmt: skip
LONGEST_VALUE = 40


@frozen(kw_only=True)
class Compared:
    """One run of several: its metrics by name, and what it was made of."""

    run: RunInfo
    values: dict[str, float | None]
    manifest: Manifest


@click.command()
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN RUN [RUN ...]", shell_complete=complete_run)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; repeatable.")
@click.option("--all", "all_metrics", is_flag=True, help="Every metric there is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def compare(
    ctx: click.Context, run_ids: tuple[str, ...], metrics: tuple[str, ...], all_metrics: bool, as_json: bool
) -> None:
    """Show the metrics of runs side by side with their differences from the first, and what differs in their making."""
    from atlas_core.report.catalogue import METRICS, metric_named

    if len(run_ids) < 2:
        raise click.UsageError("expected at least two runs to compare, was one")
    chosen = METRICS if all_metrics else tuple(metric_named(name) for name in metrics or DEFAULT)
    names = [metric.name for metric in chosen]
    compared = [_read(ctx, run_id, names) for run_id in run_ids]
    if as_json:
        print_json(_document(compared, chosen))
        return
    _print_metrics(compared, chosen)
    _print_configuration(compared)


def _read(ctx: click.Context, run_id: str, names: Sequence[str]) -> Compared:
    from atlas_core.report.catalogue import metric_values

    kept = open_run(ctx, run_id)
    manifest = read_manifest(kept.run) or {}
    return Compared(run=kept.run, values=metric_values(kept.report().results, names), manifest=manifest)


def _print_metrics(compared: Sequence[Compared], metrics: Sequence[Metric]) -> None:
    first, *others = compared
    columns = [Column("Metric"), Column(first.run.run_id, numeric=True)]
    for index, other in enumerate(others):
        columns += [Column(other.run.run_id, numeric=True), Column("Δ", numeric=True, drop=len(others) - index)]
    rows = []
    for metric in metrics:
        base = first.values[metric.name]
        cells = [metric.title, metric_text(metric, base)]
        for other in others:
            value = other.values[metric.name]
            cells += [metric_text(metric, value), metric_text(metric, difference(base, value), sign=True)]
        rows.append(cells)
    print_table("Metrics", columns, rows)
    say()


def difference(base: float | None, value: float | None) -> float | None:
    """Return by how much a value differs from the first run's, None where one of them does not exist."""
    return None if base is None or value is None else value - base


def metric_text(metric: Metric, value: float | None, *, sign: bool = False) -> str:
    """Return a metric's value with its unit as screens write it."""
    if value is None:
        return NOTHING if sign else "n/a"
    if metric.unit == "fraction":
        return percent(value, sign=sign)
    unit = {"days": " d", "hours": " h"}.get(metric.unit, "")
    return number(value, 0 if metric.unit == "count" else 1 if unit else 2, sign=sign) + unit


def _print_configuration(compared: Sequence[Compared]) -> None:
    first, *others = compared
    missing = [each.run.run_id for each in compared if not each.manifest.get("made_of")]
    if missing:
        say_wrapped(
            f"what differs is not known: no manifest of what they were made of for {', '.join(missing)}", indent=2
        )
        return
    rows = configuration_rows(compared)
    if rows:
        columns = [Column("Key"), *(Column(each.run.run_id) for each in compared)]
        print_table("Configuration", columns, [[_cut(cell) for cell in row] for row in rows])
        say()
    told = [(other, _others_than_values(first, other)) for other in others]
    for other, lines in told:
        for line in lines:
            say_wrapped(f"{other.run.run_id}: {line}", indent=2)
    if not rows and not any(lines for _, lines in told):
        say("profiles, data, plugins and versions are the same")


def configuration_rows(compared: Sequence[Compared]) -> list[list[str]]:
    """Return the keys whose values differ between runs, with the value of each run; `-` where one has none."""
    tables = [{row["key"]: row["value"] for row in each.manifest["made_of"]["configuration"]} for each in compared]
    keys = dict.fromkeys(key for table in tables for key in table)
    rows = [[key, *(table.get(key, "-") for table in tables)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _others_than_values(first: Compared, other: Compared) -> list[str]:
    from atlas_core.report.provenance import changes_between

    bare = {**other.manifest["made_of"], "configuration": first.manifest["made_of"]["configuration"]}
    return changes_between(first.manifest, {**other.manifest, "made_of": bare})


def _document(compared: Sequence[Compared], metrics: Sequence[Metric]) -> dict[str, Any]:
    first = compared[0]
    known = all(each.manifest.get("made_of") for each in compared)
    return {
        "runs": [each.run.run_id for each in compared],
        "metrics": [
            {
                "name": metric.name, "title": metric.title, "unit": metric.unit.value,
                "values": [each.values[metric.name] for each in compared],
                "differences": [difference(first.values[metric.name], each.values[metric.name]) for each in compared],
            }
            for metric in metrics
        ],
        "configuration": _rows_of(compared) if known else None,
        "changes": [_others_than_values(first, other) for other in compared[1:]] if known else None,
    }  # fmt: skip


def _rows_of(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    return [{"key": row[0], "values": row[1:]} for row in configuration_rows(compared)]
