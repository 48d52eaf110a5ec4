"""Signals: as columns where scanners make them, as exact values where the engine handles them."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from functools import cache
from math import isfinite, isnan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, fields, frozen
from numpy.typing import ArrayLike, NDArray

from atlas_core.errors import ContractError
from atlas_core.model.bars import as_prices, as_times, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_core.model.instrument import Instrument


class Side(StrEnum):
    """The direction of a signal and of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """Return +1 for long and -1 for short."""
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SHORT if self is Side.LONG else Side.LONG


class EntryKind(StrEnum):
    """How a signal wants to get in."""

    MARKET = "market"
    STOP = "stop"
    LIMIT = "limit"


_KINDS = {kind.value: kind for kind in EntryKind}


@frozen(kw_only=True)
class Signal:
    """One signal with exact prices; `key` is derived from immutable facts only.

    `trigger` is the level to be taken (stop entries: strictly beyond it); `valid_until` is in nanoseconds UTC;
    a price beyond `cancel_beyond` before the trigger invalidates the signal; an opening price at or beyond
    `void_beyond` voids it; `context` holds the scanner's own columns.
    """

    key: str
    scanner: str
    symbol: str
    timeframe: str
    pattern: str
    side: Side
    entry: EntryKind
    available_at: int
    setup_at: int
    valid_until: int
    trigger: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    cancel_beyond: Decimal | None = None
    void_beyond: Decimal | None = None
    score: float = 0.0
    context: Mapping[str, Any] = field(factory=dict)

    @property
    def reward_to_risk(self) -> float | None:
        """Return |target - trigger| / |trigger - stop|, or None where a level is missing or the risk is zero."""
        if self.trigger is None or self.stop is None or self.target is None or self.trigger == self.stop:
            return None
        return float(abs(self.target - self.trigger) / abs(self.trigger - self.stop))


def signal_key(profile: str, scanner: str, symbol: str, timeframe: str, side: str, setup_at: int) -> str:
    """Derive a signal's identity: the same setup seen twice, under any label, is one signal."""
    facts = "\x1f".join((profile, scanner, symbol, timeframe, side, str(setup_at)))
    return "sig-" + hashlib.sha256(facts.encode()).hexdigest()[:16]


def _words(values: ArrayLike) -> NDArray[np.str_]:
    return sealed(np.ascontiguousarray(values, dtype=np.str_))  # type: ignore[return-value]


