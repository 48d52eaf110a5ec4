"""Makes a failing run small: an earlier end, and only the faults without which the same invariant holds."""

from __future__ import annotations

from attrs import evolve

from tests.faults.setup import Setup
from tests.faults.simulation import CALM_SECONDS, Outcome, simulate

MOST_RUNS = 80


def shrink(outcome: Outcome, most_runs: int = MOST_RUNS) -> Outcome:
    """Return the smallest run found that breaches the same invariant first, cut off at that breach."""
    invariant, best, runs = outcome.breaches[0].invariant, outcome, 0

    def try_out(setup: Setup) -> None:
        nonlocal best, runs
        if setup == best.setup:
            return
        runs += 1
        found = simulate(setup, stops_at_breach=True)
        if found.breaches and found.breaches[0].invariant == invariant:
            best = found

    try_out(_cut(best))
    size = max(1, len(best.setup.plan.rates) // 2)
    while size and runs < most_runs:
        kinds = sorted(best.setup.plan.rates)
        for start in range(0, len(kinds), size):
            if runs < most_runs:
                try_out(evolve(best.setup, plan=best.setup.plan.without(kinds[start : start + size])))
        size //= 2
    try_out(_cut(best))
    return best


def _cut(outcome: Outcome) -> Setup:
    """End the run a while after its first breach, at a time that can be written in few digits."""
    seconds = (outcome.breaches[0].at - outcome.trace.entries[0].at) / 1e9
    return evolve(outcome.setup, hours=min(outcome.setup.hours, round((seconds + 2 * CALM_SECONDS) / 3_600, 4)))


def snippet(outcome: Outcome) -> str:
    """Return a test that repeats a run, to be pasted into a module; it names the feed where the seed draws another."""
    setup = outcome.setup
    kinds = ", ".join(f'"{kind}"' for kind in sorted(setup.plan.rates))
    drawn = Setup.drawn(setup.seed, setup.hours)
    feed = "" if setup.feed == drawn.feed else f', "{setup.feed}"'
    return (
        f"def test_seed_{setup.seed}() -> None:\n"
        f"    setup = Setup.drawn({setup.seed}, {setup.hours!r}{feed}).only([{kinds}])\n"
        f"    assert [str(breach) for breach in simulate(setup).breaches] == []\n"
    )
