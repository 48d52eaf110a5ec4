"""`atlas pnl`: what a run earned, by anything that its trades have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from atlas_core.cli.kept import complete_run, open_run
from atlas_core.cli.tables import money, print_json, say, say_parts, say_wrapped, signed

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from atlas_core.report.groups import Group
    from atlas_core.report.summary import Report

DEFAULT = ("pattern",)
LEGEND = (
    "Each and R each are the mean result of a trade, in money and in multiples of its risk (R). MAE and MFE are the "
    "means of the furthest that the price went against and for a position, in R and in % of the entry."
)


def _complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del ctx, param
    from click.shell_completion import CompletionItem

    from atlas_core.report.groups import GROUPINGS

    return [CompletionItem(name) for name in GROUPINGS if name.startswith(incomplete)]


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]", shell_complete=complete_run)
@click.option(
    "--by",
    "names",
    multiple=True,
    default=DEFAULT,
    show_default=True,
    metavar="NAME",
    shell_complete=_complete_name,
    help="pattern, setup, timeframe, direction, score, symbol, exit, hour, weekday, day, week, month, the label of a "
    "gate (by the value it recorded) or a column of the scanner; repeat it to split further.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def pnl(ctx: click.Context, run_id: str | None, names: tuple[str, ...], as_json: bool) -> None:
    """Show what a run earned, by pattern, timeframe, direction, score or anything else that its trades share."""
    from atlas_core.cli.key_figures import print_terms
    from atlas_core.cli.results import banner, print_group, print_legs, say_header, span_line
    from atlas_core.report.export import EXIT_COLUMNS, group_rows, json_rows
    from atlas_core.report.groups import groups_by
    from atlas_core.report.summary import report_of

    kept = open_run(ctx, run_id)
    report = report_of(kept.records)
    grouping, groups = groups_by(report.trades, names)
    if as_json:
        facts = {"run_id": kept.run.run_id, "mode": kept.run.mode, "synthetic": kept.run.synthetic}
        answer = {"by": list(names), "groups": group_rows(groups), "total": group_rows([report.total])[0]}
        answer |= {"exits": json_rows(EXIT_COLUMNS, report.exits)}
        print_json(facts | {"journal_digest": kept.digest} | answer)
        return
    say_header(banner(report.started, kept.run))
    say_parts(span_line(report))
    say_parts(_money_line(report))
    say()
    print_group(f"Closed trades by {' and '.join(names)}", grouping.heading, groups, report.total)
    print_legs(report.trades, report.price_decimals)
    print_terms(report)
    _print_end(groups)


def _money_line(report: Report) -> str:
    figures = report.figures
    open_part = figures.equity - figures.starting_cash - figures.net
    return (
        f"Closed trades {signed(figures.net)} · open P&L and costs {signed(open_part)} · "
        f"fees {money(figures.fees)} · funding {money(figures.funding)} · costs in all {money(figures.costs.total)} · "
        f"equity {money(figures.equity)}"
    )


def _print_end(groups: tuple[Group, ...]) -> None:
    if groups:
        say_wrapped(f"Note   {LEGEND}", indent=7)
    else:
        say("no trade was closed")
