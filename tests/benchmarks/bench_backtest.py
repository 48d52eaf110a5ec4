"""Measure whole back-tests inside one process: `python tests/benchmarks/bench_backtest.py`.

A synthetic market, so that it runs anywhere. Prints the median of each case, its trades and the hash of its journal:
speed never changes an answer. The hash covers the profile's digest and the list of components and changes with them.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from atlas_core.backtest.driver import run_backtest
from atlas_core.clock import Stopwatch
from atlas_core.compose import compose
from atlas_core.journal import Journal
from atlas_core.plugins import discover
from atlas_core.profile import load_profile
from atlas_core.runs import Mode, RunSummary

DEMO = Path(__file__).resolve().parents[2] / "configs" / "demo.toml"
ROUNDS = 5
CASES = {
    "5 days, 3 symbols, STRAT on 3 timeframes": (),
    "30 days, 1 symbol, STRAT on 5 timeframes": (
        ("universe.symbols", '["BTC-PERP"]'),
        ("universe.start", '"2026-02-01"'),
        ("universe.end", '"2026-03-03"'),
        ("provider.start", '"2026-01-01"'),
        ("provider.days", "70"),
        ("scanner.strat.timeframes", '["15m", "1h", "4h", "1d", "1w"]'),
    ),
}

# The journals of this version; a change of speed must leave them alone, a change of behaviour says why it does not.
KEPT = {
    "5 days, 3 symbols, STRAT on 3 timeframes": "59277c4367bc9d66",
    "30 days, 1 symbol, STRAT on 5 timeframes": "cb59596e2a48a2bd",
}


def measured(overrides: tuple[tuple[str, str], ...]) -> tuple[float, RunSummary]:
    """Return the median seconds of some rounds and the summary, which must be the same in all of them."""
    registry = discover()
    profile = load_profile(str(DEMO), registry, overrides=overrides)
    seconds, summaries = [], []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        with Journal.in_memory() as journal:
            summaries.append(run_backtest(compose(profile, Mode.BACKTEST), journal))
        seconds.append(watch.seconds())
    assert len(set(summaries)) == 1, "expected the same result in every round"
    return statistics.median(seconds), summaries[0]


def main() -> None:
    """Print one line per case."""
    for name, overrides in CASES.items():
        seconds, summary = measured(overrides)
        digest = summary.digest[:16]
        counts = f"{summary.signals:6} signals {summary.trades:5} trades"
        print(f"{name:42} {seconds:6.2f} s {counts}  {digest} {'as kept' if digest == KEPT[name] else 'NOT AS KEPT'}")


if __name__ == "__main__":
    main()
