"""The key figures of a run: the account beside buy and hold, its trades, and the terms that they were computed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas_core.cli.tables import Column, columns_of, print_beside, print_table, say, say_parts, say_wrapped

if TYPE_CHECKING:
    from atlas_core.report.metric import Metric
    from atlas_core.report.results import Results
    from atlas_core.report.summary import Report

PEER = (Column("Theirs"), Column("Value", numeric=True), Column("Atlas", numeric=True), Column("Their formula", drop=1))


def print_key_figures(report: Report) -> None:
    """Print the account and its trades side by side where the terminal has room, else one below the other."""
    from atlas_core.report.catalogue import metric_values
    from atlas_core.report.key_figures import account_of, trade_pairs

    account, trades = account_of(report), [["", ""], *trade_pairs(report.figures, metric_values(report.results))]
    print_beside("Key figures", columns_of(account), columns_of(trades))
    print_terms(report)
    say()


def print_terms(report: Report) -> None:
    """Print what the figures were computed on: returns, year, rate, and the models of costs and fills."""
    from atlas_core.report.key_figures import terms_of

    say_parts("  " + " · ".join(terms_of(report)), indent=2)


def print_peers(report: Report, peers: Sequence[str]) -> None:
    """Print what other systems would have reported, beside what Atlas says under the same name."""
    from atlas_core.report.catalogue import METRICS, metric_values

    own = {metric.name: metric for metric in METRICS}
    values = metric_values(report.results) if peers else {}
    for peer in peers:
        rows = peer_rows(report.results, peer, own, values)
        print_table(f"{peer} would have reported, by its own definitions", PEER, rows)
        say_wrapped("Note   from Atlas's trades and daily marks; what stands in for no number is theirs too", indent=7)
        print_terms(report)
        say()


def peer_rows(
    results: Results, peer: str, own: Mapping[str, Metric], values: Mapping[str, float | None]
) -> list[list[str]]:
    """Return the cells of another system's figures in the order of `PEER`."""
    from atlas_core.report.peers import peer_figures

    made = peer_figures(results, peer)
    return [
        [
            metric.title,
            metric.written(made.values[metric.name]),
            own[metric.name].written(values[metric.name]) if _is_alike(metric, own) else "",
            metric.formula,
        ]
        for metric in made.metrics
    ]


def _is_alike(theirs: Metric, own: Mapping[str, Metric]) -> bool:
    """Tell whether Atlas has a figure of this name that counts in the same unit."""
    return theirs.name in own and own[theirs.name].unit is theirs.unit
