"""What `atlas parity` shows: how many decisions agree, and every first departure with its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlas_core.cli.check_screens import head_facts
from atlas_core.cli.tables import Column, print_table, say, say_parts, say_wrapped, when

if TYPE_CHECKING:
    from atlas_core.checking.decisions import Decision
    from atlas_core.checking.parity import Departure, ParityReport

KINDS = (
    Column("Decisions"),
    Column("Session", numeric=True),
    Column("Back-test", numeric=True),
    Column("Same", numeric=True),
)
SHOWN = 20
MISSING = "no such decision"
REMEDIES = {
    "data": "the two were given other bars: without --history the session's own bars are compared",
    "timing": "the same decision came at another time: late bars, a slow scan or a poll; --tolerance allows some",
    "price": "the same decision came at another price: quotes between the bars, or another fill",
    "size": "the account or the size differs: look at the first difference before it",
    "capacity": "a limit took the one and refused the other: look at the first difference before it",
    "code": "from the same bars something else was decided: atlas check lookahead, atlas check warmup, the versions",
}


def print_parity(report: ParityReport, seconds: float) -> None:
    """Print a comparison."""
    span = f"{when(report.start)} to {when(report.end)}"
    say_parts(f"parity · {report.profile} · {', '.join(report.symbols)} · {span} · {seconds:.1f} s")
    say()
    total = sum(count.session for count in report.counts), sum(count.backtest for count in report.counts)
    rows = [[count.kind, f"{count.session:,}", f"{count.backtest:,}", f"{count.same:,}"] for count in report.counts]
    footer = ["all", f"{total[0]:,}", f"{total[1]:,}", f"{sum(count.same for count in report.counts):,}"]
    print_table("", KINDS, rows, footer=footer)
    if report.is_equal:
        say("session and back-test decide the same")
        return
    for departure in report.roots[:SHOWN]:
        _print_departure(departure)
    if len(report.roots) > SHOWN:
        say(f"\nand {len(report.roots) - SHOWN:,} more: --json")
    say()
    followers = len(report.departures) - len(report.roots)
    causes = ", ".join(f"{cause} {count:,}" for cause, count in report.causes.items())
    say_wrapped(f"{len(report.roots):,} differences ({causes}), and {followers:,} that follow from them", indent=2)
    for cause in report.causes:
        say_wrapped(f"  {cause:<9} {REMEDIES[cause]}", indent=12)


def _print_departure(departure: Departure) -> None:
    say()
    about = " ".join(filter(None, (departure.symbol, departure.signal)))
    say_wrapped(f"{when(departure.ts)}  {departure.cause}: {departure.kind}, {about}".rstrip(", "), indent=2)
    if departure.fields:
        say_wrapped(f"  differs in {', '.join(departure.fields)}", indent=13)
    for name, side in (("session", departure.session), ("back-test", departure.backtest)):
        say_wrapped(f"  {name:<10} {side_text(side, departure.fields)}", indent=13)


def side_text(decision: Decision | None, fields: tuple[str, ...]) -> str:
    """Return what one side decided: what differs, or all of it."""
    if decision is None:
        return MISSING
    facts = {"time": when(decision.ts), **decision.facts}
    shown = fields or [name for name, value in facts.items() if value not in (None, "") and not isinstance(value, dict)]
    return ", ".join(f"{name} {_plain(facts.get(name))}" for name in shown)


def _plain(value: Any) -> str:
    return "nothing" if value is None else str(value)


def parity_facts(report: ParityReport) -> dict[str, Any]:
    """Return a comparison as JSON values, every difference included."""
    from attrs import asdict

    from atlas_core.report.export import iso

    return {
        **head_facts(report, is_ok=report.is_equal),
        "decisions": [asdict(count) for count in report.counts],
        "causes": dict(report.causes),
        "differences": [
            {
                "time": iso(each.ts),
                "kind": each.kind,
                "symbol": each.symbol,
                "signal": each.signal,
                "cause": each.cause,
                "follows": each.follows,
                "fields": list(each.fields),
                "session": _side_facts(each.session),
                "backtest": _side_facts(each.backtest),
            }
            for each in report.departures
        ],
    }


def _side_facts(decision: Decision | None) -> dict[str, Any] | None:
    from atlas_core.report.export import iso

    return None if decision is None else {"time": iso(decision.ts), **decision.facts}
