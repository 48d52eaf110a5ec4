"""What a person asks to see of a result beside its own figures: breakdowns, and what others would have reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from attrs import fields, frozen

from atlas_core.report.peers import PEERS

Command = TypeVar("Command", bound=Callable[..., Any])
BREAKDOWNS = ("day", "week", "month", "weekday", "hour")
MOST_RATE_PCT = 100


@frozen(kw_only=True)
class View:
    """What is shown of a result; `risk_free_pct` is the yearly rate in percent that ratios are measured from."""

    all_rows: bool = False
    breakdown: tuple[str, ...] = ()
    metrics_compat: tuple[str, ...] = ()
    robustness: bool = False
    risk_free_pct: float = 0.0

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> View:
        """Return the view that options of a command ask for, and take them out of there."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls) if field.name in options})

    @property
    def risk_free(self) -> float:
        """Return the yearly rate as a fraction."""
        return self.risk_free_pct / 100


def view_options(command: Command) -> Command:
    """Add the options of a view."""
    for option in reversed(
        (
            click.option("--all", "all_rows", is_flag=True, help="Show every row."),
            click.option(
                "--breakdown",
                type=click.Choice(BREAKDOWNS),
                multiple=True,
                help="Add a table by the day, week or month of closing, or the weekday or hour of opening; repeatable.",
            ),
            click.option(
                "--metrics-compat",
                type=click.Choice(list(PEERS)),
                multiple=True,
                help="Add what another system would have reported, by its own definitions; repeatable.",
            ),
            click.option(
                "--robustness", is_flag=True, help="Add what higher costs and chance would have made of the trades."
            ),
            click.option(
                "--risk-free-pct",
                type=click.FloatRange(-MOST_RATE_PCT, MOST_RATE_PCT),
                default=0.0,
                show_default=True,
                help="Yearly risk-free rate in percent for Sharpe and Sortino.",
            ),
        )
    ):
        command = option(command)
    return command
