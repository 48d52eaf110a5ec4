"""`atlas explain`: why a trade was made, why a signal was refused, what keeps a symbol from trading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atlas_core.cli.explain_metric import metric
from atlas_core.cli.formats import NOTHING, compact, number, price
from atlas_core.cli.kept import KeptRun, complete_run, open_run
from atlas_core.cli.tables import Column, percent, print_json, print_table, say, say_parts, say_wrapped, signed, when

if TYPE_CHECKING:
    from atlas_core.model.records import RunStarted, SignalDetected
    from atlas_core.report.hindsight import Later
    from atlas_core.report.signals import SignalRow
    from atlas_core.report.trace import Step, Trace, WhyNot

MOST_EXAMPLES = 20
STEPS = (Column("Time", numeric=True), Column("Stage"), Column("What"), Column("Answer"))
REASONS = (Column("Outcome"), Column("By"), Column("Signals", numeric=True))
EXAMPLES = (
    Column("Signal"),
    Column("Detected", numeric=True, drop=2),
    Column("Setup", drop=1),
    Column("TF", drop=1),
    Column("Outcome"),
    Column("By"),
    Column("Value", numeric=True),
    Column("Threshold", numeric=True),
    Column("Missed by", numeric=True, drop=3),
    Column("Reason", drop=4),
)
_RUN = click.option(
    "--run", "run_id", metavar="RUN", shell_complete=complete_run, help="A run; the latest if left out."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _KindAndName(click.Group):
    """Takes `metric:sharpe` as `metric sharpe`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        kind, colon, name = args[0].partition(":")
        return super().resolve_command(ctx, [kind, name, *args[1:]] if colon and kind in self.commands else args)


@click.group(cls=_KindAndName)
def explain() -> None:
    """Say why a trade was made, why a signal was refused, or what a key, metric or plugin is."""


explain.add_command(metric)


@explain.command()
@click.argument("number", type=int)
@_RUN
@_JSON
@click.pass_context
def trade(ctx: click.Context, /, number: int, run_id: str | None, as_json: bool) -> None:
    """Say why trade NUMBER was opened, sized and closed."""
    from atlas_core.report.trace import trace_trade

    kept = open_run(ctx, run_id)
    _show(kept, trace_trade(kept.records, number), as_json)


@explain.command(short_help="Say what became of a signal, and who decided it.")
@click.argument("key")
@_RUN
@_JSON
@click.pass_context
def signal(ctx: click.Context, /, key: str, run_id: str | None, as_json: bool) -> None:
    """Say what became of the signal with this KEY (its beginning is enough), and who decided it."""
    from atlas_core.report.trace import trace_signal

    kept = open_run(ctx, run_id)
    trace = trace_signal(kept.records, key)
    _show(kept, trace, as_json, _afterwards(kept, trace))


@explain.command(short_help="Say why the signals of SYMBOL did not trade.")
@click.argument("name", metavar="SYMBOL")
@_RUN
@_JSON
@click.option("--all", "all_rows", is_flag=True, help="Show every signal.")
@click.pass_context
def symbol(ctx: click.Context, /, name: str, run_id: str | None, as_json: bool, all_rows: bool) -> None:
    """Say why the signals of SYMBOL did not trade: each refusal with its value and threshold."""
    from atlas_core.report.signals import signal_rows
    from atlas_core.report.trace import why_not

    kept = open_run(ctx, run_id)
    answer = why_not(signal_rows(kept.records), name)
    if as_json:
        print_json(_why_not_facts(answer) | _run_facts(kept))
    else:
        _print_header(kept)
        _print_why_not(answer, kept, all_rows)


@explain.command(short_help="Say what a KEY of a profile means.")
@click.argument("name", metavar="KEY")
@click.option("-p", "--profile", default="demo", show_default=True, help="The profile whose value is shown.")
@_JSON
@click.pass_context
def key(ctx: click.Context, /, name: str, profile: str, as_json: bool) -> None:
    """Say what a KEY of a profile means, such as limits.max_positions, and where its value comes from."""
    from atlas_core.cli.config import explain as explain_key

    ctx.invoke(explain_key, profile=profile, key=name, settings=(), json_=as_json)


