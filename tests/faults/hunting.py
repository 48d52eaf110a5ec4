"""Looks for the seed under which a planted fault breaks an invariant.

`mutants.txt` keeps where each was found: seed, hours, name. It is looked for there first, so that the tests need a
moment for most of them, and then in other seeds: those first whose weather and venue make the situation likely in which
the fault shows itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from pathlib import Path

from attrs import evolve, frozen

from tests.faults.campaign import in_processes
from tests.faults.mutants import MUTANTS, NEEDS, planted
from tests.faults.setup import Setup
from tests.faults.simulation import simulate

PLACES = Path(__file__).parent / "mutants.txt"
SHORT_HOURS = (0.15, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5)


@frozen
class Place:
    """A run in which a mutant dies."""

    name: str
    seed: int
    hours: float

    def line(self) -> str:
        """Return the line of `mutants.txt`."""
        return f"{self.seed:<3} {self.hours:<4g} {self.name}"


@frozen
class Death:
    """Where a mutant died, and of which breach; no place when it lived. `tried` counts the runs."""

    name: str
    tried: int
    place: Place | None = None
    breach: str = ""

    def row(self) -> str:
        """Return the row of a table in Markdown."""
        if self.place is None:
            return f"| {self.name} | lived | {self.tried} runs | |"
        invariant, _, text = self.breach.partition(": ")
        return f"| {self.name} | {invariant} | {self.place.seed} | {self.place.hours:g} | {text[:90]} |"


HEAD = ("| mutant | found by | seed | hours | as |", "|---|---|---:|---:|---|")


def places() -> list[Place]:
    """Return where mutants died when that was looked for last."""
    lines = (line.split(maxsplit=2) for line in PLACES.read_text(encoding="utf-8").splitlines())
    return [Place(name, int(seed), float(hours)) for seed, hours, name in (fields for fields in lines if fields)]


def keep(found: Iterable[Place]) -> None:
    """Write down where mutants die now, in place of what was known of them."""
    new = list(found)
    names = {place.name for place in new}
    old = [place for place in places() if place.name in MUTANTS and place.name not in names]
    PLACES.write_text("".join(f"{place.line()}\n" for place in sorted((*old, *new), key=_order)), encoding="utf-8")


def _order(place: Place) -> tuple[str, float, int]:
    return place.name, place.hours, place.seed


def known() -> tuple[str, ...]:
    """Return the mutants of which a place is known."""
    return tuple(dict.fromkeys(place.name for place in places()))


@frozen
class Hunt:
    """Where a mutant is looked for: in `most` of the seeds, each for so many hours."""

    name: str
    seeds: Sequence[int]
    hours: float
    most: int

    def runs(self) -> Iterator[tuple[int, float]]:
        """Yield seeds and hours, those first that promise most."""
        yield from ((place.seed, place.hours) for place in places() if place.name == self.name)
        likely = sorted(self.seeds, key=lambda seed: -likelihood(self.name, _drawn(seed)))
        yield from ((seed, self.hours) for seed in likely[: self.most])


def hunt(asked: Hunt) -> Death:
    """Run a mutant where it died before, then elsewhere, until an invariant breaks that holds without it."""
    name, tried = asked.name, 0
    for seed, hours in asked.runs():
        tried += 1
        outcome = simulate(Setup.drawn(seed, hours), planted(name), stops_at_breach=True)
        if outcome.breaches and _holds(seed, hours):
            return Death(name, tried, Place(name, seed, hours), str(outcome.breaches[0]))
    return Death(name, tried)


def shortened(death: Death) -> Death:
    """Return the death in the shortest run of its seed in which it happens too."""
    if death.place is None:
        return death
    for hours in (h for h in SHORT_HOURS if h < death.place.hours):
        shorter = evolve(death.place, hours=hours)
        outcome = simulate(Setup.drawn(shorter.seed, hours), planted(death.name), stops_at_breach=True)
        if outcome.breaches and _holds(shorter.seed, hours):
            return Death(death.name, death.tried, shorter, str(outcome.breaches[0]))
    return death


@lru_cache
def _holds(seed: int, hours: float) -> bool:
    """Tell whether the client as it is holds every invariant under a seed."""
    return not simulate(Setup.drawn(seed, hours)).breaches


@lru_cache(maxsize=1_000)
def _drawn(seed: int) -> Setup:
    return Setup.drawn(seed, 1.0)


def likelihood(name: str, setup: Setup) -> float:
    """Return a figure that is higher the more likely a setup seems to bring about what a mutant needs."""
    likely = setup.signal_rate * (0.1 + setup.plan.intensity)
    for need in NEEDS.get(name, ()):
        likely *= TRAITS[need](setup) if need in TRAITS else setup.plan.rates.get(need, NEVER)
    return likely


NEVER = 1e-6
TRAITS: dict[str, Callable[[Setup], float]] = {
    "holding venue": lambda setup: float(setup.personality.holds) or NEVER,
    "stops outlive positions": lambda setup: float(not setup.personality.cancels_when_flat) or NEVER,
    "exits by rule": lambda setup: setup.leaves_at + 0.01,
    "more symbols than positions": lambda setup: float(len(setup.symbols) > setup.max_positions) or NEVER,
    "streamed prices": lambda setup: float(setup.feed == "stream") or NEVER,
}


def deaths(
    names: Sequence[str], seeds: Sequence[int], hours: float, workers: int | Executor, most: int | None = None
) -> Iterator[Death]:
    """Yield how each mutant died."""
    yield from in_processes(hunt, [Hunt(name, seeds, hours, most or len(seeds)) for name in names], workers)
