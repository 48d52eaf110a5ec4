"""What deciders may offer beside their methods: their answers for a whole history at once, as columns.

A back-test whose deciders all offer columns is worked out without asking any of them bar by bar. Columns and methods of
one component must agree: a property test of this project holds the two ways equal, record for record.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import nan
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from attrs import field, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlas_core.contracts import MarketHistory, MarketNow
    from atlas_core.model.decisions import Exit, Levels, OrderPlan
    from atlas_core.model.instrument import Instrument
    from atlas_core.model.portfolio import Account, Position
    from atlas_core.model.signals import Signal

NO_LEVEL = np.iinfo(np.int64).min
"""Stands in a column of ticks where there is no level."""


@frozen(eq=False)
class ExitSteps:
    """The answers of an exit rule that depends on the bars and the side alone.

    From `at` on (int64 nanoseconds UTC, increasing) until the next step, a long position is closed where `long` is true
    and a short one where `short` is. `compared` tells the value and the threshold that the answer of a step compared.
    Raises ValueError for columns of several lengths and for times that go back.
    """

    at: NDArray[np.int64]
    long: NDArray[np.bool_]
    short: NDArray[np.bool_]
    long_reason: str
    short_reason: str
    compared: Callable[[int], tuple[float, float]] = field(default=lambda _step: (nan, nan))

    def __attrs_post_init__(self) -> None:
        lengths = {len(column) for column in (self.at, self.long, self.short)}
        if len(lengths) > 1:
            raise ValueError(f"expected columns of one length, were {sorted(lengths)}")
        if bool((self.at[1:] < self.at[:-1]).any()):
            raise ValueError("expected steps in the order of their times")


@frozen(eq=False)
class EntryColumns:
    """Entries as columns: side (+1 or -1), price, and the signal's own stop and target in whole ticks (or NO_LEVEL)."""

    side: NDArray[np.int64]
    price: NDArray[np.int64]
    stop: NDArray[np.int64]
    target: NDArray[np.int64]


@frozen(eq=False)
class LevelColumns:
    """Stop and target of each entry in whole ticks, NO_LEVEL for none; they stay until the position is flat."""

    stop: NDArray[np.int64]
    target: NDArray[np.int64]


@runtime_checkable
class SteppedExit(Protocol):
    """An exit rule that depends on the bars and the side of the position alone."""

    @abstractmethod
    def on_market(self, position: Position, market: MarketNow) -> Exit | None:
        """Return an exit to close the position at the market now, or None; must agree with `steps`."""

    @abstractmethod
    def steps(self, market: MarketHistory, symbol: str) -> ExitSteps:
        """Return the answers for the whole history of one symbol."""


@runtime_checkable
class ColumnarLevels(Protocol):
    """An exit rule whose levels follow from the entry and the signal, and never change."""

    @abstractmethod
    def levels(self, position: Position) -> Levels:
        """Return the prices at which the position shall be closed; must agree with `level_columns`."""

    @abstractmethod
    def level_columns(self, instrument: Instrument, entries: EntryColumns) -> LevelColumns | None:
        """Return the levels of many entries, None where the options make them depend on more than the entry."""


@runtime_checkable
class ColumnarSizer(Protocol):
    """A sizer whose quantity depends on the price alone, without leverage."""

    @abstractmethod
    def size(self, signal: Signal, account: Account, market: MarketNow) -> OrderPlan:
        """Return the plan; must agree with `lots`."""

    @abstractmethod
    def lots(self, instrument: Instrument, price: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the quantity in whole lots for entries at prices in whole ticks, 0 where no position can be taken."""