@frozen(eq=False, kw_only=True)
class SignalTable:
    """One row per signal, oldest first; times in nanoseconds UTC, prices float64 with NaN for "none".

    `side` is +1 or -1. A row may use only bars with `bar.available_at <= row.available_at`. `context` columns are
    carried along unread. Raises ContractError when the columns differ in length, a side is neither +1 nor -1, an entry
    is no `EntryKind`, a setup lies after the time from which it was known, or a price is infinite.
    """

    available_at: NDArray[np.int64] = field(converter=as_times)
    setup_at: NDArray[np.int64] = field(converter=as_times)
    symbol: NDArray[np.str_] = field(converter=_words)
    timeframe: NDArray[np.str_] = field(converter=_words)
    pattern: NDArray[np.str_] = field(converter=_words)
    side: NDArray[np.int64] = field(converter=as_times)
    entry: NDArray[np.str_] = field(converter=_words)
    valid_until: NDArray[np.int64] = field(converter=as_times)
    trigger: NDArray[np.float64] = field(converter=as_prices)
    stop: NDArray[np.float64] = field(converter=as_prices)
    target: NDArray[np.float64] = field(converter=as_prices)
    cancel_beyond: NDArray[np.float64] = field(converter=as_prices)
    void_beyond: NDArray[np.float64] = field(converter=as_prices)
    score: NDArray[np.float64] = field(converter=as_prices)
    context: Mapping[str, NDArray[np.generic]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        columns = {name: getattr(self, name) for name in COLUMNS} | dict(self.context)
        wrong = [name for name, column in columns.items() if len(column) != len(self)]
        if wrong:
            raise ContractError(
                f"signal table: expected {len(self)} rows in every column, differ in {', '.join(wrong)}"
            )
        if not set(self.entry.tolist()) <= _ENTRIES:
            row = int(np.argmax(~np.isin(self.entry, list(EntryKind))))
            raise ContractError(f"signal table: expected entries of {', '.join(EntryKind)}, row {row} has none")
        faults = (
            (np.abs(self.side) != 1, "sides of +1 or -1"),
            (self.setup_at > self.available_at, "setups that are not later than the time they were known"),
            (~np.isfinite(self.score), "a finite score"),
            *((np.isinf(getattr(self, name)), f"a finite {name} or NaN") for name in _PRICES),
        )
        for is_wrong, expected in faults:
            if is_wrong.any():
                raise ContractError(f"signal table: expected {expected}, row {int(np.argmax(is_wrong))} has none")

    def __len__(self) -> int:
        return len(self.available_at)

    def take(self, rows: NDArray[Any] | slice) -> SignalTable:
        """Return the rows that an index or mask array, or a slice, selects."""
        picked = SignalTable.__new__(SignalTable)  # rows of a table that holds its contract hold it too
        for name in COLUMNS:
            object.__setattr__(picked, name, sealed(getattr(self, name)[rows]))
        object.__setattr__(picked, "context", {name: column[rows] for name, column in self.context.items()})
        return picked

    def sorted(self) -> SignalTable:
        """Return the rows ordered by time; rows of one instant keep the scanner's order."""
        if (self.available_at[1:] >= self.available_at[:-1]).all():
            return self
        return self.take(np.argsort(self.available_at, kind="stable"))

    def key(self, row: int, profile: str, scanner: str) -> str:
        """Return the identity of the signal in one row."""
        side = Side.LONG if self.side[row] > 0 else Side.SHORT
        return signal_key(
            profile, scanner, str(self.symbol[row]), str(self.timeframe[row]), side, int(self.setup_at[row])
        )

    def signal(self, row: int, profile: str, scanner: str, instrument: Instrument) -> Signal:
        """Return one row as an exact value, prices on the instrument's tick."""

        def price(column: NDArray[np.float64]) -> Decimal | None:
            value = column.item(row)
            return None if isnan(value) else instrument.exact(value)

        symbol, timeframe, setup_at = self.symbol.item(row), self.timeframe.item(row), self.setup_at.item(row)
        side = Side.LONG if self.side.item(row) > 0 else Side.SHORT
        return Signal(
            key=signal_key(profile, scanner, symbol, timeframe, side, setup_at),
            scanner=scanner,
            symbol=symbol,
            timeframe=timeframe,
            pattern=self.pattern.item(row),
            side=side,
            entry=_KINDS[self.entry.item(row)],
            available_at=self.available_at.item(row),
            setup_at=setup_at,
            valid_until=self.valid_until.item(row),
            trigger=price(self.trigger),
            stop=price(self.stop),
            target=price(self.target),
            cancel_beyond=price(self.cancel_beyond),
            void_beyond=price(self.void_beyond),
            score=self.score.item(row),
            context=MappingProxyType({name: _finite(column.item(row)) for name, column in self.context.items()}),
        )


def signal_keys(table: SignalTable, profile: str, scanner: str) -> list[str]:
    """Return the identity of the signal in each row."""
    words = (table.symbol.tolist(), table.timeframe.tolist(), table.side.tolist(), table.setup_at.tolist())
    head, sha256 = f"{profile}\x1f{scanner}\x1f", hashlib.sha256
    sides = {1: Side.LONG.value, -1: Side.SHORT.value}
    facts = (
        f"{head}{symbol}\x1f{timeframe}\x1f{sides[side]}\x1f{setup_at}"
        for symbol, timeframe, side, setup_at in zip(*words, strict=True)
    )
    return ["sig-" + sha256(text.encode()).hexdigest()[:16] for text in facts]


def plain(value: np.generic) -> Any:
    """Return a context value as the journal can hold it: what is no number is None."""
    return _finite(value.item())


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


_ENTRIES = frozenset(kind.value for kind in EntryKind)
_PRICES = ("trigger", "stop", "target", "cancel_beyond", "void_beyond")
COLUMNS = tuple(attribute.name for attribute in fields(SignalTable) if attribute.name != "context")
FOREVER = np.iinfo(np.int64).max
_DEFAULTS: dict[str, Any] = {
    "entry": EntryKind.MARKET.value, "valid_until": FOREVER, "score": 0.0,
    **dict.fromkeys(_PRICES, np.nan),
}  # fmt: skip


def signal_table(*, context: Mapping[str, ArrayLike] | None = None, **columns: ArrayLike) -> SignalTable:
    """Make a table; scalars are repeated for every row and left-out columns take their neutral value.

    `available_at` gives the number of rows. Raises ContractError for a column that does not exist or is missing.
    """
    unknown = sorted(set(columns) - set(COLUMNS))
    missing = [name for name in COLUMNS if name not in columns and name not in _DEFAULTS]
    if unknown or missing:
        raise ContractError(f"signal table: unknown columns {unknown}, missing columns {missing}")
    count = len(np.atleast_1d(np.asarray(columns["available_at"])))
    full = {name: _repeated(columns.get(name, _DEFAULTS.get(name)), count) for name in COLUMNS}
    return SignalTable(**full, context={name: _repeated(column, count) for name, column in (context or {}).items()})


def _repeated(column: Any, count: int) -> NDArray[Any]:
    """Return a scalar once for every row; a column as it is, for the table to judge its length."""
    values = np.asarray(column)
    return np.full(count, values.reshape(-1)[0]) if values.size == 1 and values.shape != (count,) else values


@cache
def no_signals() -> SignalTable:
    """Return a table without rows, the same one at every call: nothing in it can change."""
    return signal_table(available_at=[], setup_at=[], symbol=[], timeframe=[], pattern=[], side=[])


def concat_signals(tables: Sequence[SignalTable]) -> SignalTable:
    """Join tables into one, ordered by time; a context column that a table lacks is filled with NaN or ''."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return no_signals()
    names = {name: table.context[name].dtype for table in filled for name in table.context}
    context = {
        name: np.concatenate([_context_column(table, name, dtype) for table in filled]) for name, dtype in names.items()
    }
    joined = {name: np.concatenate([getattr(table, name) for table in filled]) for name in COLUMNS}
    return SignalTable(**joined, context=context).sorted()


def _context_column(table: SignalTable, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    if name in table.context:
        return table.context[name]
    blank: Any = "" if dtype.kind == "U" else np.nan
    return np.full(len(table), blank)
