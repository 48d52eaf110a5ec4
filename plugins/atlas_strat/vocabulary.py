"""The words of the method that options, scanners and reports share."""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """A group of patterns with one shape; directions and colours make the members."""

    TWO_ONE_TWO = "2-1-2"
    THREE_ONE_TWO = "3-1-2"
    TWO_TWO = "2-2"
    THREE_TWO = "3-2"
    THREE_TWO_TWO = "3-2-2"
    ONE_TWO_TWO = "1-2-2"
    ONE_ONE_TWO = "1-1-2"
    ONE_TWO = "1-2"
    ONE_THREE = "1-3"
    TWO_THREE = "2-3"
    THREE_THREE = "3-3"

    @property
    def ends_outside(self) -> bool:
        """Whether the pattern completes with a 3, which no closed bar can arm."""
        return self in (Family.ONE_THREE, Family.TWO_THREE, Family.THREE_THREE)


TRADED_FAMILIES = (
    Family.TWO_ONE_TWO,
    Family.THREE_ONE_TWO,
    Family.TWO_TWO,
    Family.THREE_TWO,
    Family.THREE_TWO_TWO,
    Family.ONE_TWO_TWO,
)


class PatternKind(StrEnum):
    """What a pattern does to the move before it."""

    REVERSAL = "reversal"
    CONTINUATION = "continuation"
    NEUTRAL = "neutral"
    INSIDE_BREAK = "inside_break"


class StopMode(StrEnum):
    """Where the stop of a setup stands."""

    SETUP_BAR = "setup_bar"
    FIRST_BAR = "first_bar"
    MIDPOINT = "midpoint"
    ENTRY_BAR = "entry_bar"
    ENTRY_OPEN = "entry_open"

    @property
    def needs_entry_bar(self) -> bool:
        """Whether the stop is known only when the bar that completes the pattern is."""
        return self in (StopMode.ENTRY_BAR, StopMode.ENTRY_OPEN)


class FailedTwo(StrEnum):
    """When a 2 counts as failed."""

    OPEN = "open"
    RECLAIM = "reclaim"
    BOTH = "both"
    EITHER = "either"
    MIDPOINT = "midpoint"


class ContextPart(StrEnum):
    """What a signal's context may tell besides its pattern."""

    PIVOTS = "pivots"
    BROADENING = "broadening"
    EXHAUSTION = "exhaustion"
    BREAKS = "breaks"


class ThreeTwoTarget(StrEnum):
    """What stands in for the objective that a 3-2 has not."""

    NONE = "none"
    PERCENT = "percent"
    ATR = "atr"


class DirectionSource(StrEnum):
    """How the direction of an outside bar is known."""

    PATH = "path"
    OPEN = "open"
    COLOUR = "color"
    UNKNOWN = "unknown"
