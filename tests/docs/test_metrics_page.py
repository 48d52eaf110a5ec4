"""The page of the metrics is the one that the definitions make."""

from __future__ import annotations

from pathlib import Path

from atlas_core.report.catalogue import metric_names
from atlas_core.report.metric_page import metric_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def test_the_committed_page_is_the_one_that_the_definitions_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == metric_page(), "atlas explain metric --markdown > docs/metrics.md"


def test_the_page_names_every_metric() -> None:
    assert [name for name in metric_names() if f"`{name}`" not in metric_page()] == []
