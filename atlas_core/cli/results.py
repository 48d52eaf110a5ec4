"""The screens of one run: key figures, trades, groups, refusals, notes. Values come from `atlas_core.report`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas_core import __version__
from atlas_core.cli.formats import NOTHING, held, number, price
from atlas_core.cli.key_figures import print_key_figures, print_peers
from atlas_core.cli.robustness_screen import print_robustness
from atlas_core.cli.tables import (
    Column,
    Table,
    fold_parts,
    money,
    percent,
    print_table,
    print_tables,
    say,
    say_parts,
    say_wrapped,
    signed,
    terminal_width,
    when,
)
from atlas_core.cli.viewing import View
from atlas_core.model.timeframe import DAY
from atlas_core.report.correlation import correlations
from atlas_core.report.evidence import NOTHING_KNOWN, Evidence
from atlas_core.report.export import cells_of, pieces_of
from atlas_core.report.groups import GROUPINGS, group_at, grouped
from atlas_core.report.writing import NOT_THERE
from atlas_core.runs import Mode, RunInfo

if TYPE_CHECKING:
    from atlas_core.model.records import RunStarted
    from atlas_core.report.equity import Drawdown, EquityPoint
    from atlas_core.report.groups import Group
    from atlas_core.report.legs import ExitLeg
    from atlas_core.report.signals import Refusal
    from atlas_core.report.summary import Report
    from atlas_core.report.trades import OpenRow, TradeRow

TERMINAL_ROWS = 25
MOST_DRAWDOWNS = 3
PLAIN = View()

TRADES = (
    Column("#", numeric=True),
    Column("Symbol"),
    Column("Setup", drop=1),
    Column("TF", drop=2),
    Column("Side", drop=1),
    Column("Opened", numeric=True, drop=4),
    Column("Held", numeric=True, drop=3),
    Column("Quantity", numeric=True, drop=7),
    Column("Entry", numeric=True, drop=1),
    Column("Exit", numeric=True, drop=1),
    Column("Why closed"),
    Column("Gross", numeric=True, drop=9),
    Column("Fees", numeric=True, drop=8),
    Column("Funding", numeric=True, drop=9),
    Column("Costs", numeric=True, drop=9),
    Column("Net P&L", numeric=True),
    Column("R", numeric=True, drop=2),
)
POSITIONS = (
    Column("#", numeric=True),
    Column("Symbol"),
    Column("Side"),
    Column("Quantity", numeric=True, drop=2),
    Column("Opened", numeric=True, drop=4),
    Column("Entry", numeric=True),
    Column("Mark", numeric=True, drop=3),
    Column("Stop", numeric=True, drop=1),
    Column("Target", numeric=True, drop=2),
    Column("Funding", numeric=True, drop=5),
    Column("Open P&L", numeric=True),
    Column("R", numeric=True, drop=3),
)
GROUPS = (
    Column("Trades", numeric=True),
    Column("Won", numeric=True, drop=6),
    Column("Win %", numeric=True),
    Column("Net P&L", numeric=True),
    Column("PF", numeric=True, drop=1),
    Column("Each", numeric=True, drop=3),
    Column("R", numeric=True, drop=5),
    Column("R each", numeric=True, drop=2),
    Column("MAE R", numeric=True, drop=4),
    Column("MFE R", numeric=True, drop=4),
    Column("MAE %", numeric=True, drop=7),
    Column("MFE %", numeric=True, drop=7),
)
COMPACT = ("Trades", "Win %", "Net P&L", "PF")
COMPACT_WIDE = (*COMPACT, "R each")
DRAWDOWNS = (
    Column("#", numeric=True), Column("Depth", numeric=True), Column("From", numeric=True),
    Column("Lowest", numeric=True), Column("Recovered", numeric=True), Column("Days", numeric=True),
)  # fmt: skip
LEGS = (
    Column("#", numeric=True),
    Column("Symbol", drop=1),
    Column("Closed", numeric=True, drop=2),
    Column("Quantity", numeric=True),
    Column("Price", numeric=True),
    Column("Rule"),
    Column("Why", drop=3),
    Column("Gross", numeric=True),
    Column("Fees", numeric=True, drop=4),
)
REFUSALS = (Column("Outcome"), Column("By"), Column("Signals", numeric=True), Column("Such as", drop=1))


def market_words(synthetic: bool, seed: int) -> str:
    """Return what kind of market it was; a synthetic one says so on every screen."""
    return f"synthetic market seed {seed} · no keys or network" if synthetic else "real market data"


def header(profile: str, mode: Mode, synthetic: bool, seed: int, run_id: str = "") -> str:
    """Return the first line of every screen of a run."""
    run = [f"run {run_id}"] if run_id else []
    return " · ".join(
        [f"atlas {__version__}", *run, f"profile {profile}", mode.word.upper(), market_words(synthetic, seed)]
    )


def banner(started: RunStarted, run: RunInfo | None) -> str:
    """Return the header of a run that is kept."""
    return header(started.profile, Mode(started.mode), started.synthetic, started.seed, run.run_id if run else "")


def say_header(text: str) -> None:
    """Print a header; LIVE is red on a terminal."""
    if terminal_width() is None or " LIVE " not in text:
        say_parts(text)
        return
    from rich.console import Console
    from rich.text import Text

    line = Text("\n".join(fold_parts(text, terminal_width())))
    line.highlight_words(["LIVE"], style="bold white on red")
    Console(file=sys.stdout).print(line, soft_wrap=True)


def print_report(
    report: Report, run: RunInfo | None, view: View = PLAIN, *, evidence: Evidence = NOTHING_KNOWN,
    with_header: bool = True,
) -> None:  # fmt: skip
    """Print everything a person wants to know of a run; the trades of a back-test only when all rows are asked for."""
    if with_header:
        say_header(banner(report.started, run))
    say_parts(span_line(report))
    say()
    print_key_figures(report)
    print_peers(report, view.metrics_compat)
    if view.all_rows or report.started.mode != Mode.BACKTEST:
        print_trades(report, run, all_rows=view.all_rows)
    print_positions(report)
    print_groups(report, view)
    for name in view.breakdown:
        grouping = GROUPINGS[name]
        print_group(f"By {name}", grouping.heading, grouped(report.trades, grouping), report.total)
    print_drawdowns(report)
    if view.robustness:
        print_robustness(report)
    print_refusals(report.refusals)
    say_wrapped(report.sum_line, indent=2)
    print_notes(report, evidence)


def print_groups(report: Report, view: View) -> None:
    """Print the trades by what they have in common: two tables side by side where the terminal has room for both."""
    total, symbols = report.total, report.by_symbol if len(report.by_symbol) > 1 else ()
    pairs = (
        (("By setup", "Setup", report.by_setup), ("By exit", "Exit", report.by_exit)),
        (("By timeframe", "Timeframe", report.by_timeframe), ("By side", "Side", report.by_side)),
    )
    for first, second in pairs:
        if first[2] and any(
            print_tables(compact_table(*first, total, columns), compact_table(*second, total, columns))
            for columns in (COMPACT_WIDE, COMPACT)
        ):
            say()
            continue
        print_group(*first, total)
        print_group(*second, total)
    most = None if view.all_rows or terminal_width() is None else TERMINAL_ROWS
    print_group("By symbol", "Symbol", folded(symbols, report, most), total)
    correlated = correlations(report.results.trades, report.curve) if symbols else None
    if correlated is not None:
        say_wrapped(f"  Correlation of daily closed results: {correlated}", indent=4)
        say()


def folded(groups: Sequence[Group], report: Report, most: int | None) -> Sequence[Group]:
    """Return groups by symbol, the rows beyond `most` as one: the rows still add up to the total."""
    if most is None or len(groups) <= most:
        return groups
    shown = groups[: most - 1]
    names = {group.name for group in shown}
    trades = report.results.trades
    others = [place for place, symbol in enumerate(trades.names("symbol")) if symbol not in names]
    return (*shown, group_at(f"{len(groups) - len(shown)} others", trades, others))


def compact_table(title: str, heading: str, groups: Sequence[Group], total: Group, names: Sequence[str]) -> Table:
    """Return a table of groups with the named columns of `GROUPS` alone."""
    kept = [0, *(index for index, column in enumerate(GROUPS, start=1) if column.name in names)]
    columns = (Column(heading), *GROUPS)
    return Table(
        title,
        tuple(columns[index] for index in kept),
        [[cells[index] for index in kept] for cells in map(group_cells, groups)],
        [group_cells(total)[index] for index in kept],
    )


def span_line(report: Report) -> str:
    """Return the time, the symbols and the money of a run."""
    started = report.started
    days = f"{report.figures.days:,.1f} days"
    symbols = " ".join(started.symbols[:6]) + (f" and {len(started.symbols) - 6} more" * (len(started.symbols) > 6))
    start = f"{money(started.starting_cash)} {started.quote} start"
    return f"{when(started.ts)} to {when(report.ended_at)} ({days}) · {symbols} · {start}"


def print_trades(report: Report, run: RunInfo | None, *, all_rows: bool = False) -> None:
    """Print the closed trades; the last ones on a terminal, all on a pipe; the footer adds up all."""
    shown = _capped(report.trades, all_rows)
    rows = [trade_cells(trade, report.price_decimals) for trade in shown]
    print_table("Closed trades", TRADES, rows, footer=trade_footer(report))
    hidden = len(report.trades) - len(shown)
    if hidden:
        say(f"{hidden} earlier trades are not shown: atlas report {run.run_id if run else ''} --what trades --all")
    say()
    print_legs(shown, report.price_decimals)


def _capped(trades: Sequence[TradeRow], all_rows: bool) -> Sequence[TradeRow]:
    return trades if all_rows or terminal_width() is None else trades[-TERMINAL_ROWS:]


def trade_cells(trade: TradeRow, decimals: Mapping[str, int]) -> list[str]:
    """Return a trade's cells in the order of `TRADES`."""
    digits = decimals.get(trade.symbol)
    return [
        str(trade.trade_id),
        trade.symbol,
        trade.setup,
        trade.timeframe,
        trade.side.value,
        when(trade.opened_at),
        held(trade.held),
        price(trade.quantity.normalize()),
        price(trade.entry_price, digits),
        price(trade.exit_price, digits),
        _why_closed(trade),
        signed(trade.gross),
        money(trade.fees),
        money(trade.funding),
        money(trade.total_costs),
        signed(trade.net),
        number(trade.r_multiple, 1, sign=True),
    ]


