"""What chance and higher costs would have made of the trades of a run, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_core.cli.formats import number, percent
from atlas_core.cli.tables import Column, print_table, say, say_wrapped
from atlas_core.report.key_figures import or_not

if TYPE_CHECKING:
    from atlas_core.report.distributions import Fan
    from atlas_core.report.robustness import CostCase
    from atlas_core.report.summary import Report

COSTS = (
    Column("Costs but funding"), Column("Costs", numeric=True), Column("Net P&L", numeric=True),
    Column("Each", numeric=True), Column("PF", numeric=True), Column("Win %", numeric=True),
)  # fmt: skip
CHANCE = (
    Column("Results"), Column("Below start", numeric=True), Column("Worst 5 %", numeric=True, drop=1),
    Column("Median end", numeric=True), Column("Best 5 %", numeric=True, drop=2), Column("Drawdown", numeric=True),
    Column("1 in 20 deeper", numeric=True),
)  # fmt: skip


def print_robustness(report: Report) -> None:
    """Print the trade list at a multiple of its costs, and what chance makes of it."""
    from atlas_core.report.robustness import SAME_TRADES, chance, cost_sensitivity

    rows = [cost_cells(case) for case in cost_sensitivity(report.results.trades)]
    print_table("If costs were higher: recomputed on the list of trades", COSTS, rows)
    say_wrapped(f"Note   {SAME_TRADES}", indent=7)
    say()
    fans = chance(report.results)
    if fans:
        print_table("What chance makes of the trades, 1,000 accounts each", CHANCE, [fan_cells(*row) for row in fans])
        say()


def cost_cells(case: CostCase) -> list[str]:
    """Return the cells of one factor of the costs in the order of `COSTS`."""
    money = [or_not(number(value, sign=True)) for value in (-case.costs, case.net, case.expectancy)]
    rate = None if case.win_rate is None else case.win_rate * 100
    return [f"x {case.factor:g}", *money, or_not(number(case.profit_factor)), or_not(number(rate, 1))]


def fan_cells(title: str, fan: Fan) -> list[str]:
    """Return the cells of one way to ask chance in the order of `CHANCE`."""
    low, _, middle, _, high = (path[-1] for path in fan.paths)
    return [
        title, percent(fan.worse_than_start, 1), number(low), number(middle), number(high),
        percent(-fan.drawdown_median), percent(-fan.drawdown_95),
    ]  # fmt: skip
