"""One sentence that says what a run has shown, and how much that is worth."""

from __future__ import annotations

from atlas_core.report import metrics
from atlas_core.report.summary import NOT_FINISHED, KeyFigures, Report
from atlas_core.report.writing import money, percent, signed


def verdict(report: Report) -> str:
    """Return what the account made of its time, and whether an edge is shown."""
    figures = report.figures
    if not figures.trades.count:
        return f"No trade was closed in {_days(figures)}: nothing is shown about the system."
    parts = [_result(figures), _worth(figures)]
    if report.finished == NOT_FINISHED:
        parts.append("The run did not finish.")
    return " ".join(parts)


def _result(figures: KeyFigures) -> str:
    made = figures.equity - figures.starting_cash
    verb = "Gained" if made > 0 else "Lost" if made < 0 else "Held"
    size = percent(abs(figures.total_return or 0.0))
    trades = f"{figures.trades.count:,} closed trade{'s' * (figures.trades.count != 1)}"
    fall = (
        f"at worst {percent(figures.drawdown.depth)} below a peak" if figures.drawdown.depth else "never below a peak"
    )
    return f"{verb} {size} ({signed(made)}) in {_days(figures)} with {trades}, {fall}."


def _worth(figures: KeyFigures) -> str:
    count, interval = figures.trades.count, figures.interval
    if interval is None:
        return "One trade shows nothing about the system."
    few = f"{count} trades are few: " if count < metrics.FEW_TRADES else ""
    shown = interval.verdict
    text = f"{few}{shown}, the 95 % interval of a trade's result is {interval.low:+,.2f} to {interval.high:+,.2f}."
    return text[0].upper() + text[1:]


def _days(figures: KeyFigures) -> str:
    return f"{figures.days:,.1f} days" if figures.days < 10 else f"{figures.days:,.0f} days"


def money_span(figures: KeyFigures, quote: str) -> str:
    """Return the account at the begin and at the end."""
    return f"{money(figures.starting_cash)} → {money(figures.equity)} {quote}"
