"""The report of a run as Markdown, for a chat or a pull request: short, and complete in what it claims."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.report.catalogue import metric_values
from atlas_core.report.evidence import NOTHING_KNOWN, Evidence
from atlas_core.report.groups import Group
from atlas_core.report.key_figures import account_of, terms_of, trade_pairs
from atlas_core.report.summary import Report, notes_of
from atlas_core.report.verdict import money_span, verdict
from atlas_core.report.writing import NOT_THERE, number, signed, when

MOST_REFUSALS = 8
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]|<>#~"})


def markdown_report(report: Report, run_id: str, version: str, evidence: Evidence = NOTHING_KNOWN) -> str:
    """Return the report; names are escaped, so that no symbol or pattern can make a link or a tag."""
    started = report.started
    market = "synthetic market" if started.synthetic else "real market data"
    lines = [
        f"## {plain(started.profile)} · {started.mode} · {market}",
        "",
        verdict(report),
        "",
        f"{when(started.ts)} → {when(report.ended_at)} · {money_span(report.figures, plain(started.quote))} · "
        f"run `{run_id}` · seed {started.seed} · atlas {version}",
        "",
        *_figures(report),
        *_groups("Setup", report.by_setup, report.total),
        *_groups("Exit", report.by_exit, report.total),
        *_refusals(report),
        *(f"- {plain(note)}" for note in (*notes_of(report), *evidence.notes(), *_searched(evidence))),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _searched(evidence: Evidence) -> list[str]:
    return [f"{found.sweep_id}, {found.method}: {found.result}" for found in evidence.searches]


def plain(text: str) -> str:
    """Return text in which no sign has a meaning for Markdown, on one line."""
    return " ".join(text.translate(_SPECIAL).split())


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: int) -> list[str]:
    """Return a table whose last `numeric` columns are numbers, with an empty line behind it."""
    rule = [*("---" for _ in columns[: len(columns) - numeric]), *("--:" for _ in range(numeric))]
    return [_line(columns), _line(rule), *(_line(row) for row in rows), ""]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figures(report: Report) -> list[str]:
    head, *account = account_of(report)
    trades = trade_pairs(report.figures, metric_values(report.results))
    return [
        *_table(("Account", *head[1:]), account, len(head) - 1),
        *_table(("Trades", "Value"), [(name.strip(), value) for name, value in trades], 1),
        plain(" · ".join(terms_of(report))),
        "",
    ]


def _groups(title: str, groups: Sequence[Group], total: Group) -> list[str]:
    if not groups:
        return []
    rows = [_cells(group) for group in (*groups, total)]
    return _table((title, "Trades", "Win %", "Net P&L", "PF"), rows, 4)


def _cells(group: Group) -> tuple[str, ...]:
    trades = group.figures
    rate = NOT_THERE if trades.win_rate is None else number(trades.win_rate * 100, 1)
    factor = NOT_THERE if trades.profit_factor is None else number(float(trades.profit_factor))
    return plain(group.name), f"{trades.count:,}", rate, signed(trades.net), factor


def _refusals(report: Report) -> list[str]:
    if not report.refusals:
        return []
    rows = [
        (row.outcome.replace("_", " "), plain(row.by), plain(row.example), f"{row.count:,}")
        for row in report.refusals[:MOST_REFUSALS]
    ]
    return [*_table(("Did not trade", "By", "Such as", "Signals"), rows, 1), plain(report.sum_line), ""]
