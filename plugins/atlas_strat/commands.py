"""`atlas strat`: the method on files, without a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from atlas_core import TradingSession, parse_timeframe, print_json, read_moment
from atlas_strat.vocabulary import FailedTwo, StopMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_core import Moment, Timeframe
    from atlas_strat.reading import Source

_TABLE_BARS = 30
_USUAL_TIMEFRAMES = {TradingSession.US_EQUITIES: "1M,1w,1d,1h", TradingSession.ALWAYS: "1w,1d,4h,1h,15m"}


def _timeframe(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Timeframe | None:
    if value is None:
        return None
    try:
        return parse_timeframe(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _timeframes(context: click.Context, parameter: click.Parameter, value: str | None) -> list[Timeframe] | None:
    if value is None:
        return None
    found = [_timeframe(context, parameter, text.strip()) for text in value.split(",")]
    return [timeframe for timeframe in found if timeframe is not None]


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Moment | None:
    try:
        return None if value is None else read_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _zone(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return ZoneInfo(value).key if value else ""
    except (KeyError, ValueError, OSError):
        raise click.BadParameter(f'expected a zone such as "America/New_York" or "UTC", was {value!r}') from None


def _file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what all commands ask about a file."""
    for add in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--strict", is_flag=True, help="Refuse a file with rows that are no bars, instead of skipping them."
        ),
        click.option(
            "--zone",
            callback=_zone,
            default="",
            help="Zone of times that name none; New York for us-equities, else UTC.",
        ),
        click.option(
            "--session",
            type=click.Choice([session.value for session in TradingSession]),
            default=TradingSession.ALWAYS.value,
            show_default=True,
            help="When the market trades: where bars begin and end.",
        ),
    ):
        command = add(command)
    return command


_one_timeframe = click.option("--timeframe", callback=_timeframe, help="Length of a bar; that of the file without it.")
_last = click.option("--last", type=click.IntRange(0), help="Only the last bars; 0 for all.")
_stop_mode = click.option(
    "--stop-mode",
    type=click.Choice([mode.value for mode in StopMode]),
    default=StopMode.SETUP_BAR.value,
    show_default=True,
    help="Where the stop stands.",
)


def _source(file: str, settings: dict[str, Any]) -> Source:
    from atlas_strat.reading import Source

    return Source(Path(file), TradingSession(settings["session"]), settings["zone"], settings["strict"])


@click.group()
def strat() -> None:
    """Look at files through the STRAT: labels, setups, continuity, breaks.

    A file is what the provider `files` reads: CSV, CSV.gz, Parquet or Feather.
    Exit codes: 2 wrong use, 4 a file that is missing, dirty or too coarse.
    """


@strat.command()
@click.argument("file")
@_one_timeframe
@_last
@_stop_mode
@click.option(
    "--failed-two",
    type=click.Choice([mode.value for mode in FailedTwo]),
    default=FailedTwo.OPEN.value,
    show_default=True,
    help="When a 2 counts as failed.",
)
@click.option("--open-tells", is_flag=True, help="Let an open outside the prior range tell the direction of a 3 first.")
@_file_options
def label(
    file: str,
    timeframe: Timeframe | None,
    last: int | None,
    stop_mode: str,
    failed_two: str,
    open_tells: bool,
    **settings: Any,
) -> None:
    """Label every bar of FILE and name what it completed."""
    from atlas_strat.reading import read_file
    from atlas_strat.reports import LabelReport
    from atlas_strat.screens import say_labels

    source = read_file(_source(file, settings), timeframe)
    report = LabelReport(source, StopMode(stop_mode), FailedTwo(failed_two), open_tells=open_tells)
    if settings["as_json"]:
        print_json(report.rows(last or None))
        return
    say_labels(source, report.rows(_TABLE_BARS if last is None else last or None))


@strat.command()
@click.argument("file")
@_one_timeframe
@click.option(
    "--last", type=click.IntRange(0), default=1, show_default=True, help="Setups of the last bars; 0 for all."
)
@_stop_mode
@_file_options
def setups(file: str, timeframe: Timeframe | None, last: int, stop_mode: str, **settings: Any) -> None:
    """Show the setups that the last bar of FILE armed, and what became of them.

    A setup lives for exactly one bar. Where FILE holds finer bars than the timeframe, they tell how far it is in its
    life, and what came first.
    """
    from atlas_strat.reading import read_file
    from atlas_strat.reports import SetupReport
    from atlas_strat.screens import say_setups

    if StopMode(stop_mode).needs_entry_bar:
        raise click.UsageError(f"--stop-mode {stop_mode} is known only when the bar after the setup is; use `label`")
    source = read_file(_source(file, settings), timeframe)
    rows = SetupReport(source, StopMode(stop_mode)).rows(last or None)
    if settings["as_json"]:
        print_json(rows)
        return
    say_setups(source, rows)


