"""Which order is filled next inside a bar, decided against us wherever the order of prices is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve, frozen

from atlas_core.simulation.working import Stance, Working

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from atlas_core.simulation.market import EntryWindow, Market, TickBar


class Rank(NamedTuple):
    """Smaller is earlier: what protects, then what opens, then what takes profit; nearest to the opening first."""

    group: int
    distance: int
    sequence: int


PROTECTS, OPENS_BY_STOP, OPENS_BY_LIMIT, TAKES_PROFIT = range(4)


@frozen
class Hit:
    """One fill inside a bar; without an order it is the forced close. `reference` is in whole ticks.

    `takes` marks a limit order that the market was already beyond: it is filled by the market and not at its price.
    """

    rank: Rank
    working: Working | None
    reference: int
    ambiguous: bool = False
    takes: bool = False


class BarView(NamedTuple):
    """A closed bar as the orders meet it: its prices in ticks and its two times."""

    prices: TickBar
    opened_at: int
    ts: int


def next_hit(market: Market, bar: BarView, spent: AbstractSet[int], beyond: int, *, for_us: bool = False) -> Hit | None:
    """Return the fill that comes next in the pessimistic order, or None when the bar reaches nothing more.

    `spent` holds the sequence numbers of the orders that had their turn; `beyond` is how many ticks the price must
    go through a limit. `for_us` takes a profit before a loss where both were in reach, and believes in no move that the
    bar does not prove.
    """
    hits = [
        hit for hit in _hits(market, bar, beyond, for_us=for_us)
        if hit.working is None or hit.working.sequence not in spent
    ]  # fmt: skip
    if not hits:
        return None
    first = min(hits, key=lambda hit: hit.rank)
    profits = [hit for hit in hits if hit.rank.group == TAKES_PROFIT]
    if first.rank.group != PROTECTS or not profits:
        return first
    if for_us:
        first = min(profits, key=lambda hit: hit.rank)
    return evolve(first, ambiguous=True) if first.working is not None else first


def _hits(market: Market, bar: BarView, beyond: int, *, for_us: bool) -> Iterator[Hit]:
    side = market.holding.sign
    if market.liquidation is not None and not market.windows:
        yield from _forced_close(market.liquidation, side, bar.prices)
    for working in market.orders.values():
        if working.active_from > bar.ts or _ends_inside(working, bar):
            continue
        whole = working.active_from <= bar.opened_at
        reduces = working.sign == -side
        if working.stance is Stance.STOP:
            best = _favourable(working, bar.prices) if whole else None
            hit = stop_hit(working, bar.prices, bar.prices.open, reduces=reduces, best=best)
            if hit is not None and not whole:
                hit = evolve(hit, ambiguous=True)
            if hit is not None and not (for_us and hit.ambiguous and not working.stop_reached(bar.prices.close)):
                yield hit
        elif working.stance is Stance.LIMIT:
            is_clear = whole or for_us
            extreme = _favourable(working, bar.prices) if is_clear else bar.prices.close
            if working.limit_reached(extreme, beyond):
                start = bar.prices.open if is_clear else _adverse(working, bar.prices)
                yield _limit_hit(working, start, reduces=reduces)


def _ends_inside(working: Working, bar: BarView) -> bool:
    expires_at = working.order.expires_at
    return expires_at is not None and expires_at < bar.ts


def _favourable(working: Working, prices: TickBar) -> int:
    return prices.low if working.sign > 0 else prices.high


def _adverse(working: Working, prices: TickBar) -> int:
    return prices.high if working.sign > 0 else prices.low


def _forced_close(liquidation: int, side: int, prices: TickBar) -> Iterator[Hit]:
    extreme = prices.low if side > 0 else prices.high
    if side * (liquidation - extreme) >= 0:
        reference = min(liquidation, prices.open) if side > 0 else max(liquidation, prices.open)
        yield Hit(Rank(PROTECTS, abs(reference - prices.open), 0), None, reference)


def stop_hit(working: Working, prices: TickBar, start: int, *, reduces: bool, best: int | None) -> Hit | None:
    """Return the fill of a stop by a bar that the order met at the price `start`, or None.

    A trailing stop is tried where it stood first. Then it follows to `best` and is tried again: the price has
    certainly come back when the close is beyond it, and may have when the bar's adverse extreme lies beyond its
    opening, which is decided against us.
    """
    group = PROTECTS if reduces else OPENS_BY_STOP
    extreme = _adverse(working, prices)
    if working.stop_reached(extreme):
        reference = working.stop_reference(start)
        return Hit(Rank(group, abs(reference - start), working.sequence), working, reference)
    if not working.offset or best is None:
        return None
    moved = working.trailed(best)
    is_certain = working.sign * (prices.close - moved) >= 0
    is_possible = working.sign * (extreme - moved) >= 0 and extreme != prices.open
    if not is_certain and not is_possible:
        return None
    return Hit(Rank(group, abs(moved - start), working.sequence), working, moved, ambiguous=not is_certain)


def _limit_hit(working: Working, start: int, *, reduces: bool) -> Hit:
    """Return the fill of a limit order that is reached and that met the bar at the price `start`."""
    group = TAKES_PROFIT if reduces else OPENS_BY_LIMIT
    takes = working.limit is None or working.limit_reached(start, 1)
    reference = start if takes or working.limit is None else working.limit
    return Hit(Rank(group, abs(reference - start), working.sequence), working, reference, takes=takes)


def follow(market: Market, bar: BarView) -> None:
    """Let the trailing stops that lived through the whole bar follow to its favourable extreme."""
    for working in market.orders.values():
        if working.offset and working.active_from <= bar.opened_at:
            working.trail(_favourable(working, bar.prices))


def reaction_hit(
    working: Working, prices: TickBar, window: EntryWindow, beyond: int, *, for_us: bool = False
) -> Hit | None:
    """Return the fill of an order that protects an entry made inside this very bar, or None.

    A stop is held against the whole bar, because the bar's other extreme may have come after the entry; a limit only
    against what certainly came after it. `for_us` turns the two around.
    """
    if working.stance is Stance.LIMIT:
        is_certain = working.limit_reached(window.low if working.sign > 0 else window.high, beyond)
        if not is_certain and not (for_us and working.limit_reached(_favourable(working, prices), beyond)):
            return None
        return evolve(_limit_hit(working, window.touch, reduces=True), ambiguous=not is_certain)
    if working.stance is not Stance.STOP:
        return None
    best = window.low if working.sign > 0 else window.high
    working.trail(window.touch)
    is_turning = best not in (window.touch, prices.close)
    hit = stop_hit(working, prices, window.touch, reduces=True, best=best if is_turning else None)
    certain = window.high if working.sign > 0 else window.low
    is_unclear = hit is not None and (hit.ambiguous or working.sign * (certain - hit.reference) < 0)
    if hit is None or (for_us and is_unclear):
        working.trail(best)
        return None
    return evolve(hit, ambiguous=is_unclear)
