"""What a trial is known by, and what it is measured by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from atlas_core.report.catalogue import metric_names
from atlas_core.search.space import Setting

SLOW_METRICS = frozenset({"expectancy_low", "expectancy_high"})
"""Metrics of thousands of resamples, which are computed for a trial only when they are the objective."""

SPAN_KEYS = frozenset({"universe.start", "universe.end"})


def metrics_of_trials(objective: str) -> tuple[str, ...]:
    """Return the names of the metrics that a trial is measured by."""
    return tuple(name for name in metric_names() if name not in SLOW_METRICS or name == objective)


def system_digest(base: str, settings: Sequence[Setting]) -> str:
    """Return what identifies a system that is tried: its profile and its settings, whatever the span of its data."""
    values = sorted((key, value) for key, value in settings if key not in SPAN_KEYS)
    return hashlib.sha256(json.dumps([base, values]).encode()).hexdigest()[:32]