def _why_closed(trade: TradeRow) -> str:
    """Return the rule that closed a trade, and how many exits it took where it was closed in parts."""
    why = trade.rule or trade.reason
    return f"{why}, {trade.exits} exits" if trade.exits > 1 else why


def print_legs(trades: Sequence[TradeRow], decimals: Mapping[str, int]) -> None:
    """Print the exits of the trades that were closed in parts, if any was."""
    rows = [leg_cells(leg, decimals) for trade in trades if trade.exits > 1 for leg in trade.legs]
    if rows:
        print_table("Exits of trades that were closed in parts", LEGS, rows)
        say()


def leg_cells(leg: ExitLeg, decimals: Mapping[str, int]) -> list[str]:
    """Return an exit's cells in the order of `LEGS`."""
    return [
        str(leg.trade_id), leg.symbol, when(leg.ts), price(leg.quantity.normalize()),
        price(leg.price, decimals.get(leg.symbol)), leg.rule, leg.reason, signed(leg.gross), money(leg.fee),
    ]  # fmt: skip


def trade_footer(report: Report) -> list[str]:
    """Return the totals of all closed trades in the order of `TRADES`."""
    figures, trades = report.figures, report.figures.trades
    gross = figures.net + figures.fees + figures.funding
    total_r = [trade.r_multiple for trade in report.trades if trade.r_multiple is not None]
    return [
        "", f"{trades.count} closed", *[""] * 8, f"{trades.wins} won, {trades.losses} lost", signed(gross),
        money(figures.fees), money(figures.funding), money(figures.costs.total), signed(figures.net),
        number(sum(total_r), 1, sign=True) if total_r else "",
    ]  # fmt: skip


