"""`atlas explain metric`: what a figure means, how it is computed, and what it is in a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.kept import complete_run, open_run
from atlas_core.cli.tables import Column, print_json, print_table, say, say_wrapped

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from atlas_core.report.metric import Metric

COLUMNS = (Column("Name"), Column("What"), Column("Unit", drop=2), Column("Better", drop=3), Column("Formula", drop=1))


def _complete_metric(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del ctx, param
    from click.shell_completion import CompletionItem

    from atlas_core.report.catalogue import metric_names

    return [CompletionItem(name) for name in metric_names() if name.startswith(incomplete)]


@click.command(short_help="Say what a metric means and how it is computed.")
@click.argument("name", required=False, shell_complete=_complete_metric)
@click.option("--run", "run_id", metavar="RUN", shell_complete=complete_run, help="Show what it is in this run.")
@click.option("--markdown", is_flag=True, help="Print the whole reference as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def metric(ctx: click.Context, /, name: str | None, run_id: str | None, markdown: bool, as_json: bool) -> None:
    """Say what the metric NAME means, such as profit_factor: formula, unit, and when there is none.

    Without a name: list them all.
    """
    from atlas_core.report.catalogue import METRICS, metric_named

    if markdown:
        from atlas_core.report.metric_page import metric_page

        sys.stdout.write(metric_page())
        return
    chosen = METRICS if name is None else (metric_named(name),)
    values = _values(ctx, chosen, run_id) if run_id else None
    if as_json:
        facts = [_facts(each) | ({} if values is None else {"value": values[each.name]}) for each in chosen]
        print_json(facts[0] if name else facts)
    elif name is None:
        print_table("Metrics", COLUMNS, [_cells(each) for each in chosen])
    else:
        _print_one(chosen[0], values)


def _values(ctx: click.Context, chosen: tuple[Metric, ...], run_id: str) -> dict[str, float | None]:
    from atlas_core.report.catalogue import metric_values

    return metric_values(open_run(ctx, run_id).report().results, [each.name for each in chosen])


def _facts(metric: Metric) -> dict[str, Any]:
    names = ("name", "title", "unit", "better", "formula", "edges", "source")
    return {name: getattr(metric, name) for name in names}


def _cells(metric: Metric) -> list[str]:
    return [metric.name, metric.title, metric.unit.value, metric.better.value, metric.formula]


def _print_one(metric: Metric, values: dict[str, float | None] | None) -> None:
    pairs = [
        ("Unit", metric.unit.value), ("Better", metric.better.value), ("Formula", metric.formula),
        ("Edges", metric.edges), ("Source", metric.source),
    ]  # fmt: skip
    if values is not None:
        pairs.append(("In this run", metric.written(values[metric.name])))
    width = max(len(name) for name, _ in pairs)
    say(f"{metric.name} · {metric.title}")
    for name, text in pairs:
        say_wrapped(f"  {name.ljust(width)}  {text}", indent=width + 4)
