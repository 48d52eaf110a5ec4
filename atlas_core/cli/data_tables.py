"""What `atlas data` shows of the series in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlas_core.cli.formats import NOTHING, held, when
from atlas_core.cli.tables import Column, print_table, say

if TYPE_CHECKING:
    from atlas_core.barstore.store import BarStore, StoredSeries
    from atlas_core.marketdata.gaps import Gap

COLUMNS = (
    Column("Symbol"),
    Column("TF"),
    Column("Source"),
    Column("From", numeric=True),
    Column("To", numeric=True),
    Column("Bars", numeric=True),
    Column("Gaps", numeric=True),
    Column("Missing", numeric=True, drop=2),
    Column("Size", numeric=True, drop=1),
    Column("Origin", drop=3),
)
_NAME_SIGNS = 28
_UNITS = ("B", "kB", "MB", "GB", "TB")


def print_series(store: BarStore, found: Sequence[StoredSeries], damaged: Sequence[str]) -> None:
    """Print the table of the series, and what is wrong with those that cannot be read."""
    if found:
        print_table("", COLUMNS, [_cells(series) for series in found])
        size = sum(series.manifest.size_bytes for series in found)
        rows = sum(series.manifest.rows for series in found)
        say(f"{len(found)} series, {rows:,} bars, {bytes_text(size)} in {store.root}")
    elif not damaged:
        say(f"no bars are kept in {store.root}; atlas data import FILE, or atlas data download PROFILE")
    for line in damaged:
        say(f"DAMAGED {line}")


def _cells(series: StoredSeries) -> list[str]:
    key, manifest = series.key, series.manifest
    span = (_day(manifest.first_opened_at), _day(manifest.last_available_at)) if manifest.rows else (NOTHING, NOTHING)
    missing = f"{manifest.missing_bars:,}" if manifest.missing_bars else NOTHING
    timeframe = key.timeframe.text if key.price == "trade" else f"{key.timeframe} {key.price}"
    return [
        key.symbol, timeframe, key.source, *span, f"{manifest.rows:,}",
        f"{manifest.gaps:,}" if manifest.gaps else NOTHING, missing, bytes_text(manifest.size_bytes),
        _origin_text(series),
    ]  # fmt: skip


def _day(ts: int) -> str:
    return when(ts).partition(" ")[0]


def _shortened(name: str) -> str:
    """Return a name in which the middle of a long one is left out."""
    if len(name) <= _NAME_SIGNS:
        return name
    return f"{name[: _NAME_SIGNS // 2]}…{name[-_NAME_SIGNS // 2 + 1 :]}"


def _origin_text(series: StoredSeries) -> str:
    origins = series.manifest.origins
    if not origins:
        return NOTHING
    more = f" and {len(origins) - 1} more" if len(origins) > 1 else ""
    repaired = ", repaired" if any(origin.repairs for origin in origins) else ""
    return f"{_shortened(origins[-1].name)}{more}{repaired}"


def facts_of(series: StoredSeries) -> dict[str, Any]:
    """Return what is known of a series, for JSON."""
    from attrs import asdict

    from atlas_core.report.export import iso

    key, manifest = series.key, series.manifest
    return {
        "source": key.source,
        "symbol": key.symbol,
        "timeframe": key.timeframe.text,
        "price": key.price,
        "from": iso(manifest.first_opened_at) if manifest.rows else None,
        "to": iso(manifest.last_available_at) if manifest.rows else None,
        "bars": manifest.rows,
        "gaps": manifest.gaps,
        "missing_bars": manifest.missing_bars,
        "session": manifest.session,
        "tick_size": manifest.tick_size,
        "bytes": manifest.size_bytes,
        "identity": manifest.identity,
        "origins": [{**asdict(origin), "written_at": iso(origin.written_at)} for origin in manifest.origins],
    }


def gaps_of(store: BarStore, series: StoredSeries) -> tuple[Gap, ...]:
    """Return the gaps of a series in its session, oldest first."""
    from atlas_core.marketdata.gaps import find_gaps
    from atlas_core.marketdata.sessions import grid_of

    return find_gaps(store.bars(series.key), grid_of(series.manifest.session))


def gap_facts(series: StoredSeries, gaps: Sequence[Gap]) -> dict[str, Any]:
    """Return the gaps of a series, for JSON."""
    from atlas_core.report.export import iso

    rows = [{"from": iso(gap.begins), "to": iso(gap.ends), "missing_bars": gap.missing_bars} for gap in gaps]
    key = series.key
    return {"source": key.source, "symbol": key.symbol, "timeframe": key.timeframe.text, "gaps": rows}


def print_gaps(series: StoredSeries, gaps: Sequence[Gap], most: int | None) -> None:
    """Print the gaps of a series, the longest ones where there are more than `most`."""
    manifest = series.manifest
    title = f"{series.key}, session {manifest.session}"
    if not gaps:
        say(f"{title}: no gap in {manifest.rows:,} bars")
        return
    shown = list(gaps)
    if most is not None and len(gaps) > most:
        shown = sorted(sorted(gaps, key=lambda gap: -gap.missing_bars)[:most], key=lambda gap: gap.begins)
    columns = (Column("From"), Column("To"), Column("Missing", numeric=True), Column("Lasts", numeric=True))
    rows = [[when(gap.begins), when(gap.ends), f"{gap.missing_bars:,}", held(gap.ends - gap.begins)] for gap in shown]
    print_table(title, columns, rows)
    missing = sum(gap.missing_bars for gap in gaps)
    longest = f" (the {most} longest are shown; --all shows every one)" if len(shown) < len(gaps) else ""
    say(f"{counted(len(gaps), 'gap')}, {counted(missing, 'bar')} missing beside {manifest.rows:,}{longest}")


def counted(count: int, what: str) -> str:
    """Return a number with what it counts: `1 gap`, `2 gaps`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def gap_text(gaps: int, missing_bars: int) -> str:
    """Return how many gaps there are and what is missing in them."""
    return f"{counted(gaps, 'gap')}, {counted(missing_bars, 'bar')} missing" if gaps else "no gap"


def bytes_text(size: float) -> str:
    """Return a size as people read it."""
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"
