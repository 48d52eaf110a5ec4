"""Operations of a session; a back-test has none."""

from __future__ import annotations

from atlas_core.report.html.markup import Markup, element, joined
from atlas_core.report.html.material import Material
from atlas_core.report.html.tables import facts, heading, section, table
from atlas_core.report.operations import Operations, operations_of
from atlas_core.report.writing import when
from atlas_core.runs import Mode


def operations(material: Material) -> Markup:
    """Return the section of operations, nothing for a back-test."""
    if material.report.started.mode == Mode.BACKTEST:
        return joined()
    told = operations_of(material.records)
    return section("operations", "Operations", facts(_pairs(told)), _alerts(told))


def _pairs(told: Operations) -> list[tuple[str, str]]:
    alerts = ", ".join(f"{count:,} {severity}" for severity, count in told.alerts.items()) or "none"
    return [
        ("Processes (after a crash)", f"{told.processes:,} ({told.crashes:,})"),
        ("Orders (sent again)", f"{told.orders:,} ({told.retries:,})"),
        ("Orders refused", f"{told.refused:,}"),
        ("Orders asked about", f"{told.asked_about:,}"),
        ("Positions adjusted to the venue", f"{told.adjusted:,}"),
        ("Foreign orders or positions", f"{told.foreign:,}"),
        ("Times without protection", f"{told.unprotected:,}"),
        ("Entries stopped", f"{told.halts:,}"),
        ("Failures of components", f"{told.failures:,}"),
        ("Alerts", alerts),
    ]


def _alerts(told: Operations) -> Markup | None:
    if not told.latest:
        return None
    rows = [[when(alert.ts), alert.severity.value, alert.title, alert.text] for alert in told.latest]
    columns = (heading("Time (UTC)"), heading("Severity"), heading("Alert"), heading("Text"))
    return joined(element("h3", f"Latest {len(rows)} alerts"), table(columns, rows, name="words"))
