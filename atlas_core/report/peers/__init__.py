"""The figures of other systems by their own definitions, for people who compare: never instead of ours.

Each is computed from Atlas's trades and from its daily marks, also where the other system marks every bar. What stands
in for a figure that does not exist (-100, 0, 10) is theirs as well. Figures they report as percent are fractions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_core.errors import NotFound

if TYPE_CHECKING:
    from atlas_core.report.metric import Metric
    from atlas_core.report.results import Results

PEERS: Mapping[str, str] = {
    "freqtrade": "atlas_core.report.peers.freqtrade",
    "jesse": "atlas_core.report.peers.jesse",
    "lean": "atlas_core.report.peers.lean",
    "backtesting.py": "atlas_core.report.peers.backtesting",
    "vectorbt": "atlas_core.report.peers.vectorbt",
}


@frozen(kw_only=True)
class PeerFigures:
    """What another system would have reported of a run, by the names of its metrics; None where it has no number."""

    peer: str
    metrics: tuple[Metric, ...]
    values: Mapping[str, float | None]


def peer_metrics(peer: str) -> tuple[Metric, ...]:
    """Return the definitions of another system; raises NotFound naming those there are."""
    if peer not in PEERS:
        raise NotFound(f"expected one of {', '.join(PEERS)}, was {peer!r}")
    made: tuple[Metric, ...] = import_module(PEERS[peer]).METRICS
    return made


def peer_figures(results: Results, peer: str) -> PeerFigures:
    """Return what another system would report of these results; raises NotFound for one that is not known."""
    found = peer_metrics(peer)
    values = {metric.name: _finite(metric.value_of(results)) for metric in found}
    return PeerFigures(peer=peer, metrics=found, values=values)


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
