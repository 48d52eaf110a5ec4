"""Every metric by name: where screens, exports, objectives and comparisons take their names and values from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from attrs import frozen

from atlas_core.errors import NotFound
from atlas_core.report.account_metrics import ACCOUNT_METRICS, CURVE_NAMES
from atlas_core.report.metric import Metric
from atlas_core.report.results import Results
from atlas_core.report.trade_metrics import TRADE_METRICS

METRICS: tuple[Metric, ...] = (*ACCOUNT_METRICS, *TRADE_METRICS)
_BY_NAME = {metric.name: metric for metric in METRICS}


def metric_names() -> tuple[str, ...]:
    """Return the name of every metric."""
    return tuple(_BY_NAME)


def metric_named(name: str) -> Metric:
    """Return a metric; raises NotFound with the nearest names."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    near = get_close_matches(name, _BY_NAME, n=3)
    meant = f"did you mean {' or '.join(near)}?" if near else f"it is one of {', '.join(_BY_NAME)}"
    raise NotFound(f"expected the name of a metric, was {name!r}: {meant}")


def metric_values(results: Results, names: Sequence[str] | None = None) -> dict[str, float | None]:
    """Return metrics by name, every one or those that are named; None where a figure does not exist.

    Raises NotFound for a name that no metric has.
    """
    chosen: Iterable[Metric] = METRICS if names is None else map(metric_named, names)
    return {metric.name: _finite(metric.value_of(results)) for metric in chosen}


@frozen(kw_only=True)
class MetricRow:
    """One metric of a run beside that of buy and hold, None where a figure does not exist or was not kept."""

    metric: Metric
    value: float | None
    buy_and_hold: float | None

    @property
    def name(self) -> str:
        """Return the name of the metric."""
        return self.metric.name

    @property
    def title(self) -> str:
        """Return what people call it."""
        return self.metric.title

    @property
    def unit(self) -> str:
        """Return its unit."""
        return self.metric.unit.value


def metric_rows(results: Results, benchmark: Results | None) -> tuple[MetricRow, ...]:
    """Return every metric of a run as a row, that of buy and hold for those of the curve."""
    values = metric_values(results)
    held = {} if benchmark is None else metric_values(benchmark, CURVE_NAMES)
    return tuple(
        MetricRow(metric=metric, value=values[metric.name], buy_and_hold=held.get(metric.name)) for metric in METRICS
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
