"""What the commands of `atlas data` read from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atlas_core.errors import UsageError

if TYPE_CHECKING:
    from atlas_core.barfiles.form import Repair
    from atlas_core.barstore.keys import PriceKind
    from atlas_core.model.timeframe import Timeframe

SOURCE_HELP = "Name of where the bars came from."
Command = TypeVar("Command", bound=Callable[..., Any])


def choosing(command: Command) -> Command:
    """Add what chooses series: symbols as arguments, and options for the rest of what names one."""
    for added in reversed(
        (
            click.argument("symbols", nargs=-1, metavar="[SYMBOL]..."),
            click.option("--timeframe", metavar="TF", help="Only this timeframe, such as 1m."),
            click.option("--source", metavar="NAME", help="Only bars of this source."),
            click.option("--price", metavar="KIND", help="Only these prices: trade, mark, index or funding."),
        )
    ):
        command = added(command)
    return command


def read_timeframe(text: str | None) -> Timeframe | None:
    """Return a timeframe, None for none; raises UsageError."""
    from atlas_core.model.timeframe import parse_timeframe

    try:
        return None if text is None else parse_timeframe(text)
    except ValueError as fault:
        raise UsageError(str(fault)) from None


def read_price(text: str | None) -> PriceKind | None:
    """Return a kind of prices, None for none; raises UsageError."""
    from atlas_core.barstore.keys import PriceKind

    if text is None:
        return None
    if text not in list(PriceKind):
        raise UsageError(f"expected prices of {', '.join(PriceKind)}, was {text!r}")
    return PriceKind(text)


def read_repairs(texts: Sequence[str]) -> frozenset[Repair]:
    """Return the repairs of `sort,dedupe`; raises UsageError for one that is unknown, or two that contradict."""
    from atlas_core.barfiles.form import Repair

    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(Repair)]
    if unknown:
        known = "\n".join(f"  {repair:<13} {repair.means}" for repair in Repair)
        raise UsageError(f"expected --repair with some of these, was {', '.join(unknown)}:\n{known}")
    repairs = frozenset(Repair(name) for name in names)
    if {Repair.KEEP_FIRST, Repair.KEEP_LAST} <= repairs:
        raise UsageError(f"{Repair.KEEP_FIRST} contradicts {Repair.KEEP_LAST}")
    return repairs


def read_columns(texts: Sequence[str]) -> dict[str, str]:
    """Return the columns of `time=unix,volume=`; raises UsageError."""
    roles = ("time", "open", "high", "low", "close", "volume")
    pairs = dict(part.partition("=")[::2] for text in texts for part in text.split(",") if part.strip())
    columns = {role.strip(): name.strip() for role, name in pairs.items()}
    if not set(columns) <= set(roles) or not all("=" in part for text in texts for part in text.split(",")):
        raise UsageError(
            f"expected --columns such as time=unix,volume=#6 for {', '.join(roles)}, was {' '.join(texts)!r}"
        )
    return columns


def read_only(texts: Sequence[str]) -> dict[str, str]:
    """Return the columns and values of `Name=AAPL`; raises UsageError."""
    pairs = dict(text.partition("=")[::2] for text in texts)
    if not all(pairs.keys()) or not all("=" in text for text in texts):
        raise UsageError(f"expected --only COLUMN=VALUE such as Name=AAPL, was {' '.join(texts)!r}")
    return pairs


def read_span(timerange: str | None, start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Return the first and the last time in nanoseconds UTC, None for an open end; raises UsageError."""
    from atlas_core.cli.run import read_timerange
    from atlas_core.options import read_moment

    if timerange is not None:
        if start or end:
            raise UsageError("--timerange contradicts --from and --to")
        start, end = read_timerange(timerange)
    try:
        first, last = (None if text is None else read_moment(text) for text in (start, end))
    except ValueError as fault:
        raise UsageError(str(fault)) from None
    if first is not None and last is not None and last <= first:
        raise UsageError(f"expected a time range that ends after it begins, was {start} to {end}")
    return first, last
