"""What is tried: one dimension for each `--set KEY=VALUES`, read from the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property

from attrs import frozen

from atlas_core.errors import UsageError
from atlas_core.options.problems import closest, did_you_mean

LARGEST_DIMENSION = 100_000
SIGNIFICANT_DIGITS = 6
FOLLOWS = "@"
"""Before the key whose value another one takes: `--set exit.0.fast=@scanner.0.fast`."""

SYNTAX = "such as 0.5,1,2 or 5:50:5 (from:to:step) or 1:64:log7 (7 values at equal ratios)"

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::(log\d*|{_NUMBER}))?")
_OPENING, _CLOSING, _QUOTES = "[{(", "]})", "\"'"

Setting = tuple[str, str]
"""A key of the profile and its value as TOML text."""


@frozen
class Choices:
    """Some values, in the order in which they were written; each is TOML text."""

    key: str
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_numeric(self) -> bool:
        """Tell whether all values are numbers, so that neighbours are those beside it."""
        return all(as_number(value) is not None for value in self.values)

    def position(self, value: str) -> int:
        """Return the place of a value."""
        return self.values.index(value)

    def at(self, fraction: float) -> str:
        """Return the value at a fraction (0 to 1) of the way."""
        return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]


@frozen
class Span:
    """Every number from `low` to `high`, which only a drawing method can try; on a log scale when `is_log`."""

    key: str
    low: Decimal
    high: Decimal
    is_log: bool = False

    @property
    def is_numeric(self) -> bool:
        """Tell that the values are numbers."""
        return True

    def at(self, fraction: float) -> str:
        """Return the value at a fraction (0 to 1) of the way, with six significant digits."""
        low, high = float(self.low), float(self.high)
        value = low * (high / low) ** fraction if self.is_log else low + (high - low) * fraction
        return number_text(value)


Dimension = Choices | Span


@frozen
class Space:
    """The dimensions of a search; combinations are numbered with the last dimension running fastest.

    `links` are keys that always have the value of a dimension: pairs of the key and the one that it follows.
    """

    dimensions: tuple[Dimension, ...]
    links: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of the profile that are tried."""
        return tuple(dimension.key for dimension in self.dimensions)

    @cached_property
    def size(self) -> int | None:
        """Return the number of combinations, None where a dimension holds every number of a span."""
        sizes = [len(dimension) for dimension in self.dimensions if isinstance(dimension, Choices)]
        return math.prod(sizes) if len(sizes) == len(self.dimensions) else None

    def combination(self, number: int) -> tuple[Setting, ...]:
        """Return one combination of a space with a size."""
        rest, settings = number, []
        for dimension in reversed(self.dimensions):
            assert isinstance(dimension, Choices)
            rest, place = divmod(rest, len(dimension))
            settings.append((dimension.key, dimension.values[place]))
        return self.linked(tuple(reversed(settings)))

    def drawn(self, fractions: Sequence[float]) -> tuple[Setting, ...]:
        """Return the combination at one fraction (0 to 1) for each dimension."""
        return self.linked(
            tuple((d.key, d.at(fraction)) for d, fraction in zip(self.dimensions, fractions, strict=True))
        )

    def linked(self, settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
        """Return one value for each dimension, and behind them those of the keys that follow one."""
        if not self.links:
            return settings
        values = dict(settings)
        return (*settings, *((key, values[followed]) for key, followed in self.links))


def read_space(changes: Sequence[str]) -> tuple[tuple[Setting, ...], Space]:
    """Return the settings with one value and the space of those with several, from `KEY=VALUES` texts.

    Raises UsageError for a text that is none, a key that is said twice, or nothing to search.
    """
    fixed: list[Setting] = []
    links: list[tuple[str, str]] = []
    dimensions: list[Dimension] = []
    for change in changes:
        key, equals, text = change.partition("=")
        key = key.strip()
        if not equals or not key or not text.strip():
            raise UsageError(f"expected --set KEY=VALUES, {SYNTAX}, was {change!r}")
        if key in {known for known, _ in (*fixed, *links)} | {dimension.key for dimension in dimensions}:
            raise UsageError(f"expected --set {key} once, was said twice")
        if text.strip().startswith(FOLLOWS):
            links.append((key, text.strip().removeprefix(FOLLOWS)))
            continue
        dimension = read_dimension(key, text.strip())
        if isinstance(dimension, Choices) and len(dimension) == 1:
            fixed.append((key, dimension.values[0]))
        else:
            dimensions.append(dimension)
    if not dimensions:
        raise UsageError(f"expected at least one --set KEY=VALUES with several values, {SYNTAX}")
    return tuple(fixed), Space(tuple(dimensions), _followed(links, dimensions))


def _followed(links: Sequence[tuple[str, str]], dimensions: Sequence[Dimension]) -> tuple[tuple[str, str], ...]:
    keys = [dimension.key for dimension in dimensions]
    for key, followed in links:
        if followed not in keys:
            hint = did_you_mean(closest(followed, keys))
            raise UsageError(
                f"--set {key}: expected {FOLLOWS}KEY with one of {', '.join(keys)}, was {FOLLOWS}{followed}"
                f"{'; ' + hint if hint else ''}"
            )
    return tuple(links)


def read_dimension(key: str, text: str) -> Dimension:
    """Return what one `VALUES` text names; raises UsageError."""
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None:
        return Choices(key, _distinct(key, list(_parts(text))))
    low, high, step = Decimal(match[1]), Decimal(match[2]), match[3]
    if high < low:
        raise UsageError(f"--set {key}: expected FROM:TO with FROM below TO, was {text}")
    if step is not None and step.startswith("log"):
        return _on_log_scale(key, low, high, step.removeprefix("log"))
    if step is None and not (_is_whole(low) and _is_whole(high)):
        return Span(key, low, high)
    return Choices(key, _stepped(key, low, high, Decimal(step or 1)))


def _on_log_scale(key: str, low: Decimal, high: Decimal, count: str) -> Dimension:
    if low <= 0:
        raise UsageError(f"--set {key}: expected a log range above 0, was from {low}")
    if not count:
        return Span(key, low, high, is_log=True)
    points = int(count)
    if not 2 <= points <= LARGEST_DIMENSION:
        raise UsageError(f"--set {key}: expected log2 to log{LARGEST_DIMENSION}, was log{count}")
    whole = _is_whole(low) and _is_whole(high)
    ratio = float(high) / float(low)
    values = [float(low) * ratio ** (place / (points - 1)) for place in range(points)]
    texts = [str(round(value)) if whole else number_text(value) for value in values]
    return Choices(key, tuple(dict.fromkeys(texts)))


def _stepped(key: str, low: Decimal, high: Decimal, step: Decimal) -> tuple[str, ...]:
    if step <= 0:
        raise UsageError(f"--set {key}: expected a step above 0, was {step}")
    count = int((high - low) / step) + 1
    if count > LARGEST_DIMENSION:
        raise UsageError(f"--set {key}: expected at most {LARGEST_DIMENSION:,} values, was {count:,}; widen the step")
    return tuple(format(low + step * place, "f") for place in range(count))


def _distinct(key: str, values: Sequence[str]) -> tuple[str, ...]:
    if not all(values):
        raise UsageError(f"--set {key}: expected a value between the commas, was none")
    if len(set(values)) < len(values):
        raise UsageError(f"--set {key}: expected each value once, was {', '.join(values)}")
    return tuple(values)


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between the commas that are in no bracket and in no quotes."""
    depth, quote, part = 0, "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        depth += 0 if quote else (sign in _OPENING) - (sign in _CLOSING)
        if sign == "," and not depth and not quote:
            yield part.strip()
            part = ""
        else:
            part += sign
    yield part.strip()


def _is_whole(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= 0


def as_number(text: str) -> Decimal | None:
    """Return a value's text as a number, None where it is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def number_text(value: float) -> str:
    """Return a number with six significant digits and without an exponent."""
    return format(Decimal(f"{value:.{SIGNIFICANT_DIGITS}g}"), "f")
