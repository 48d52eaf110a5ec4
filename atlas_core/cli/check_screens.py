"""What `atlas check` shows: a table of components, and every finding in full."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_core.cli.tables import Column, print_table, say, say_parts, say_wrapped, when

if TYPE_CHECKING:
    from atlas_core.checking.findings import Finding, LookaheadReport
    from atlas_core.checking.parity import ParityReport
    from atlas_core.checking.sources import SourceWarning
    from atlas_core.checking.warmup import NeedResult, WarmupReport

COLUMNS = (Column("Component"), Column("Uses", drop=1), Column("Answers", numeric=True), Column("Result"))
NEEDS = (
    Column("Component"),
    Column("Timeframe"),
    Column("Declared", numeric=True),
    Column("Needed", numeric=True),
    Column("Bars", numeric=True, drop=2),
    Column("Result"),
    Column("Last signal that was still wrong", drop=1),
)
SHOWN_WARNINGS = 12


def print_lookahead(report: LookaheadReport, seconds: float) -> None:
    """Print the result of a check for look-ahead."""
    say_parts(
        f"check lookahead · {report.profile} · {', '.join(report.symbols)} · {when(report.start)} to {when(report.end)}"
    )
    say_parts(f"{report.scans} scans · {report.runs} runs · {seconds:.1f} s")
    say()
    rows = [[part.component, part.use, f"{part.compared:,}", part.verdict] for part in report.components]
    print_table("", COLUMNS, rows)
    for found in report.findings:
        _print_finding(found)
    for note in report.notes:
        say_wrapped(f"note: {note}", indent=6)
    _print_warnings(report.warnings)
    say()
    count = len(report.findings)
    say("nothing depends on the future" if report.is_clean else f"{count} finding{'s' * (count > 1)}: exit code 4")


def _print_finding(found: Finding) -> None:
    say()
    say_wrapped(f"{found.component}: {found.what}", indent=2)
    say_wrapped(f"  found by   {found.check}", indent=13)
    if found.fields:
        say_wrapped(f"  differs in {', '.join(found.fields)}", indent=13)
    say_wrapped(f"  whole      {found.with_future}", indent=13)
    say_wrapped(f"  without    {found.without}", indent=13)
    say_wrapped(f"  unknown    {found.unknown}", indent=13)
    say_wrapped(f"  remedy     {found.advice}", indent=13)


def _print_warnings(warnings: Sequence[SourceWarning]) -> None:
    if not warnings:
        return
    say()
    say(f"{len(warnings)} line{'s' * (len(warnings) > 1)} of source to look at; they prove nothing and fail nothing")
    for warning in warnings[:SHOWN_WARNINGS]:
        say_wrapped(f"  {_shown_path(warning.file)}:{warning.line} {warning.rule}: {warning.why}", indent=4)
        say_wrapped(f"    {warning.text}", indent=6)
    if len(warnings) > SHOWN_WARNINGS:
        say(f"  and {len(warnings) - SHOWN_WARNINGS} more: --json")


def _shown_path(file: str) -> str:
    """Return a path as one types it: from here, where it lies below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def head_facts(report: LookaheadReport | WarmupReport | ParityReport, *, is_ok: bool) -> dict[str, Any]:
    """Return what every check says first, as JSON values."""
    from atlas_core.report.export import iso

    return {
        "ok": is_ok,
        "profile": report.profile,
        "symbols": list(report.symbols),
        "start": iso(report.start),
        "end": iso(report.end),
    }


def lookahead_facts(report: LookaheadReport) -> dict[str, Any]:
    """Return the result of a check for look-ahead as JSON values."""
    from attrs import asdict

    from atlas_core.report.export import iso

    return {
        **head_facts(report, is_ok=report.is_clean),
        "scans": report.scans,
        "runs": report.runs,
        "components": [
            {
                "component": part.component,
                "use": part.use,
                "answers": part.compared,
                "result": part.verdict,
                "findings": [asdict(found) | {"cut": iso(found.cut)} for found in part.findings],
                "warnings": [asdict(warning) for warning in part.warnings],
            }
            for part in report.components
        ],
        "notes": list(report.notes),
    }


def print_warmup(report: WarmupReport, seconds: float) -> None:
    """Print the result of a check of the warm-up."""
    span = f"{when(report.start)} to {when(report.end)}"
    say_parts(f"check warmup · {report.profile} · {', '.join(report.symbols)} · {span} · {seconds:.1f} s")
    say()
    rows = [
        [
            need.component,
            need.timeframe,
            f"{need.declared:,}",
            _needed(need),
            f"{need.bars:,}",
            need.verdict,
            need.example,
        ]
        for need in report.needs
    ]
    print_table("", NEEDS, rows)
    for found in report.findings:
        say()
        say_wrapped(f"{found.component}: {found.what}", indent=2)
        say_wrapped(f"  with more     {found.with_more}", indent=16)
        say_wrapped(f"  with declared {found.with_declared}", indent=16)
        say_wrapped(f"  remedy        {found.advice}", indent=16)
    say()
    say("what is declared suffices" if report.is_clean else "declare the bars that are needed: exit code 4")


def _needed(need: NeedResult) -> str:
    from atlas_core.checking.warmup import NEVER, UNKNOWN

    if need.verdict == UNKNOWN:
        return "n/a"
    return f">{need.needed:,}" if need.verdict == NEVER else f"{need.needed:,}"


def warmup_facts(report: WarmupReport) -> dict[str, Any]:
    """Return the result of a check of the warm-up as JSON values."""
    from attrs import asdict

    return {
        **head_facts(report, is_ok=report.is_clean),
        "needs": [asdict(need) for need in report.needs],
        "findings": [asdict(found) for found in report.findings],
    }
