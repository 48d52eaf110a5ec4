"""What a profile may say about the continuity gate: which timeframes are asked, and how many must agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from attrs import Factory, frozen

from atlas_core import Timeframe, at_least, option, parse_timeframe


class ContinuityMethod(StrEnum):
    """What tells the side of a timeframe."""

    OPENS = "opens"
    BAR_TYPE = "bar_type"


class Incomplete(StrEnum):
    """What becomes of a signal when a timeframe that is asked is not known."""

    REFUSE = "refuse"
    COUNT = "count"


def _each_once(_options: object, _attribute: object, values: Sequence[Timeframe]) -> None:
    again = sorted({value.text for value in values if values.count(value) > 1})
    if again:
        raise ValueError(f"expected each timeframe once, was twice or more: {', '.join(again)}")


def _are_timeframes(_options: object, _attribute: object, values: Iterable[str]) -> None:
    for text in values:
        if parse_timeframe(text).text != text:
            raise ValueError(f'expected timeframes spelled as in "{parse_timeframe(text)}", was "{text}"')


@frozen(kw_only=True)
class Requirement:
    """Which timeframes are asked, longest first, and how many of them must be on the side of the trade."""

    timeframes: tuple[Timeframe, ...] = option(check=_each_once, help="the timeframes that are asked")
    minimum: int | None = option(None, check=at_least(1), help="how many must be on the side of the trade; none: all")

    def __attrs_post_init__(self) -> None:
        if not self.timeframes:
            raise ValueError("expected at least one timeframe, was none")
        if self.minimum is not None and self.minimum > len(self.timeframes):
            raise ValueError(f"expected a minimum of at most {len(self.timeframes)} timeframes, was {self.minimum}")

    @property
    def needed(self) -> int:
        """Return how many timeframes must be on the side of the trade."""
        return len(self.timeframes) if self.minimum is None else self.minimum


def _asks(texts: str, minimum: int) -> Requirement:
    return Requirement(timeframes=tuple(map(parse_timeframe, texts.split())), minimum=minimum)


# The timeframes of the method for a signal of each timeframe, and for a signal of any other.
USUAL: Mapping[str, Requirement] = {
    "1h": _asks("1M 1w 1d 1h", 3),
    "4h": _asks("1w 1d 4h 1h", 2),
    "1d": _asks("1M 1w 1d", 2),
    "1w": _asks("1M 1w", 1),
    "1M": _asks("1M", 1),
}
USUAL_OF_OTHERS = _asks("1w 1d 4h 1h", 3)


@frozen(kw_only=True)
class ContinuityOptions:
    """Options of the gate `strat.continuity`."""

    method: ContinuityMethod = option(
        ContinuityMethod.OPENS, help="what tells the side of a timeframe: its open, or the label of its current bar"
    )
    timeframes: tuple[Timeframe, ...] = option(
        (),
        check=_each_once,
        help="what is asked for every signal that `require` has no line for; none: the usual table",
    )
    minimum_score: int | None = option(
        None, check=at_least(1), help="how many of them must be on the side of the trade; none: as the usual table says"
    )
    require: Mapping[str, Requirement] = option(
        Factory(dict), check=_are_timeframes, help="what is asked for a signal of each timeframe, before all else"
    )
    minimum_distinct_opens: int = option(
        1, check=at_least(1), help="how many different opens there must be: equal ones are one fact"
    )
    incomplete: Incomplete = option(
        Incomplete.REFUSE, help="a timeframe that is not known refuses the signal, or counts as not agreeing"
    )
    size_by_score: bool = option(False, help="take the share of the size that is the share of timeframes that agree")

    def __attrs_post_init__(self) -> None:
        if self.timeframes and (self.minimum_score or 0) > len(self.timeframes):
            raise ValueError(f"expected minimum_score of at most {len(self.timeframes)}, was {self.minimum_score}")

    def requirement(self, timeframe: str) -> Requirement:
        """Return what is asked for a signal of a timeframe; a score beyond what is asked means all of it."""
        said = self.require.get(timeframe)
        if said is not None:
            return said
        if self.timeframes:
            most = min(USUAL_OF_OTHERS.needed, len(self.timeframes))
            return Requirement(timeframes=self.timeframes, minimum=self.minimum_score or most)
        usual = USUAL.get(timeframe, USUAL_OF_OTHERS)
        if self.minimum_score is None:
            return usual
        return Requirement(timeframes=usual.timeframes, minimum=min(self.minimum_score, len(usual.timeframes)))
