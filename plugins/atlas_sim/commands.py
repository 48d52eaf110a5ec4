"""`atlas sim`: look at the synthetic market without a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from atlas_core import parse_timeframe, read_moment, to_datetime
from atlas_sim.options import SimOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_core import Moment, Timeframe


def _read_timeframe(_context: click.Context, _parameter: click.Parameter, value: str) -> Timeframe:
    try:
        return parse_timeframe(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_day(_context: click.Context, _parameter: click.Parameter, value: str) -> Moment:
    try:
        day = read_moment(value)
        SimOptions(start=day)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return day


@click.group()
def sim() -> None:
    """Look at the synthetic market."""


@sim.command()
@click.option("--symbol", required=True, help="A listed symbol, such as BTC-PERP.")
@click.option("--days", type=click.IntRange(1, 3_660), default=1, show_default=True, help="Length in days.")
@click.option("--start", callback=_read_day, default="2026-01-05", show_default=True, help="First day (UTC).")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the market.")
@click.option("--timeframe", callback=_read_timeframe, default="1m", show_default=True, help="Length of a bar.")
def bars(symbol: str, days: int, start: Moment, seed: int, timeframe: Timeframe) -> None:
    """Write the bars of one symbol as CSV; the provider `files` reads them back."""
    for line in _lines(symbol, days, start, seed, timeframe):
        click.echo(line)


def _lines(symbol: str, days: int, start: Moment, seed: int, timeframe: Timeframe) -> Iterator[str]:
    import numpy as np

    from atlas_core import resample
    from atlas_sim.market import Market
    from atlas_sim.provider import bars_of_tape, require_listed

    require_listed([symbol])
    market = Market(seed, *SimOptions(start=start, days=days).span())
    tape = market.tape(symbol)
    made = resample(bars_of_tape(tape, market.start, market.end), timeframe)
    last_minute = np.searchsorted(tape.opened_at, made.available_at) - 1
    columns = (*made.prices(), tape.spread[last_minute] * float(made.tick_size))
    digits = -int(made.tick_size.as_tuple().exponent)
    yield "ts,open,high,low,close,volume,spread"
    for row, opened_at in enumerate(made.opened_at.tolist()):
        moment = to_datetime(opened_at).strftime("%Y-%m-%dT%H:%M:%SZ")
        o, h, low, c, spread = (f"{column[row]:.{digits}f}" for column in columns)
        yield f"{moment},{o},{h},{low},{c},{made.volume[row]:.10g},{spread}"
