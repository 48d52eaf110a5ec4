"""The reading commands of a session: status, positions, orders, trades, errors, jobs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import click
from attrs import asdict

from atlas_core.cli.formats import NOTHING, held, money, number, price, signed, when
from atlas_core.cli.sessions import SeenSession, ago, all_sessions, find_session, session_arguments
from atlas_core.cli.tables import Column, print_figures, print_json, print_table, say, say_parts, say_wrapped
from atlas_core.clock import NANOSECONDS_PER_SECOND
from atlas_core.control import answers
from atlas_core.control.beat import BRINGS_BARS, Heartbeat
from atlas_core.control.commands import VERBS

Command = TypeVar("Command", bound=Callable[..., Any])

POSITION_COLUMNS = (
    Column("#", numeric=True),
    Column("Position"),
    Column("Qty", numeric=True),
    Column("Entry", numeric=True),
    Column("Mark", numeric=True, drop=1),
    Column("P&L", numeric=True),
    Column("R", numeric=True, drop=2),
    Column("Stop", numeric=True),
    Column("Target", numeric=True, drop=3),
    Column("Opened", drop=4),
)
ORDER_COLUMNS = (
    Column("Symbol"),
    Column("Role"),
    Column("Order"),
    Column("Qty", numeric=True),
    Column("Filled", numeric=True, drop=2),
    Column("Price", numeric=True),
    Column("Status"),
    Column("Sent", drop=3),
    Column("Id", drop=4),
)
TRADE_COLUMNS = (
    Column("#", numeric=True),
    Column("Symbol"),
    Column("Setup", drop=3),
    Column("Side"),
    Column("Qty", numeric=True, drop=4),
    Column("Entry", numeric=True, drop=2),
    Column("Exit", numeric=True, drop=2),
    Column("Why closed"),
    Column("Net P&L", numeric=True),
    Column("R", numeric=True, drop=1),
    Column("Closed", drop=5),
)
ERROR_COLUMNS = (Column("When"), Column("Severity"), Column("What"), Column("Text"), Column("Key", drop=1))
JOB_COLUMNS = (
    Column("Job"),
    Column("Due"),
    Column("Slot", drop=2),
    Column("Late", numeric=True, drop=3),
    Column("What became of it"),
)
SESSION_COLUMNS = (
    Column("Profile"),
    Column("Mode"),
    Column("Health"),
    Column("Positions", numeric=True),
    Column("Says"),
)
NAMED_SYMBOLS = 3
"""So many symbols without entries are counted, not named: the health above names them all."""


def _reading(name: str) -> Callable[[Command], Any]:
    """Make a reading command of the table."""

    def make(function: Command) -> Any:
        command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)
        return click.command(name, help=VERBS[name].summary)(session_arguments(click.pass_context(command)))

    return make


@_reading("status")
def status(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool) -> None:
    """Show whether a session runs, how it is, and how old that news is."""
    sessions = all_sessions(ctx) if profile is None and mode is None else ()
    running = [seen for seen in sessions if seen.is_running]
    if len(sessions) > 1 and len(running) != 1:
        _print_sessions(sessions, as_json)
        return
    seen = running[0] if running else find_session(ctx, profile, mode)
    if as_json:
        print_json(_session_facts(seen))
        return
    say_parts(seen.line())
    level, why = seen.health
    if why:
        say_wrapped(f"{level}: {why}", 2)
    print_figures("", _status_figures(seen))


def _print_sessions(sessions: tuple[SeenSession, ...], as_json: bool) -> None:
    if as_json:
        print_json([_session_facts(seen) for seen in sessions])
        return
    rows = [
        [
            seen.state.profile, seen.state.mode.word, seen.health[0],
            str(seen.beat.open_positions) if seen.beat else NOTHING, seen.health[1] or seen.as_of(),
        ]
        for seen in sessions
    ]  # fmt: skip
    print_table("Sessions", SESSION_COLUMNS, rows)


def _session_facts(seen: SeenSession) -> dict[str, Any]:
    level, why = seen.health
    return {
        "profile": seen.state.profile, "mode": seen.state.mode.value, "running": seen.is_running,
        "health": level, "why": why, "as_of": seen.as_of(),
        "age_seconds": seen.beat.age(seen.now) if seen.beat else None,
        "process": seen.holder.facts() if seen.holder else None,
        "heartbeat": asdict(seen.beat) if seen.beat else None, "journal": seen.journal, "state": seen.state.path,
    }  # fmt: skip


def _status_figures(seen: SeenSession) -> list[tuple[str, str]]:
    figures = [("Health", seen.health[0])]
    if seen.holder is not None:
        figures.append(("Process", str(seen.holder.pid)))
        figures.append(("Running since", when(_seconds(seen.holder.since))))
    beat = seen.beat
    if beat is None:
        return figures
    figures += [
        ("State", beat.state if seen.is_running or beat.ended else f"was {beat.state}"),
        ("Market time", _market_time_of(beat)),
        *((f"Last {name}", ago(seen, ts)) for name, ts in sorted(beat.as_of.items())),
        ("Open positions", str(beat.open_positions)),
        ("Working orders", str(beat.open_orders)),
        ("Equity", money(Decimal(beat.equity)) if beat.equity else NOTHING),
        ("Entries", _entries_of(seen, beat)),
        ("Loop lag", f"{beat.loop_lag_ms:.0f} ms"),
        ("Memory", f"{beat.memory_mb:.0f} MB"),
        ("Files, threads, tasks", f"{beat.open_files}, {beat.threads}, {beat.tasks}"),
        ("Heartbeat", f"{beat.sequence}, {held(max(0, seen.now - beat.written_at))} ago"),
        ("Journal hash", beat.state_hash[:16] or NOTHING),
    ]
    return figures


def _market_time_of(beat: Heartbeat) -> str:
    """Return the time of the market, which a paced one does not have before its first bar."""
    time = when(_seconds(beat.market_time)) if beat.market_time else NOTHING
    return f"{time} at {beat.speed}" if beat.speed else time


def _entries_of(seen: SeenSession, beat: Heartbeat) -> str:
    if not seen.is_running:
        return "none any more"
    if beat.entries_stopped or seen.killed:
        return "stopped"
    if BRINGS_BARS in beat.benched:
        return f"none new: {BRINGS_BARS} is {beat.benched[BRINGS_BARS]}"
    symbols = tuple(beat.blocked)
    left_out = ", ".join(symbols) if len(symbols) < NAMED_SYMBOLS else f"{len(symbols)} symbols"
    return f"allowed, not in {left_out}" if symbols else "allowed"


def _seconds(ts: int) -> int:
    return ts - ts % NANOSECONDS_PER_SECOND


@_reading("positions")
def positions(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool) -> None:
    """Show open positions."""
    from atlas_core.journal import JournalReader

    seen = find_session(ctx, profile, mode)
    with JournalReader.open(seen.require_journal()) as reader:
        rows = answers.positions(reader, seen.beat.marks if seen.beat else {})
    if as_json:
        print_json({"as_of": seen.as_of(), "positions": [asdict(row) for row in rows]})
        return
    say_parts(seen.line())
    if not rows:
        say("no position is open")
        return
    known = [row.unrealised for row in rows if row.unrealised is not None]
    footer = ["", f"{len(rows)} open", "", "", "", signed(sum(known, Decimal(0))) if known else NOTHING, *[""] * 4]
    print_table("Open positions", POSITION_COLUMNS, [_position_cells(row) for row in rows], footer=footer)


def _position_cells(row: answers.PositionAnswer) -> list[str]:
    leverage = f" {row.leverage.normalize():f}x" if row.leverage is not None and row.leverage != 1 else ""
    return [
        str(row.trade_id), f"{row.symbol} {row.side.value}{leverage}", price(row.quantity.normalize()),
        price(row.entry_price), price(row.mark), signed(row.unrealised), number(row.r_multiple, 1, sign=True),
        price(row.stop), price(row.target), when(_seconds(row.opened_at)),
    ]  # fmt: skip


@_reading("orders")
def orders(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool) -> None:
    """Show working orders."""
    from atlas_core.journal import JournalReader

    seen = find_session(ctx, profile, mode)
    with JournalReader.open(seen.require_journal()) as reader:
        rows = answers.working_orders(reader)
    if as_json:
        print_json({"as_of": seen.as_of(), "orders": [asdict(row) for row in rows]})
        return
    say_parts(seen.line())
    if not rows:
        say("no order is working")
        return
    cells = [
        [
            row.symbol, row.role.value, f"{row.action.value} {row.kind.value}", price(row.quantity.normalize()),
            price(row.cumulative_quantity.normalize()),
            price(row.stop_price if row.limit_price is None else row.limit_price), row.status.value,
            when(_seconds(row.ts)), row.client_order_id,
        ]
        for row in rows
    ]  # fmt: skip
    print_table("Working orders", ORDER_COLUMNS, cells)


@_reading("trades")
@click.option("-n", "--count", default=20, type=click.IntRange(1), show_default=True, help="How many.")
def trades(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool, count: int) -> None:
    """Show closed trades."""
    from atlas_core.journal import JournalReader

    seen = find_session(ctx, profile, mode)
    with JournalReader.open(seen.require_journal()) as reader:
        rows = answers.closed_trades(reader, count)
    if as_json:
        print_json({"as_of": seen.as_of(), "trades": [asdict(row) for row in rows]})
        return
    say_parts(seen.line())
    if not rows:
        say("no trade is closed yet")
        return
    cells = [
        [
            str(row.trade_id), row.symbol, row.setup, row.side.value, price(row.quantity.normalize()),
            price(row.entry_price), price(row.exit_price), row.rule or NOTHING, signed(row.net),
            number(row.r_multiple, 1, sign=True), when(_seconds(row.closed_at or 0)),
        ]
        for row in rows
    ]  # fmt: skip
    print_table("Closed trades, the latest first", TRADE_COLUMNS, cells)


@_reading("errors")
@click.option("-n", "--count", default=20, type=click.IntRange(1), show_default=True, help="How many.")
def errors(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool, count: int) -> None:
    """Show what went wrong."""
    from atlas_core.journal import JournalReader

    seen = find_session(ctx, profile, mode)
    with JournalReader.open(seen.require_journal()) as reader:
        rows = answers.errors(reader, count)
    if as_json:
        print_json({"as_of": seen.as_of(), "errors": [asdict(row) for row in rows]})
        return
    say_parts(seen.line())
    if not rows:
        say("no warning, no critical alert, no failed component")
        return
    print_table(
        "Alerts and failures, the latest first",
        ERROR_COLUMNS,
        [[when(row.ts), row.severity, row.title, row.text, row.key or NOTHING] for row in rows],
    )


@_reading("jobs")
def jobs(ctx: click.Context, profile: str | None, mode: str | None, as_json: bool) -> None:
    """Show the schedule."""
    from atlas_core.control.file import ControlFile
    from atlas_core.control.ledger import ScheduleLedger

    seen = find_session(ctx, profile, mode)
    upcoming = dict(seen.beat.next_jobs) if seen.beat and seen.is_running else {}
    with ControlFile(seen.state.control) as file:
        done = ScheduleLedger(file).latest(count=20)
    if as_json:
        print_json({"as_of": seen.as_of(), "next": upcoming, "runs": [asdict(run) for run in done]})
        return
    say_parts(seen.line())
    if not upcoming and not done:
        say("no job comes, and none was done; see [schedule] in the reference")
        return
    rows = [[job, when(ts), "", "", "next"] for job, ts in sorted(upcoming.items(), key=lambda item: item[1])]
    rows += [
        [run.job, when(run.due), f"{run.date} {run.slot}", held(max(0, run.began_at - run.due)), run.status]
        for run in done
    ]
    print_table("Jobs", JOB_COLUMNS, rows)
