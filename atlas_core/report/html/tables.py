"""Tables of the report: numbers to the right, totals at the foot, wide ones scroll in their own box."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from atlas_core.report.html.markup import Child, Markup, element


@frozen
class Heading:
    """A column's name, and whether it holds numbers."""

    name: str
    is_number: bool = False


def heading(name: str) -> Heading:
    """Return the heading of a column of words."""
    return Heading(name)


def numbers(name: str) -> Heading:
    """Return the heading of a column of numbers."""
    return Heading(name, is_number=True)


def table(
    columns: Sequence[Heading],
    rows: Sequence[Sequence[Child]],
    *,
    footer: Sequence[Child] | None = None,
    name: str = "",
) -> Markup:
    """Return a table in a box of its own that scrolls where the page is narrow."""
    head = element("thead", element("tr", [_head(column) for column in columns]))
    body = element("tbody", [element("tr", _cells(columns, row)) for row in rows])
    foot = None if footer is None else element("tfoot", element("tr", _cells(columns, footer)))
    return boxed(element("table", head, body, foot, class_=name or None))


def boxed(content: Markup) -> Markup:
    """Return wide content in a box that scrolls by itself."""
    return element("div", content, class_="box", tabindex="0")


def _head(column: Heading) -> Markup:
    return element("th", column.name, scope="col", class_="num" if column.is_number else None)


def _cells(columns: Sequence[Heading], row: Sequence[Child]) -> list[Markup]:
    return [element("td", cell, class_=_class(column, cell)) for column, cell in zip(columns, row, strict=True)]


def _class(column: Heading, cell: Child) -> str | None:
    return tone(cell if isinstance(cell, str) else "", "num") if column.is_number else None


def tone(text: str, base: str = "") -> str | None:
    """Return the classes of a number: `gain` or `loss` where it carries a sign."""
    is_one = text[1:2].isdigit() and " / " not in text and " to " not in text
    sign = {"+": "gain", "-": "loss"}.get(text[:1], "") if is_one else ""
    return " ".join(part for part in (base, sign) if part) or None


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Return names with their values."""
    return element("dl", [element("div", element("dt", name), element("dd", value)) for name, value in pairs])


def section(name: str, title: str, *content: Child, intro: str = "") -> Markup:
    """Return a section with its heading; `name` is what links point at."""
    lead = element("p", intro, class_="intro") if intro else None
    return element("section", element("h2", title), lead, content, id=name)
