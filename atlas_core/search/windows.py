"""The windows of a walk-forward: a stretch of time to choose on, and the one after it to try the choice on."""

from __future__ import annotations

from attrs import frozen

from atlas_core.clock import NANOSECONDS_PER_SECOND, to_datetime
from atlas_core.errors import DataError, UsageError
from atlas_core.runtime.ending import read_duration
from atlas_core.search.space import Setting


@frozen(kw_only=True)
class Window:
    """One step: chosen on `[train_start, train_end)`, tried on `[test_start, test_end)`; nanoseconds UTC."""

    number: int
    train_start: int
    train_end: int
    test_start: int
    test_end: int

    @property
    def train(self) -> tuple[Setting, ...]:
        """Return the settings of a trial on the first stretch."""
        return span(self.train_start, self.train_end)

    @property
    def test(self) -> tuple[Setting, ...]:
        """Return the settings of a trial on the second stretch."""
        return span(self.test_start, self.test_end)


@frozen(kw_only=True)
class Steps:
    """How windows follow each other, in nanoseconds; an anchored one begins where the first did."""

    train: int
    test: int
    gap: int = 0
    is_anchored: bool = False

    def windows(self, start: int, end: int) -> tuple[Window, ...]:
        """Return every whole window between two times; raises DataError when not even one fits."""
        found: list[Window] = []
        first = start
        while first + self.train + self.gap + self.test <= end:
            train_end = first + self.train
            window = Window(
                number=len(found) + 1,
                train_start=start if self.is_anchored else first,
                train_end=train_end,
                test_start=train_end + self.gap,
                test_end=train_end + self.gap + self.test,
            )
            found.append(window)
            first += self.test
        if not found:
            days = (end - start) / 86_400 / NANOSECONDS_PER_SECOND
            raise DataError(f"expected data of at least one window (train, gap and test), there are {days:.1f} days")
        return tuple(found)


def read_steps(text: str, gap: str = "", *, is_anchored: bool = False) -> Steps:
    """Return what `60d/15d` and a gap such as `1d` say; raises UsageError."""
    train, slash, test = text.partition("/")
    if not slash:
        raise UsageError(f"expected --walk-forward TRAIN/TEST such as 60d/15d, was {text!r}")
    return Steps(
        train=_nanoseconds(train.strip()),
        test=_nanoseconds(test.strip()),
        gap=_nanoseconds(gap) if gap else 0,
        is_anchored=is_anchored,
    )


def span(start: int, end: int) -> tuple[Setting, ...]:
    """Return the settings that make a trial run from `start` to `end` (nanoseconds UTC)."""
    return ("universe.start", to_datetime(start).isoformat()), ("universe.end", to_datetime(end).isoformat())


def _nanoseconds(text: str) -> int:
    return int(read_duration(text)) * NANOSECONDS_PER_SECOND
