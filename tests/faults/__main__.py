"""`python -m tests.faults --seeds 300 --hours 6`: runs a campaign and prints what it has shown."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from math import isfinite

from atlas_core.clock import Stopwatch
from tests.faults.campaign import Tally, results
from tests.faults.hunting import HEAD, Place, deaths, keep, shortened
from tests.faults.mutants import MUTANTS
from tests.faults.setup import FEEDS, Setup
from tests.faults.shrink import shrink, snippet
from tests.faults.simulation import simulate


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; return 1 when an invariant did not hold or a mutant lived."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.note and asked.mutants is None:
        parser.error("--note writes down where known faults were found; expected --mutants beside it")
    return _campaign(asked) if asked.mutants is None else _hunt(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=_count, default=300, metavar="N", help="how many seeds (300)")
    parser.add_argument("--hours", type=_hours, default=6.0, metavar="H", help="simulated hours of each (6)")
    parser.add_argument("--feed", default="", choices=sorted(set(FEEDS)), help="where prices come from (drawn)")
    parser.add_argument("--first", type=_count, default=1, metavar="N", help="the first seed (1)")
    parser.add_argument("--workers", type=_count, default=2, metavar="N", help="processes (2)")
    parser.add_argument(
        "--mutants", nargs="*", type=_mutant, metavar="NAME", help="plant known faults instead: all, or those named"
    )
    parser.add_argument("--note", action="store_true", help="write down in mutants.txt where they died")
    parser.add_argument("--keep-going", action="store_true", help="count failing seeds, shrink none")
    parser.add_argument(
        "--tell-every", type=_count, default=100, metavar="N", help="progress after so many seeds (100)"
    )
    return parser


def _count(text: str) -> int:
    """Return a whole number from 1 on: of nothing, nothing would be shown."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, was {text!r}")
    return int(text)


def _hours(text: str) -> float:
    """Return a number of hours above 0."""
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not isfinite(hours) or hours <= 0:
        raise argparse.ArgumentTypeError(f"expected a number of hours above 0, was {text!r}")
    return hours


def _mutant(text: str) -> str:
    """Return the name of a known fault."""
    if text not in MUTANTS:
        near = get_close_matches(text, MUTANTS, 3, 0.4) or sorted(MUTANTS)[:3]
        names = ", ".join(f"'{name}'" for name in near)
        raise argparse.ArgumentTypeError(f"expected the name of a known fault, such as {names}, was {text!r}")
    return text


def _campaign(asked: argparse.Namespace) -> int:
    watch, tally = Stopwatch(), Tally()
    setups = [Setup.drawn(seed, asked.hours, asked.feed) for seed in range(asked.first, asked.first + asked.seeds)]
    for result in results(setups, asked.workers):
        tally.add(result)
        if result.breaches:
            print(f"seed {result.seed}: {result.breaches[0]}", flush=True)
            if not asked.keep_going:
                break
        if tally.seeds % asked.tell_every == 0:
            rate = tally.hours / watch.seconds()
            print(f"{tally.seeds} seeds, {tally.hours:,.0f} h, {rate:.1f} h/s, {len(tally.failed)} failed", flush=True)
    print("\n".join(tally.lines()))
    print(f"{tally.hours / watch.seconds():.1f} simulated hours a second")
    if tally.failed and not asked.keep_going:
        _explain(Setup.drawn(tally.failed[0].seed, asked.hours, asked.feed))
    return 1 if tally.failed else 0


def _explain(failed: Setup) -> None:
    """Print the smallest run that still fails, its last entries, and a test that repeats it."""
    print(f"making seed {failed.seed} small …", flush=True)
    small = shrink(simulate(failed))
    print(small.story())
    print(f"\n{small.breaches[0]}")
    setup = small.setup
    print(f"seed {setup.seed}, {setup.hours:.2f} h, {setup.personality.name}, faults: {sorted(setup.plan.rates)}")
    print(f"\n{snippet(small)}")


def _hunt(asked: argparse.Namespace) -> int:
    """Print a table of the mutants and what found them; note where they died, where that is asked for."""
    names = asked.mutants or sorted(MUTANTS)
    found: list[Place] = []
    print("\n".join(HEAD))
    for death in deaths(names, range(asked.first, asked.first + asked.seeds), asked.hours, asked.workers):
        short = shortened(death) if asked.note else death
        found += [short.place] if short.place is not None else []
        print(short.row(), flush=True)
    print(f"\n{len(found)} of {len(names)} mutants died")
    if asked.note:
        keep(found)
    return 0 if len(found) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
