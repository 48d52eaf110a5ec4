"""Measure what a result costs to tell: `python tests/benchmarks/bench_metrics.py`.

7,000 closed trades of ten symbols and two years of daily marks: every metric, what each other system would have
reported, the whole report from its records, its trades as CSV, and the screen. Prints medians of milliseconds.
"""

from __future__ import annotations

import contextlib
import io
import statistics
from collections.abc import Callable
from decimal import Decimal

import numpy as np
from attrs import evolve

from atlas_core.cli.results import print_report
from atlas_core.clock import Stopwatch
from atlas_core.model.records import Record
from atlas_core.model.timeframe import DAY, HOUR, SECOND
from atlas_core.report.catalogue import metric_values
from atlas_core.report.export import trades_csv
from atlas_core.report.peers import PEERS, peer_figures
from atlas_core.report.summary import report_of, run_results
from tests.sample_run import START, closed, marked, started

TRADES, DAYS, ROUNDS = 7_000, 730, 7


def records() -> list[Record]:
    """Return a seeded run: a start, the trades, and a mark at the end of every day."""
    random, first = np.random.default_rng(1), closed(1, "sig", START, "1.00")
    spacing = DAYS * DAY // TRADES // SECOND * SECOND
    trades = [
        evolve(
            first, trade_id=number + 1, opened_at=START + number * spacing, ts=START + number * spacing + HOUR,
            net=Decimal(str(round(random.normal(1, 50), 2))), r_multiple=float(random.normal()),
            symbol=f"S{number % 10}",
        )
        for number in range(TRADES)
    ]  # fmt: skip
    marks = [marked(START + day * DAY, str(10_000 + day), "0") for day in range(1, DAYS + 1)]
    return [started(mode="backtest"), *sorted([*trades, *marks], key=lambda record: record.ts)]


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of some rounds in milliseconds."""
    taken = []
    for _ in range(ROUNDS):
        watch = Stopwatch()
        work()
        taken.append(watch.seconds() * 1000)
    return statistics.median(taken)


def main() -> None:
    """Print one line for each part."""
    made = records()
    results, report = run_results(made), report_of(made)

    def screen() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            print_report(report, None)

    parts: dict[str, Callable[[], object]] = {
        "every metric, columns made anew": lambda: metric_values(
            evolve(results, trades=type(results.trades)(report.trades))
        ),
        "every metric": lambda: metric_values(evolve(results)),
        **{f"figures of {peer}": lambda peer=peer: peer_figures(results, peer) for peer in PEERS},  # type: ignore[misc]
        "the report from its records": lambda: report_of(made),
        "trades as CSV": lambda: trades_csv(report.trades),
        "the screen": screen,
    }
    for name, work in parts.items():
        print(f"{name:34} {median_ms(work):9.1f} ms")


if __name__ == "__main__":
    main()