@strat.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--timeframes", callback=_timeframes, help="Timeframes that are asked, longest first, with commas.")
@click.option("--timeframe", "timeframe", callback=_timeframes, help="The same.", hidden=True)
@click.option(
    "--method", type=click.Choice(["opens", "bar_type"]), default="opens", show_default=True, help="What votes."
)
@click.option("--at", callback=_moment, help="As of this time (UTC); the end of the data without it.")
@_file_options
def continuity(
    files: Sequence[str],
    timeframes: list[Timeframe] | None,
    timeframe: list[Timeframe] | None,
    method: str,
    at: Moment | None,
    **settings: Any,
) -> None:
    """Show on which side of its open each timeframe trades.

    A FILE may be written SYMBOL=FILE; files of one symbol complete each other, such as days beside minutes.
    """
    from atlas_core import grid_of
    from atlas_strat.reading import on_grid
    from atlas_strat.screens import say_standings
    from atlas_strat.standing import standing

    session = TradingSession(settings["session"])
    usual = [parse_timeframe(text) for text in _USUAL_TIMEFRAMES[session].split(",")]
    asked = timeframes or timeframe or usual
    found = [
        standing(
            symbol,
            [on_grid(_source(path, settings)) for path in paths],
            asked,
            grid_of(session),
            by_bar_type=method == "bar_type",
            at=at,
        )
        for symbol, paths in _by_symbol(files).items()
    ]
    if settings["as_json"]:
        print_json([each.facts() for each in found])
        return
    say_standings(found, asked, method)


def _by_symbol(files: Sequence[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for file in files:
        name, mark, path = file.partition("=")
        symbol, path = (name, path) if mark and not Path(file).exists() else (Path(file).name.split(".")[0], file)
        grouped.setdefault(symbol, []).append(path)
    return grouped


@strat.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_one_timeframe
@click.option("--strict-setup-bar", is_flag=True, help="Count only inside bars and 2s that showed the turn.")
@_file_options
def breaks(files: Sequence[str], timeframe: Timeframe | None, strict_setup_bar: bool, **settings: Any) -> None:
    """Show how many FILEs broke a setup bar in the same direction with their newest bar."""
    from atlas_strat.breaks import simultaneous_breaks
    from atlas_strat.reading import read_file
    from atlas_strat.reports import breaks_facts, current_bars
    from atlas_strat.screens import say_breaks

    read = {symbol: read_file(_source(path, settings), timeframe) for symbol, path in _each_once(files).items()}
    newest, basket = current_bars({symbol: source.bars for symbol, source in read.items()})
    facts = breaks_facts(newest, basket, simultaneous_breaks(basket, strict_setup_bar=strict_setup_bar))
    if settings["as_json"]:
        print_json(facts)
        return
    say_breaks(facts)


def _each_once(files: Sequence[str]) -> dict[str, str]:
    grouped = _by_symbol(files)
    twice = [symbol for symbol, paths in grouped.items() if len(paths) > 1]
    if twice:
        raise click.UsageError(f"expected one file for each symbol, was more for {', '.join(twice)}")
    return {symbol: paths[0] for symbol, paths in grouped.items()}


@strat.command("map")
@click.argument("file")
@_one_timeframe
@click.option("--pivots", type=click.IntRange(2), default=5, show_default=True, help="Pivots that make a machine gun.")
@click.option(
    "--swing-width", type=click.IntRange(1), default=2, show_default=True, help="Bars on each side of a swing."
)
@_file_options
def map_(file: str, timeframe: Timeframe | None, pivots: int, swing_width: int, **settings: Any) -> None:
    """Show what stands around the last bar of FILE: pivots, broadening formation."""
    from atlas_strat.reading import read_file
    from atlas_strat.reports import map_of
    from atlas_strat.screens import say_map

    facts = map_of(read_file(_source(file, settings), timeframe), pivots, swing_width)
    if settings["as_json"]:
        print_json(facts)
        return
    say_map(facts)
