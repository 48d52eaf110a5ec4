"""`atlas report`: the results of a kept run on the screen, or as a page, a card, Markdown, CSV and JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.evidence import evidence_of
from atlas_core.cli.formats import compact, price
from atlas_core.cli.kept import KeptRun, complete_run, open_run
from atlas_core.cli.tables import Column, money, percent, print_json, print_table, say, signed, terminal_width, when
from atlas_core.cli.viewing import View, view_options
from atlas_core.model.instrument import ZERO
from atlas_core.report import export

if TYPE_CHECKING:
    from atlas_core.report.catalogue import MetricRow
    from atlas_core.report.daily import DayRow
    from atlas_core.report.equity import EquityPoint
    from atlas_core.report.fills import FillRow
    from atlas_core.report.hindsight import Later
    from atlas_core.report.legs import ExitLeg
    from atlas_core.report.orders import OrderRow
    from atlas_core.report.signals import SignalRow
    from atlas_core.report.summary import Report

FORMATS = ("table", "html", "png", "md", "json", "csv")
PRINTED = ("table", "md", "json", "csv")
WHAT = ("summary", "trades", "exits", "signals", "refused", "orders", "fills", "events", "equity", "daily", "metrics")
WHOLE = ("equity", "daily", "metrics")
EVENT_COLUMNS = ("ts", "kind", "subject", "text")
SIGNALS = (
    Column("Signal"), Column("Detected", numeric=True, drop=5), Column("Symbol"), Column("TF", drop=3),
    Column("Setup", drop=2), Column("Side", drop=3), Column("Trigger", numeric=True, drop=4),
    Column("Stop", numeric=True, drop=6), Column("Target", numeric=True, drop=6), Column("State"), Column("By"),
    Column("Value", numeric=True, drop=1), Column("Threshold", numeric=True, drop=1), Column("Reason", drop=4),
)  # fmt: skip
METRICS = (
    Column("Metric"), Column("What", drop=1), Column("Value", numeric=True), Column("Buy & hold", numeric=True),
    Column("Unit"),
)  # fmt: skip
ORDERS = (
    Column("Intended", numeric=True, drop=3), Column("Symbol"), Column("Role"), Column("Action"),
    Column("Kind", drop=2), Column("Quantity", numeric=True), Column("Price", numeric=True, drop=4), Column("Status"),
    Column("Filled", numeric=True, drop=2), Column("Average", numeric=True), Column("Fee", numeric=True, drop=1),
    Column("Slippage", numeric=True, drop=3), Column("Order", drop=5),
)  # fmt: skip


FILLS = (
    Column("Time", numeric=True, drop=3), Column("Symbol"), Column("Role"), Column("Action"),
    Column("Quantity", numeric=True), Column("Price", numeric=True), Column("Fee", numeric=True, drop=1),
    Column("Slippage", numeric=True, drop=4), Column("Liquidity", drop=5), Column("Trade", numeric=True, drop=2),
    Column("Order", drop=6),
)  # fmt: skip
DAYS = (
    Column("Day ends", numeric=True), Column("Equity", numeric=True), Column("Change", numeric=True),
    Column("Return", numeric=True, drop=1), Column("Drawdown", numeric=True, drop=2),
    Column("Exposure", numeric=True, drop=4), Column("Closed", numeric=True, drop=3),
    Column("Closed net", numeric=True, drop=3),
)  # fmt: skip


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]", shell_complete=complete_run)
@click.option("--what", type=click.Choice(WHAT), default="summary", show_default=True, help="What to show.")
@click.option(
    "--format",
    "forms",
    default="table",
    show_default=True,
    metavar="FORMAT[,...]",
    help=f"How: {', '.join(FORMATS)}. HTML, PNG and several formats become files.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@view_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write files there instead of into the folder report of the run's directory.",
)
@click.option("--open", "opens", is_flag=True, help="Open the HTML page in a browser.")
@click.pass_context
def report(
    ctx: click.Context, /, run_id: str | None, what: str, forms: str, as_json: bool, out: Path | None, opens: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Show the results of a run, of the latest one when none is named.

    Without --out, one of the formats table, md, csv and json is printed; html, png and several formats become files.
    """
    wanted, view = _formats(forms, as_json, opens), View.taken_from(options)
    if opens or out is not None or len(wanted) > 1 or wanted[0] not in PRINTED:
        _write_files(open_run(ctx, run_id), wanted, out, view, opens=opens, what=what)
        return
    if what == "summary" and wanted == ("csv",):
        raise click.UsageError("a summary is no table: use --format json, --what trades --format csv, or --out DIR")
    _show(open_run(ctx, run_id), what, wanted[0], view)


