"""What plugin authors declare: options with help, unit and checks of their value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from attrs import NOTHING, field, frozen

from atlas_core.options.problems import shown

Number = int | float | Decimal


@frozen
class Check:
    """A check of one value: `expected` says what it wants, `schema` says it to editors.

    It works as an attrs validator; None passes, because only an optional value can be None.
    """

    expected: str
    test: Callable[[Any], bool]
    schema: Mapping[str, Any] = field(factory=dict)

    def __call__(self, _instance: object, _attribute: object, value: Any) -> None:
        """Raise ValueError when the value is not what is expected."""
        if value is not None and not self.test(value):
            raise ValueError(f"expected {self.expected}, was {shown(value)}")


class ItemError(ValueError):
    """An item is not what is expected; `place` is its number or key."""

    def __init__(self, message: str, place: int | str) -> None:
        super().__init__(message)
        self.place = place


@frozen
class EachCheck(Check):
    """A check of every item of a list, or of every value of a table."""

    check: Check = field(kw_only=True)

    def __call__(self, instance: object, attribute: object, value: Any) -> None:
        """Raise ItemError for the first item that is not what is expected."""
        items = value.items() if isinstance(value, Mapping) else enumerate(value or ())
        for place, item in items:
            try:
                self.check(instance, attribute, item)
            except ValueError as error:
                raise ItemError(str(error), place) from None


def option(
    default: Any = NOTHING,
    *,
    help: str = "",
    check: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
    unit: str = "",
) -> Any:
    """Declare one option of an option class (`attrs.frozen(kw_only=True)`); without a default it is required."""
    checks = () if check is None else (check,) if callable(check) else tuple(check)
    return field(
        default=default,
        validator=list(checks) or None,
        metadata={"atlas.help": help, "atlas.unit": unit, "atlas.checks": checks},
    )


def at_least(limit: Number) -> Check:
    """Want a number not below `limit`."""
    return Check(f"a number >= {limit}", lambda value: bool(value >= limit), {"minimum": float(limit)})


def above(limit: Number) -> Check:
    """Want a number above `limit`."""
    return Check(f"a number > {limit}", lambda value: bool(value > limit), {"exclusiveMinimum": float(limit)})


def at_most(limit: Number) -> Check:
    """Want a number not above `limit`."""
    return Check(f"a number <= {limit}", lambda value: bool(value <= limit), {"maximum": float(limit)})


def between(low: Number, high: Number) -> Check:
    """Want a number from `low` to `high`, both allowed."""
    return Check(
        f"a number from {low} to {high}",
        lambda value: bool(low <= value <= high),
        {"minimum": float(low), "maximum": float(high)},
    )


def one_of(*values: Any) -> Check:
    """Want one of `values`."""
    return Check(
        f"one of {', '.join(shown(value) for value in values)}",
        lambda value: value in values,
        {"enum": list(values)},
    )


def matches(regex: str, what: str) -> Check:
    """Want a text that matches `regex` as a whole; `what` says it in words, with its article."""
    pattern = re.compile(regex)
    return Check(what, lambda value: pattern.fullmatch(value) is not None, {"pattern": f"^(?:{regex})$"})


def not_empty() -> Check:
    """Want at least one character or one item."""
    return Check("a value that is not empty", lambda value: len(value) > 0)


def time_of_day() -> Check:
    """Want a local time of day to the minute."""
    return matches(r"([01]\d|2[0-3]):[0-5]\d", 'a time of day such as "17:00"')


def time_zone() -> Check:
    """Want a name of the time zone database."""
    return Check('a time zone such as "America/New_York" or "UTC"', _is_zone)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def each(check: Check) -> Check:
    """Want every item of a list, or every value of a table, to pass `check`."""
    expected = f"each item to be {check.expected}"
    return EachCheck(expected, lambda value: all(map(check.test, value)), {"items": check.schema}, check=check)