def print_positions(report: Report) -> None:
    """Print what is still open, if anything is."""
    if not report.open_positions:
        return
    known = [row.unrealised for row in report.open_positions if row.unrealised is not None]
    total = signed(sum(known[1:], known[0])) if len(known) == len(report.open_positions) else NOTHING
    footer = ["", f"{len(report.open_positions)} open", *[""] * 8, total, ""]
    rows = [position_cells(row, report.price_decimals) for row in report.open_positions]
    print_table(f"Open positions, marks {when(report.ended_at)}", POSITIONS, rows, footer=footer)
    say()


def position_cells(row: OpenRow, decimals: Mapping[str, int]) -> list[str]:
    """Return an open position's cells in the order of `POSITIONS`."""
    digits = decimals.get(row.symbol)
    multiple = float(row.unrealised / row.initial_risk) if row.unrealised is not None and row.initial_risk else None
    return [
        str(row.trade_id), row.symbol, row.side.value, price(row.quantity.normalize()), when(row.opened_at),
        price(row.entry_price, digits), price(row.mark, digits), price(row.stop, digits), price(row.target, digits),
        money(row.funding), signed(row.unrealised), number(multiple, 1, sign=True),
    ]  # fmt: skip


def print_group(title: str, heading: str, groups: Sequence[Group], total: Group) -> None:
    """Print trades by something; the last line is all of them."""
    if not groups:
        return
    rows = [group_cells(group) for group in groups]
    print_table(title, (Column(heading), *GROUPS), rows, footer=group_cells(total))
    say()