@explain.command()
@click.argument("what", nargs=-1, required=True, metavar="[KIND] NAME")
@_JSON
@click.pass_context
def plugin(ctx: click.Context, /, what: tuple[str, ...], as_json: bool) -> None:
    """Say what a plugin or a component offers, with its options."""
    from atlas_core.cli.plugins import show_plugin

    ctx.invoke(show_plugin, what=what, as_json=as_json)


def _afterwards(kept: KeptRun, trace: Trace) -> Later | None:
    """Return what a signal that somebody stopped would have made, None where that cannot be known."""
    from atlas_core.cli.refused_screen import refused_later
    from atlas_core.errors import DataError
    from atlas_core.report.hindsight import STOPPED

    if trace.verdict is None or trace.verdict.outcome not in STOPPED:
        return None
    try:
        return next((found for found in refused_later(kept) if found.key == trace.signal.key), None)
    except DataError:
        return None


def _show(kept: KeptRun, trace: Trace, as_json: bool, later: Later | None = None) -> None:
    if as_json:
        print_json(_trace_facts(trace) | {"later": _later_facts(later)} | _run_facts(kept))
        return
    _print_header(kept)
    say_parts(trace_line(trace))
    say()
    print_table("", STEPS, step_rows(trace.steps))
    say()
    say_wrapped(conclusion(trace), indent=2)
    if later is not None:
        say_wrapped(f"Afterwards: {_later_text(later)}", indent=2)
    say(f"Signal {trace.signal.key}")


def _later_facts(later: Later | None) -> dict[str, Any] | None:
    from atlas_core.report.export import REFUSED_COLUMNS, json_rows

    return None if later is None else json_rows(REFUSED_COLUMNS, [later])[0]


def _later_text(later: Later) -> str:
    """Return what the market did with a signal that was stopped, from its entry to its end."""
    from atlas_core.report.hindsight import Ending

    if later.ending is Ending.NOT_ENTERED:
        return "the market did not take its trigger while it was valid"
    if later.change is None or later.ended_at is None:
        return "the data end before anything came of it"
    multiple = f" ({number(later.r_multiple, 2, sign=True)} R)" if later.r_multiple is not None else ""
    made = f"{percent(later.change, sign=True)}{multiple}, without costs"
    return f"{later.ending.value} at {when(later.ended_at)}, entered {when(later.entered_at)}: {made}"


def _print_header(kept: KeptRun) -> None:
    from atlas_core.cli.results import banner, say_header

    say_header(banner(_started(kept), kept.run))


def _started(kept: KeptRun) -> RunStarted:
    from atlas_core.errors import NotFound
    from atlas_core.model.records import RunStarted

    for record in kept.records:
        if isinstance(record, RunStarted):
            return record
    raise NotFound(f"run {kept.run.run_id} holds no record of its start")


def trace_line(trace: Trace) -> str:
    """Return what the trace is about in one line."""
    from atlas_core.report.trades import price_text

    signal, opened, closed = trace.signal, trace.opened, trace.closed
    setup = f"{signal.pattern} {signal.timeframe}"
    if opened is None:
        return f"Signal {signal.key[:12]} · {signal.symbol} {setup} {signal.side.value} · {when(signal.ts)}"
    start = f"Trade {opened.trade_id} · {opened.symbol} {opened.side.value} {price(opened.quantity.normalize())}"
    if closed is None:
        return f"{start} @ {price_text(opened.price, trace.decimals)} · {setup} · open since {when(opened.ts)}"
    multiple = f" ({number(closed.r_multiple, 2, sign=True)} R)" if closed.r_multiple is not None else ""
    prices = [price_text(value, trace.decimals) for value in (closed.entry_price, closed.exit_price)]
    span = f"{when(closed.opened_at)} to {when(closed.ts)}"
    return f"{start} @ {' to '.join(prices)} · {signed(closed.net)}{multiple} · {setup} · {span}"


def step_rows(steps: tuple[Step, ...]) -> list[list[str]]:
    """Return the steps' cells in the order of `STEPS`; a time is shown where it changes."""
    rows, last = [], None
    for step in steps:
        stamp = when(step.ts) if step.ts != last else ""
        last = step.ts
        rows.append([stamp, step.stage, step_text(step), step.verdict])
    return rows


