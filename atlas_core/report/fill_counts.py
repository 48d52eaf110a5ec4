"""How the fills of a run were decided: what a reader should know before believing them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from atlas_core.model.orders import FillBasis
from atlas_core.model.records import FillBooked, Record


@frozen(kw_only=True)
class FillCounts:
    """Fills of a run; `inside_bar` are those that no seen price decided, `by_detail` those of them that finer bars did.

    `unclear` could be decided by neither: the worst case was taken, with optimistic fills the best.
    """

    total: int = 0
    inside_bar: int = 0
    by_detail: int = 0
    unclear: int = 0


def fill_counts(records: Iterable[Record]) -> FillCounts:
    """Count the fills of a run by what they were decided on."""
    fills = [record for record in records if isinstance(record, FillBooked)]
    return FillCounts(
        total=len(fills),
        inside_bar=sum(fill.basis is not FillBasis.PRINT or fill.ambiguous for fill in fills),
        by_detail=sum(fill.basis is FillBasis.DETAIL for fill in fills),
        unclear=sum(fill.ambiguous for fill in fills),
    )


def fills_sentence(counts: FillCounts, fill_model: str = "") -> str:
    """Return the counts in one sentence, empty where no fill was decided inside a bar."""
    if not counts.inside_bar:
        return ""
    side = "for us" if fill_model.startswith("optimistic") else "against us"
    detail = f", {counts.by_detail:,} of them on finer bars" if counts.by_detail else ""
    unclear = f"; {counts.unclear:,} were unclear and decided {side}" if counts.unclear else "; none was unclear"
    return f"{counts.inside_bar:,} of {counts.total:,} fills were decided inside a bar{detail}{unclear}"
