"""Key figures: six large ones, then the account beside buy and hold, and its trades."""

from __future__ import annotations

from collections.abc import Sequence

from atlas_core.report.catalogue import metric_values
from atlas_core.report.html.markup import Markup, element
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import Heading, heading, numbers, section, table, tone
from atlas_core.report.key_figures import account_of, headline, terms_of, trade_pairs


def key_figures(material: Material) -> Markup:
    """Return the section of key figures."""
    report = material.report
    head, *rows = account_of(report)
    account = _table([heading("Account"), *map(numbers, head[1:])], rows)
    trades = _table([heading("Trades"), numbers("")], trade_pairs(report.figures, metric_values(report.results)))
    both = element("div", element("div", account), element("div", trades), class_="pair figures")
    terms = element("p", " · ".join(terms_of(report)), class_="small")
    tiles = element("div", [_tile(name, value) for name, value in headline(report)], class_="tiles")
    return section("figures", "Key figures", tiles, both, terms)


def _table(columns: Sequence[Heading], rows: Sequence[Sequence[str]]) -> Markup:
    return table(columns, [[row[0].strip(), *row[1:]] for row in rows])


def _tile(name: str, value: str) -> Markup:
    return element("div", element("span", name), element("b", value, class_=tone(value)), class_="tile")
