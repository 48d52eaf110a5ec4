"""The top of the report: what kind of run it is, one sentence of verdict, and the facts that identify it."""

from __future__ import annotations

from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import facts
from atlas_core.report.summary import notes_of
from atlas_core.report.verdict import money_span, verdict
from atlas_core.report.writing import when

_MODES = {
    "backtest": "BACK-TEST: past bars, simulated fills",
    "replay": "REPLAY: a recorded session, simulated fills",
    "paper": "PAPER: no money was at risk",
    "live": "LIVE: real orders, real money",
}


def banner(material: Material) -> Markup:
    """Return the line that nobody can miss: the mode, and whether the market was made up."""
    started = material.report.started
    market = "SYNTHETIC MARKET: prices are made up" if started.synthetic else "real market data"
    name = "synthetic" if started.synthetic else started.mode
    mode = _MODES.get(started.mode, started.mode.upper())
    return element("div", element("b", mode), element("span", market), class_=f"banner {name}", role="note")


def head(material: Material) -> Markup:
    """Return title, verdict and facts."""
    report = material.report
    started = report.started
    symbols = ", ".join(started.symbols[:8]) + (f" and {len(started.symbols) - 8} more" * (len(started.symbols) > 8))
    identity = facts(
        [
            ("Run", material.run_id),
            ("Period (UTC)", f"{when(started.ts)} → {when(report.ended_at)}"),
            ("Account", money_span(report.figures, started.quote)),
            ("Symbols", symbols),
            ("Base timeframe", started.base_timeframe),
            ("Seed", str(started.seed)),
            ("Ended", report.finished),
            ("Atlas", material.version),
            ("Profile digest", element("code", started.profile_digest[:16])),
            ("Journal digest", element("code", material.digest[:16])),
        ]
    )
    return element(
        "header", element("p", "Atlas report", class_="kicker"), element("h1", started.profile),
        element("p", verdict(report), class_="verdict"), notes(material), identity,
    )  # fmt: skip


def notes(material: Material) -> Markup:
    """Return what a reader should know before believing the figures."""
    told = (*notes_of(material.report), *material.evidence.notes())
    return element("ul", [element("li", note) for note in told], class_="notes") if told else joined()
