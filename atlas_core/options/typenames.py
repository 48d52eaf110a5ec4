"""The types that an option may have, and what they are called."""

from __future__ import annotations

import types
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from attrs import Attribute, fields, resolve_types

from atlas_core.model.timeframe import Timeframe
from atlas_core.options.moment import Moment
from atlas_core.options.problems import written
from atlas_core.options.secret import Secret

_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
    Timeframe: "a timeframe such as 1m, 15m, 1h, 4h, 1d, 1w or 1M",
    Path: "a path",
    Secret: "a reference to a secret",
    Moment: "a time such as 2022-01-01, 20220101 or 20260101T1500 (UTC)",
}
_SHORT: Mapping[Any, str] = {Timeframe: "timeframe", Moment: "time", Secret: "secret"}


def option_fields(cls: type[Any]) -> tuple[Attribute[Any], ...]:
    """Return the fields of an option class that a table may set, with real types."""
    resolve_types(cls)
    return tuple(field for field in fields(cls) if field.init)


def optional_inner(type_: Any) -> Any:
    """Return X for `X | None`, else None."""
    if get_origin(type_) not in (Union, types.UnionType):
        return None
    inner = [part for part in get_args(type_) if part is not type(None)]
    return inner[0] if len(inner) == 1 and len(get_args(type_)) > 1 else None


def is_list(type_: Any) -> bool:
    """Tell whether the type is `tuple[X, ...]`."""
    return get_origin(type_) is tuple and len(get_args(type_)) == 2 and get_args(type_)[1] is Ellipsis


def is_table(type_: Any) -> bool:
    """Tell whether the type is `Mapping[str, X]`."""
    origin = get_origin(type_)
    return isinstance(origin, type) and issubclass(origin, Mapping) and get_args(type_)[0] is str


def item_type(type_: Any) -> Any:
    """Return the type of a list's items or of a table's values."""
    return get_args(type_)[0] if is_list(type_) else get_args(type_)[1]


def choices_of(type_: Any) -> Mapping[Any, Any]:
    """Return the values that a Literal or StrEnum is written as, each with what it becomes."""
    if get_origin(type_) is Literal:
        return {value: value for value in get_args(type_)}
    if isinstance(type_, type) and issubclass(type_, StrEnum):
        return {member.value: member for member in type_}
    return {}


def expected_text(type_: Any) -> str:
    """Return what a value of the type is called in a message, with its article."""
    if type_ in _NAMES:
        return _NAMES[type_]
    inner = optional_inner(type_)
    if inner is not None:
        return expected_text(inner)
    if choices_of(type_):
        return f"one of {', '.join(written(choice) for choice in choices_of(type_))}"
    return "a list" if is_list(type_) else "a table"


def type_text(type_: Any) -> str:
    """Return what the type is called in a table of options."""
    inner = optional_inner(type_)
    if inner is not None:
        return type_text(inner)
    if is_list(type_):
        return f"list of {type_text(item_type(type_))}"
    if is_table(type_):
        return f"table of {type_text(item_type(type_))}"
    return _SHORT.get(type_) or expected_text(type_).removeprefix("a ")
