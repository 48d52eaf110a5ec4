"""`python -m tests.faults --seeds 300 --hours 6`: runs a campaign and prints what it has shown."""

from __future__ import annotations

import argparse
import sys

from atlas_core.clock import Stopwatch
from tests.faults.campaign import Tally, results
from tests.faults.hunting import HEAD, Place, deaths, keep, shortened
from tests.faults.mutants import MUTANTS
from tests.faults.setup import FEEDS, Setup
from tests.faults.shrink import shrink, snippet
from tests.faults.simulation import simulate


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; return 1 when an invariant did not hold or a mutant lived."""
    asked = _parser().parse_args(arguments)
    return _campaign(asked) if asked.mutants is None else _hunt(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many seeds (300)")
    parser.add_argument("--hours", type=float, default=6.0, help="simulated hours of each (6)")
    parser.add_argument("--feed", default="", choices=["", *sorted(set(FEEDS))], help="where prices come from (drawn)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--mutants", nargs="*", metavar="NAME", help="plant known faults instead: all, or those named")
    parser.add_argument("--note", action="store_true", help="write down in mutants.txt where they died")
    parser.add_argument("--keep-going", action="store_true", help="count failing seeds, shrink none")
    parser.add_argument("--tell-every", type=int, default=100, help="progress after so many seeds (100)")
    return parser


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