def step_text(step: Step) -> str:
    """Return who said what, with the numbers that were compared."""
    parts = [step.what] if step.what else []
    if step.value is not None and step.threshold is not None:
        value, threshold = compact(step.value), compact(step.threshold)
        parts.append(f"{value} of at most {threshold}" if step.stage == "limit" else f"{value} against {threshold}")
    text = ", ".join(parts)
    return f"{step.who}: {text}" if step.who and text else step.who or text


def conclusion(trace: Trace) -> str:
    """Return how the signal ended, in a sentence with the numbers that decided it."""
    verdict = trace.verdict
    if verdict is None:
        return "Not ended: the position is open." if trace.opened else "Not ended: the signal waits."
    compared = ""
    if verdict.value is not None and verdict.threshold is not None:
        compared = f": value {compact(verdict.value)}, threshold {compact(verdict.threshold)}"
    by = f" by {verdict.by}" if verdict.by else ""
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return f"{verdict.outcome.value.replace('_', ' ').capitalize()}{by}{compared}{reason}"


def _print_why_not(answer: WhyNot, kept: KeptRun, all_rows: bool) -> None:
    say(f"{answer.symbol} · {answer.signals} signals · {answer.traded} traded · {len(answer.stopped)} did not")
    say()
    if not answer.stopped:
        return
    reasons = [[state.replace("_", " "), who or NOTHING, f"{count:,}"] for state, who, count in answer.by]
    print_table("Who stopped them", REASONS, reasons, footer=["all", "", f"{len(answer.stopped):,}"])
    say()
    shown = answer.stopped if all_rows else answer.stopped[-MOST_EXAMPLES:]
    print_table("The latest first", EXAMPLES, [_example(row) for row in reversed(shown)])
    hidden = len(answer.stopped) - len(shown)
    if hidden:
        say(f"{hidden} more: atlas explain symbol {answer.symbol} --run {kept.run.run_id} --all")


def _example(row: SignalRow) -> list[str]:
    from atlas_core.report.trace import margin

    return [
        row.key[:12], when(row.detected_at), row.setup, row.timeframe, row.state.replace("_", " "), row.by,
        compact(row.value), compact(row.threshold), compact(margin(row)), row.reason,
    ]  # fmt: skip


def _run_facts(kept: KeptRun) -> dict[str, Any]:
    return {"run_id": kept.run.run_id, "mode": kept.run.mode, "synthetic": kept.run.synthetic}


def _trace_facts(trace: Trace) -> dict[str, Any]:
    from atlas_core.report.export import iso

    return {
        "signal": _signal_facts(trace.signal),
        "trade_id": trace.opened.trade_id if trace.opened else None,
        "outcome": trace.verdict.outcome if trace.verdict else None,
        "by": trace.verdict.by if trace.verdict else None,
        "reason": trace.verdict.reason if trace.verdict else None,
        "value": trace.verdict.value if trace.verdict else None,
        "threshold": trace.verdict.threshold if trace.verdict else None,
        "net": trace.closed.net if trace.closed else None,
        "steps": [
            {
                "time": iso(step.ts), "stage": step.stage, "who": step.who, "what": step.what, "value": step.value,
                "threshold": step.threshold, "answer": step.verdict,
            }
            for step in trace.steps
        ],
    }  # fmt: skip


def _signal_facts(signal: SignalDetected) -> dict[str, Any]:
    from atlas_core.report.export import iso

    names = ("key", "scanner", "symbol", "timeframe", "pattern", "side", "trigger", "stop", "target", "score")
    return {name: getattr(signal, name) for name in names} | {
        "detected_at": iso(signal.ts),
        "setup_at": iso(signal.setup_at),
        "context": dict(signal.context),
    }


def _why_not_facts(answer: WhyNot) -> dict[str, Any]:
    from atlas_core.report.export import SIGNAL_COLUMNS, json_rows

    return {
        "symbol": answer.symbol,
        "signals": answer.signals,
        "traded": answer.traded,
        "stopped_by": [{"outcome": state, "by": who, "signals": count} for state, who, count in answer.by],
        "stopped": json_rows(SIGNAL_COLUMNS, answer.stopped),
    }