def group_cells(group: Group) -> list[str]:
    """Return a group's cells: its name, then those in the order of `GROUPS`; what does not exist is n/a."""
    trades = group.figures
    rate = number(trades.win_rate * 100, 1) if trades.win_rate is not None else NOT_THERE
    factor = number(float(trades.profit_factor)) if trades.profit_factor is not None else NOT_THERE
    each = signed(trades.expectancy) if trades.expectancy is not None else NOT_THERE
    shares = (_or_not(group.r_total, 1), *(_or_not(value, 2) for value in _means(group)))
    return [group.name, str(trades.count), str(trades.wins), rate, signed(trades.net), factor, each, *shares]


def _means(group: Group) -> tuple[float | None, ...]:
    return group.expectancy_r, group.mae_r, group.mfe_r, group.mae_pct, group.mfe_pct


def _or_not(value: float | None, decimals: int) -> str:
    return NOT_THERE if value is None else number(value, decimals, sign=True)


def print_drawdowns(report: Report) -> None:
    """Print the deepest falls of the daily curve with their dates."""
    from atlas_core.report.periods import drawdowns

    falls = drawdowns(report.curve, MOST_DRAWDOWNS)
    if falls:
        rows = [drawdown_cells(place, fall, report.curve) for place, fall in enumerate(falls, start=1)]
        print_table("Deepest drawdowns, daily marks", DRAWDOWNS, rows)
        say()


def drawdown_cells(place: int, fall: Drawdown, curve: Sequence[EquityPoint]) -> list[str]:
    """Return a drawdown's cells in the order of `DRAWDOWNS`; one that goes on counts until the end."""
    from atlas_core.report.periods import marked_on

    start, end = curve[0].ts, curve[-1].ts
    peak, trough = fall.peak_at or start, fall.trough_at or end
    days = ((fall.recovered_at or end) - peak) / DAY
    recovered = marked_on(fall.recovered_at, curve) if fall.recovered_at else "not yet"
    return [
        str(place),
        percent(-fall.depth),
        marked_on(peak, curve),
        marked_on(trough, curve),
        recovered,
        f"{days:,.0f}",
    ]


def print_refusals(refusals: Sequence[Refusal]) -> None:
    """Print who stopped how many signals."""
    if not refusals:
        return
    rows = [[words(row.outcome), row.by or NOTHING, f"{row.count:,}", row.example] for row in refusals]
    footer = ["all", "", f"{sum(row.count for row in refusals):,}", ""]
    print_table("Signals that did not trade", REFUSALS, rows, footer=footer)
    say()


def words(name: str) -> str:
    """Return a state's name as words."""
    return name.replace("_", " ")


def print_notes(report: Report, evidence: Evidence) -> None:
    """Print what a reader should know before believing the figures."""
    from atlas_core.report.summary import notes_of

    for index, note in enumerate((*notes_of(report), *evidence.notes())):
        say_wrapped(f"{'Note   ' if index == 0 else '       '}{note}", indent=7)


def print_earlier(earlier: RunInfo, is_equal: bool) -> None:
    """Print how a run compares with an earlier one that was made of the same."""
    if is_equal:
        text = f"Same   record for record as run {earlier.run_id}, which was made of the same; it was run again"
    else:
        text = (
            f"Differs from run {earlier.run_id}, although profile, data, seed and version are the same: a plugin or "
            f"a package changed, or a part does not decide the same every time; see atlas reproduce {earlier.run_id}"
        )
    say_wrapped(text, indent=7)


def print_next(report: Report, run: RunInfo) -> None:
    """Print where the run is kept and what to do next; on a terminal only."""
    if terminal_width() is None:
        return
    states = (pair for piece in pieces_of(("key", "state"), report.signals) for pair in zip(*piece, strict=True))
    stopped = next((key for key, state in states if state == "refused"), None)
    hints: list[tuple[str, str]] = []
    if report.trades:
        hints.append(
            (f"atlas explain trade {cells_of('trade_id', report.trades)[-1]}", "why it was opened, sized and closed")
        )
    if stopped is not None:
        hints.append((f"atlas explain signal {stopped[:12]}", "why it was refused"))
    hints.append(("atlas report --open", "the whole report as a page"))
    say()
    say(f"Saved  run {run.run_id} · {run.directory}")
    width = max(len(command) for command, _ in hints)
    for index, (command, why) in enumerate(hints[:3]):
        say(f"{'Next   ' if index == 0 else '       '}{command.ljust(width)}  {why}")
