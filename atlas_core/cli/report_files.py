"""The report of a run as files: one page, a card, Markdown, JSON and every table as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_core import __version__
from atlas_core.cli.evidence import evidence_of
from atlas_core.cli.kept import KeptRun
from atlas_core.cli.manifests import read_made_of
from atlas_core.cli.report_market import read_market
from atlas_core.errors import AtlasError
from atlas_core.report import export
from atlas_core.statedir import set_aside

if TYPE_CHECKING:
    from atlas_core.report.summary import Report

Made = Mapping[str, str | bytes]
FOLDER = "report"
"""Where reports of a run lie below its directory: what it wrote itself at its end stays as it is."""

PAGE, CARD, TEXT = "report.html", "report.png", "report.md"
FILE_FORMATS = ("html", "png", "md", "json", "csv")


def write_report(kept: KeptRun, report: Report, formats: tuple[str, ...], folder: Path) -> list[Path]:
    """Write the report in these formats below `folder`; return the paths, the page first.

    A file that was there before is replaced whole or not at all. Raises AtlasError when the folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form in sorted(formats, key=FILE_FORMATS.index):
            for name, text in _MAKERS[form](kept, report).items():
                path = folder / name
                with set_aside(path) as aside:
                    aside.write_bytes(text if isinstance(text, bytes) else text.encode())
                written.append(path)
    except OSError as fault:
        raise AtlasError(
            f"expected to write in {folder}, was refused: {fault}; name another folder with --out"
        ) from fault
    return written


def page_of(kept: KeptRun, report: Report) -> str:
    """Return the report as HTML."""
    from atlas_core.report.html.material import Material
    from atlas_core.report.html.page import html_report

    manifest = read_made_of(kept.run)
    bars, note = read_market(kept.run, manifest)
    return html_report(
        Material(
            report=report, records=kept.records, run_id=kept.run.run_id, digest=kept.digest, version=__version__,
            manifest=manifest, bars=bars, market_note=note, evidence=evidence_of(kept),
        )
    )  # fmt: skip


def summary_of_kept(kept: KeptRun, report: Report) -> dict[str, Any]:
    """Return every figure of a report as JSON values, with what is known beside the run."""
    return {**export.summary_of(report), **evidence_of(kept).facts()}


def markdown_of(kept: KeptRun, report: Report) -> str:
    """Return the report as Markdown."""
    from atlas_core.report.markdown import markdown_report

    return markdown_report(report, kept.run.run_id, __version__, evidence_of(kept))


def _tables(kept: KeptRun, report: Report) -> Made:
    from atlas_core.report.daily import day_rows
    from atlas_core.report.fills import fill_rows
    from atlas_core.report.orders import order_rows

    return {
        **export.table_files(report, order_rows(kept.records)),
        "fills.csv": export.csv_text(export.FILL_COLUMNS, fill_rows(kept.records)),
        "daily.csv": export.csv_text(export.DAY_COLUMNS, day_rows(report.curve, report.trades)),
    }


def _card(kept: KeptRun, report: Report) -> Made:
    from atlas_core.report.card import png_card

    return {CARD: png_card(report, kept.run.run_id, __version__)}


_MAKERS: Mapping[str, Callable[[KeptRun, Report], Made]] = {
    "html": lambda kept, report: {PAGE: page_of(kept, report)},
    "png": _card,
    "md": lambda kept, report: {TEXT: markdown_of(kept, report)},
    "json": lambda kept, report: {"summary.json": export.json_text(summary_of_kept(kept, report))},
    "csv": _tables,
}