def _formats(text: str, as_json: bool, opens: bool) -> tuple[str, ...]:
    """Return what was asked for, each once; raises UsageError."""
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    strangers = [form for form in wanted if form not in FORMATS]
    if strangers:
        raise click.UsageError(f"expected --format with some of {', '.join(FORMATS)}, was {', '.join(strangers)!r}")
    if as_json and wanted not in {("table",), ("json",)}:
        raise click.UsageError(f"--json contradicts --format {text}")
    wanted = ("json",) if as_json else wanted
    if opens and "html" not in wanted:
        wanted = ("html", *(form for form in wanted if form != "table"))
    if len(wanted) > 1 and "table" in wanted:
        raise click.UsageError("a table is for the screen: it cannot be one of several formats")
    return wanted


def _write_files(
    kept: KeptRun, wanted: tuple[str, ...], out: Path | None, view: View, *, opens: bool, what: str
) -> None:
    from atlas_core.cli.report_files import FOLDER, PAGE, write_report

    if what != "summary":
        raise click.UsageError(f"--what {what} is printed: files hold the whole report")
    forms = ("html",) if wanted == ("table",) else wanted
    written = write_report(kept, kept.report(view.risk_free), forms, out or kept.run.directory / FOLDER)
    for path in written:
        say(str(path))
    if opens:
        click.launch(next(path for path in written if path.name == PAGE).resolve().as_uri())


def _show(kept: KeptRun, what: str, form: str, view: View) -> None:
    if form == "json":
        print_json(_document(kept, what, view))
    elif form == "csv":
        sys.stdout.write(_csv(kept, what, view))
    elif form == "md":
        _print_markdown(kept, what, view)
    else:
        _print_table(kept, what, view)


def _print_markdown(kept: KeptRun, what: str, view: View) -> None:
    from atlas_core.cli.report_files import markdown_of

    if what != "summary":
        raise click.UsageError(f"--format md tells the summary, was --what {what}")
    sys.stdout.write(markdown_of(kept, kept.report(view.risk_free)))


def _rows(kept: KeptRun, what: str, view: View) -> tuple[tuple[str, ...], list[Any]]:
    from atlas_core.report.catalogue import metric_rows
    from atlas_core.report.daily import day_rows
    from atlas_core.report.equity import equity_curve
    from atlas_core.report.events import event_rows
    from atlas_core.report.fills import fill_rows
    from atlas_core.report.legs import exit_legs
    from atlas_core.report.orders import order_rows
    from atlas_core.report.signals import signal_rows
    from atlas_core.report.trades import closed_trades

    tables: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
        "trades": (export.TRADE_COLUMNS, closed_trades),
        "exits": (export.EXIT_COLUMNS, exit_legs),
        "signals": (export.SIGNAL_COLUMNS, signal_rows),
        "orders": (export.ORDER_COLUMNS, order_rows),
        "fills": (export.FILL_COLUMNS, fill_rows),
        "events": (EVENT_COLUMNS, event_rows),
        "equity": (export.EQUITY_COLUMNS, equity_curve),
        "daily": (export.DAY_COLUMNS, lambda records: day_rows(equity_curve(records), closed_trades(records))),
    }
    if what == "metrics":
        made = kept.report(view.risk_free)
        return export.METRIC_COLUMNS, list(metric_rows(made.results, made.benchmark))
    if what == "refused":
        from atlas_core.cli.refused_screen import refused_later

        return export.REFUSED_COLUMNS, list(refused_later(kept))
    columns, make = tables[what]
    return columns, list(make(kept.records))


def _document(kept: KeptRun, what: str, view: View) -> dict[str, Any]:
    from atlas_core.cli.report_files import summary_of_kept

    facts = {
        "run_id": kept.run.run_id,
        "mode": kept.run.mode,
        "synthetic": kept.run.synthetic,
        "journal_digest": kept.digest,
    }
    if what == "summary":
        report = kept.report(view.risk_free)
        return facts | summary_of_kept(kept, report) | export.compat_of(report, view.metrics_compat)
    columns, rows = _rows(kept, what, view)
    return facts | {what: export.json_rows(columns, rows)}


def _csv(kept: KeptRun, what: str, view: View) -> str:
    columns, rows = _rows(kept, what, view)
    return export.csv_text(columns, rows)


def _print_table(kept: KeptRun, what: str, view: View) -> None:
    from atlas_core.cli.results import TERMINAL_ROWS, banner, print_report, print_trades, say_header

    made = kept.report(view.risk_free)
    if what == "summary":
        print_report(made, kept.run, view, evidence=evidence_of(kept))
        return
    say_header(banner(made.started, kept.run))
    if what == "trades":
        print_trades(made, kept.run, all_rows=view.all_rows)
        return
    _, rows = _rows(kept, what, view)
    if what == "refused":
        from atlas_core.cli.refused_screen import entered, print_refused_groups

        print_refused_groups(rows)
        rows = rows if view.all_rows or terminal_width() is None else entered(rows)
    shown = rows if view.all_rows or terminal_width() is None or what in WHOLE else rows[-TERMINAL_ROWS:]
    _PRINTERS[what](shown, made)
    if len(shown) < len(rows):
        say(f"{len(rows) - len(shown):,} earlier rows are not shown: add --all")


