"""Makes a failing run small: an earlier end, and only the faults without which the same invariant holds."""

from __future__ import annotations

from attrs import evolve

from tests.faults.setup import Setup
from tests.faults.simulation import CALM_SECONDS, Outcome, simulate

MOST_RUNS = 80


def shrink(outcome: Outcome, most_runs: int = MOST_RUNS) -> Outcome:
    """Return the smallest run found that breaches the same invariant first."""
    invariant, best, runs = outcome.breaches[0].invariant, outcome, 0

    def tried(setup: Setup) -> bool:
        nonlocal best, runs
        runs += 1
        found = simulate(setup)
        if found.breaches and found.breaches[0].invariant == invariant:
            best = found
            return True
        return False

    tried(_cut(best))
    size = max(1, len(best.setup.plan.rates) // 2)
    while size and runs < most_runs:
        kinds = sorted(best.setup.plan.rates)
        for start in range(0, len(kinds), size):
            if runs < most_runs:
                tried(evolve(best.setup, plan=best.setup.plan.without(kinds[start : start + size])))
        size //= 2
    tried(_cut(best))
    return best


def _cut(outcome: Outcome) -> Setup:
    """End the run a while after its first breach."""
    seconds = (outcome.breaches[0].at - outcome.trace.entries[0].at) / 1e9
    return evolve(outcome.setup, hours=min(outcome.setup.hours, (seconds + 2 * CALM_SECONDS) / 3_600))


def snippet(outcome: Outcome) -> str:
    """Return a test that repeats a run, to be pasted into a module."""
    setup = outcome.setup
    kinds = ", ".join(f'"{kind}"' for kind in sorted(setup.plan.rates))
    return (
        f"def test_seed_{setup.seed}() -> None:\n"
        f"    setup = Setup.drawn({setup.seed}, {setup.hours:.4f}).only([{kinds}])\n"
        f"    assert [str(breach) for breach in simulate(setup).breaches] == []\n"
    )
