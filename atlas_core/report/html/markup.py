"""HTML and SVG that cannot be broken out of: every text is escaped unless it is already markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_VOID = frozenset({"br", "col", "hr", "input", "link", "meta"})
_EMPTY_SHAPES = frozenset({"circle", "line", "path", "polygon", "rect", "use"})


class Markup(str):
    """Text that is HTML already; only `element` and `joined` make it."""

    __slots__ = ()


Child = str | None | Sequence["Child"]
Attribute = str | float | bool | None


def text_of(child: Child) -> str:
    """Return a child as HTML: markup as it is, text escaped, sequences one after the other, nothing for None."""
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(child)
    return "".join(map(text_of, child))


def joined(*children: Child) -> Markup:
    """Return children one after the other."""
    return Markup(text_of(children))


def element(tag: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element.

    A trailing underscore of an attribute falls away (`class_`), others become hyphens (`data_net`); True is an
    attribute without a value, None and False leave it out, numbers are written short.
    """
    opening = tag + "".join(_attribute(key, value) for key, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{opening}>")
    if tag in _EMPTY_SHAPES and not children:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{text_of(children)}</{tag}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{escape(value if isinstance(value, str) else short(value))}"'


def verbatim(text: str) -> Markup:
    """Return a style sheet or a script of ours as it is; raises ValueError for one that would end its own element."""
    if "</" in text:
        raise ValueError("expected a style sheet or script without an end tag")
    return Markup(text)


def short(value: float, digits: int = 2) -> str:
    """Return a coordinate in its shortest form, such as `12`, `12.5` or `-0.25`."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def percentage(share: float) -> str:
    """Return a share of a whole as a coordinate, such as `37.5%`."""
    return short(share * 100) + "%"