def _print_exits(rows: list[ExitLeg], made: Report) -> None:
    from atlas_core.cli.results import LEGS, leg_cells

    print_table("Exits", LEGS, [leg_cells(row, made.price_decimals) for row in rows])


def _print_signals(rows: list[SignalRow], made: Report) -> None:
    print_table("Signals", SIGNALS, [signal_cells(row, made.price_decimals) for row in rows])
    say(made.sum_line)


def signal_cells(row: SignalRow, decimals: dict[str, int]) -> list[str]:
    """Return a signal's cells in the order of `SIGNALS`."""
    digits = decimals.get(row.symbol)
    return [
        row.key[:12], when(row.detected_at), row.symbol, row.timeframe, row.setup, row.side.value,
        price(row.trigger, digits), price(row.stop, digits), price(row.target, digits), row.state.replace("_", " "),
        row.by, compact(row.value), compact(row.threshold), row.reason,
    ]  # fmt: skip


def _print_refused(rows: list[Later], made: Report) -> None:
    from atlas_core.cli.refused_screen import print_refused

    print_refused(rows, made.price_decimals)


def _print_orders(rows: list[OrderRow], made: Report) -> None:
    cells = [_order_cells(row, made.price_decimals.get(row.symbol)) for row in rows]
    print_table("Orders", ORDERS, cells)


def _order_cells(row: OrderRow, digits: int | None) -> list[str]:
    level = row.limit_price if row.limit_price is not None else row.stop_price
    return [
        when(row.intended_at), row.symbol, row.role.value, row.action.value, row.kind.value,
        price(row.quantity.normalize()), price(level, digits), row.status.value.replace("_", " "),
        price(row.filled_quantity.normalize()), price(row.average_price, digits), money(row.fee),
        money(row.slippage), row.client_order_id,
    ]  # fmt: skip


def _print_events(rows: list[Any], made: Report) -> None:
    del made
    cells = [[when(row.ts), row.kind.replace("_", " "), row.subject, row.text] for row in rows]
    columns = (Column("Time", numeric=True), Column("Event"), Column("Subject", drop=1), Column("What"))
    print_table("Events", columns, cells)


def _print_equity(rows: list[EquityPoint], made: Report) -> None:
    before = [rows[0].equity, *(row.equity for row in rows)] if rows else []
    cells = [
        [when(row.ts), money(row.equity), signed(row.equity - last)] for row, last in zip(rows, before, strict=False)
    ]
    columns = (Column("Day ends", numeric=True), Column("Equity", numeric=True), Column("Change", numeric=True))
    footer = ["", money(made.figures.equity), signed(made.figures.equity - made.figures.starting_cash)]
    print_table("Equity", columns, cells, footer=footer)


def _print_fills(rows: list[FillRow], made: Report) -> None:
    cells = [
        [when(row.ts), row.symbol, row.role.value, row.action.value, price(row.quantity.normalize()),
         price(row.price, made.price_decimals.get(row.symbol)), money(row.fee), money(row.slippage),
         row.liquidity.value, str(row.trade_id or ""), row.client_order_id]
        for row in rows
    ]  # fmt: skip
    print_table("Fills", FILLS, cells)


def _print_days(rows: list[DayRow], made: Report) -> None:
    cells = [
        [when(row.ts), money(row.equity), signed(row.change), percent(row.share, sign=True), percent(row.drawdown),
         money(row.exposure), f"{row.closed_trades:,}", signed(row.closed_net)]
        for row in rows
    ]  # fmt: skip
    figures = made.figures
    change = signed(figures.equity - figures.starting_cash)
    closed, net = sum(row.closed_trades for row in rows), sum((row.closed_net for row in rows), ZERO)
    total = percent(figures.total_return, sign=True)
    footer = ["", money(figures.equity), change, total, "", "", f"{closed:,}", signed(net)]
    print_table("Days", DAYS, cells, footer=footer)


def _print_metrics(rows: list[MetricRow], made: Report) -> None:
    from atlas_core.cli.key_figures import print_terms

    cells = [
        [row.name, row.title, row.metric.written(row.value), row.metric.written(row.buy_and_hold), row.unit]
        for row in rows
    ]
    print_table("Metrics", METRICS, cells)
    print_terms(made)


_PRINTERS: dict[str, Callable[[list[Any], Any], None]] = {
    "exits": _print_exits,
    "signals": _print_signals,
    "refused": _print_refused,
    "orders": _print_orders,
    "fills": _print_fills,
    "events": _print_events,
    "equity": _print_equity,
    "metrics": _print_metrics,
    "daily": _print_days,
}
