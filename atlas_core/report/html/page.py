"""The report as one HTML file: no request leaves it, and everything can be read without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from atlas_core.report.html import (
    account,
    calendar,
    configuration,
    head,
    key_figures,
    market,
    operations,
    refusals,
    robustness,
    statistics,
    trades,
)
from atlas_core.report.html.markup import Markup, element, joined, verbatim
from atlas_core.report.html.material import Material
from atlas_core.report.html.unfolding import unfolded_trades

LARGEST = 1_000_000
ROOM = 850_000  # what is left is for the head, style sheet and script, and for rows that unfold
DISCLAIMER = (
    "Results of the past, simulated or real, do not tell those of the future. Nothing here is advice to buy or sell."
)


def html_report(material: Material) -> str:
    """Return the page."""
    style, script = _asset("report.css"), _asset("report.js")
    title = f"{material.report.started.profile} · {material.run_id}"
    page_head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", verbatim(style)),
    )
    body = element(
        "body", head.banner(material), element("main", _content(material)), element("script", verbatim(script))
    )
    return f"<!doctype html>\n{element('html', page_head, body, lang='en')}\n"


def _content(material: Material) -> Markup:
    """Return all sections; the rows of trades unfold as much as the others leave room for."""
    shown = trades.chosen_trades(material.report.trades)
    before = [
        key_figures.key_figures(material),
        account.account(material),
        calendar.calendar(material),
        statistics.statistics(material),
        market.market(material, shown),
    ]
    after = [
        refusals.refusals(material),
        robustness.robustness(material),
        operations.operations(material),
        configuration.configuration(material),
    ]
    taken = sum(len(part.encode()) for part in (*before, trades.trades(material, shown, {}), *after))
    unfolded = unfolded_trades(material, shown, room=ROOM - taken)
    sections = [*before, trades.trades(material, shown, unfolded), *after]
    foot = element("footer", element("p", DISCLAIMER))
    return joined(head.head(material), _links(sections), sections, foot)


def _links(sections: Sequence[Markup]) -> Markup:
    """Return a link to each section that is there."""
    named = {
        "figures": "Key figures", "account": "Account", "calendar": "By time", "statistics": "Statistics",
        "market": "Market", "trades": "Trades", "refusals": "Refused", "robustness": "Robustness",
        "operations": "Operations", "configuration": "Configuration",
    }  # fmt: skip
    there = [name for name in named if any(part.startswith(f'<section id="{name}"') for part in sections)]
    return element("nav", [element("a", named[name], href=f"#{name}") for name in there], aria_label="Sections")


def _asset(name: str) -> str:
    return files("atlas_core.report.html").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a policy that allows our own style sheet and script by their hash, and nothing else at all."""
    own = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
