"""New bars come to those that are kept: at their end, or woven in; where both have a bar they must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from attrs import define, evolve, field, frozen

from atlas_core.barstore.columns import TYPES
from atlas_core.barstore.keys import SeriesKey
from atlas_core.barstore.manifest import Manifest, Origin
from atlas_core.barstore.store import BarStore
from atlas_core.clock import to_datetime
from atlas_core.errors import DataError, NotFound
from atlas_core.model.bars import Bars
from atlas_core.model.session import TradingSession

PIECE_ROWS = 1 << 17
_NUMBERS = ("open", "high", "low", "close", "volume")


@frozen(kw_only=True)
class Added:
    """What became of new bars: the series as it is now, how many were added, and how many were there already."""

    manifest: Manifest
    added: int
    known: int


@define
class _Counts:
    added: int = 0
    known: int = 0


@frozen(kw_only=True)
class NewBars:
    """Bars for a series, oldest first; `pieces` may be asked for them more than once.

    `session` None leaves the one that is kept. `instrument` is what a provider says of it.
    """

    key: SeriesKey
    pieces: Callable[[], Iterable[Bars]]
    first_opened_at: int
    origin: Origin
    session: TradingSession | None = None
    instrument: Mapping[str, str] = field(factory=dict)


def add(store: BarStore, new: NewBars, *, replace: bool = False) -> Added:
    """Add bars to a series, or put them in its place, in one step that holds or has not happened.

    Raises DataError for a bar that differs from the one that is kept for its time, and whatever a writer raises.
    """
    old = None if replace else _existing(store, new.key)
    if old is None:
        return _written(store, new, None, new.pieces(), append=False)
    is_same_session = new.session in (None, old.session)
    if is_same_session and new.first_opened_at >= old.last_available_at:
        return _written(store, new, old, new.pieces(), append=True)
    counts = _Counts()
    kept = store.bars(new.key)
    if is_same_session and not _adds(kept, new):
        return Added(manifest=old, added=0, known=sum(len(piece) for piece in new.pieces()))
    added = _written(store, new, old, _woven(kept, new, counts), append=False)
    return evolve(added, added=counts.added, known=counts.known)


def _existing(store: BarStore, key: SeriesKey) -> Manifest | None:
    try:
        return store.series(key).manifest
    except NotFound:
        return None


def _written(store: BarStore, new: NewBars, old: Manifest | None, pieces: Iterable[Bars], *, append: bool) -> Added:
    with store.writer(new.key, append=append) as writer:
        if old is not None and writer.before != old:
            raise DataError(
                f"{new.key}: expected the series as it was a moment ago, another process changed it; try again"
            )
        session = new.session or (old.session if old else TradingSession.ALWAYS)
        writer.counts_in(session)
        writer.describe(new.instrument or (old.instrument if old else {}))
        for piece in pieces:
            writer.write(piece)
        rows = writer.rows_written - (old.rows if old and not append else 0)
        earlier = old.origins if old and not append else ()
        manifest = writer.commit(*earlier, evolve(new.origin, rows=rows))
    return Added(manifest=manifest, added=rows, known=0)


def _adds(kept: Bars, new: NewBars) -> bool:
    """Tell whether any of the new bars is not there yet; raises DataError for one that differs from what is kept."""
    return any(not _known(kept, piece).all() for piece in new.pieces())


def _woven(kept: Bars, new: NewBars, counts: _Counts) -> Iterator[Bars]:
    """Yield old and new bars in order, in parts that memory bears."""
    done = 0
    for piece in new.pieces():
        first = int(np.searchsorted(kept.opened_at, piece.opened_at[0]))
        last = int(np.searchsorted(kept.opened_at, piece.opened_at[-1], side="right"))
        yield from _parts(kept, done, first)
        known = _known(kept, piece)
        counts.known += int(np.count_nonzero(known))
        counts.added += int(np.count_nonzero(~known))
        yield _mixed(kept.between(first, last), piece.take(~known))
        done = last
    yield from _parts(kept, done, len(kept))


def _parts(bars: Bars, first: int, last: int) -> Iterator[Bars]:
    for begin in range(first, last, PIECE_ROWS):
        yield bars.between(begin, min(begin + PIECE_ROWS, last))


def _known(kept: Bars, piece: Bars) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Mark the bars of a piece that are kept already; raises DataError for one that differs from what is kept."""
    if not len(kept):
        return np.zeros(len(piece), dtype=bool)
    at = np.minimum(np.searchsorted(kept.opened_at, piece.opened_at), len(kept) - 1)
    known = kept.opened_at[at] == piece.opened_at
    for name in _NUMBERS:
        differs = known & (getattr(kept, name)[at] != getattr(piece, name))
        if differs.any():
            row = int(np.argmax(differs))
            moment = f"{to_datetime(int(piece.opened_at[row])):%Y-%m-%d %H:%M}Z"
            raise DataError(
                f"{piece}: expected {name} {getattr(kept, name)[at[row]]:.12g} at {moment} as it is kept, "
                f"was {getattr(piece, name)[row]:.12g}; nothing was written; --replace puts the new bars in the place "
                "of all that are kept"
            )
    return np.asarray(known)


def _mixed(kept: Bars, new: Bars) -> Bars:
    if not len(kept) or not len(new):
        return new if len(new) else kept
    order = np.argsort(np.concatenate([kept.opened_at, new.opened_at]), kind="stable")
    columns = {name: np.concatenate([getattr(kept, name), getattr(new, name)])[order] for name in TYPES}
    return Bars(kept.symbol, kept.timeframe, **columns, tick_size=min(kept.tick_size, new.tick_size))
