"""One workload through Atlas in this process.

`python -m tests.benchmarks.subject W1 STORE [ROUNDS [DRIVER [SYMBOLS]]]`

Prints one line of JSON: the seconds of the first call after import and loading, those of the calls after it, the CPU
seconds of the first and of the quickest, the counts, and a hash of the trades. DRIVER is `columns` or a driver of the
engine; SYMBOLS stand for those of the workload, which is then one of growth, on minute bars.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from attrs import evolve

from atlas_core.backtest.columnar.run import work_out
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.backtest.columnar.trades import trades_of
from atlas_core.backtest.driver import DriverKind, driver_on
from atlas_core.backtest.memory import MemoryRecords
from atlas_core.barstore.keys import SeriesKey
from atlas_core.barstore.store import BarStore
from atlas_core.clock import Stopwatch, to_datetime
from atlas_core.compose import OpenSystem, compose, opened
from atlas_core.loading import LoadedMarket, load
from atlas_core.marketdata.grid import UTC_GRID
from atlas_core.model.bars import Bars
from atlas_core.model.records import PositionClosed, Record
from atlas_core.model.timeframe import parse_timeframe
from atlas_core.plugins import discover
from atlas_core.profile import load_profile
from atlas_core.runs import Mode
from atlas_core.search.knowing import metrics_of_trials
from atlas_core.search.ledger import Trial
from atlas_core.search.trial import run_trial
from atlas_core.search.worker import Assignment, Task, Workbench
from atlas_core.watching import Scribe, Unwatched
from atlas_strat.labels import LabelledBars, label_bars
from tests.benchmarks.workloads import LABELLED, MINUTES, W1, WORKLOADS, Workload

COLUMNS = "columns"
Answer = tuple[dict[str, int], str]
Work = Callable[[], Callable[[], Answer]]
"""Does the work that is measured; returns how to count and to hash its result, which is not."""


def main(name: str, store: str, rounds: str = "3", driver: str = COLUMNS, symbols: str = "") -> None:
    """Measure one workload and print what came of it."""
    workload, seconds, cpu, answers = WORKLOADS[name], [], [], []
    if symbols:
        workload = evolve(workload, symbols=tuple(symbols.split(",")), data=MINUTES)
    for _ in range(int(rounds)):
        work = _prepared(workload, Path(store), driver)
        watch, used = Stopwatch(), resource.getrusage(resource.RUSAGE_SELF)
        result = work()
        seconds.append(watch.seconds())
        cpu.append(_cpu(resource.getrusage(resource.RUSAGE_SELF)) - _cpu(used))
        answers.append(result())
    if any(answer != answers[0] for answer in answers):
        raise RuntimeError(f"expected one result, was {answers}")
    counts, digest = answers[0]
    line = {
        "first": seconds[0],
        "again": seconds[1:],
        "first_cpu": cpu[0],
        "cpu": min(cpu),
        "counts": counts,
        "hash": digest,
    }
    print(json.dumps(line))


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _prepared(workload: Workload, store: Path, driver: str) -> Work:
    if workload.name == "W5":
        return _labels(store)
    if workload.sweep:
        return _combinations(workload, store)
    live, market = opened_market(workload, store)
    if driver == COLUMNS:
        return lambda: _in_columns(workload, live, market)
    return lambda: _by_engine(workload, live, market, DriverKind(driver))


def opened_market(
    workload: Workload, store: Path, overrides: Iterable[tuple[str, str]] = ()
) -> tuple[OpenSystem, LoadedMarket]:
    """Return a workload's system, open, and its market, loaded."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(workload.profile(store))
        file.flush()
        profile = load_profile(file.name, discover(), overrides=tuple(overrides))

    async def ready() -> tuple[OpenSystem, LoadedMarket]:
        async with opened(compose(profile, Mode.BACKTEST)) as live:
            return live, await load(live)

    return asyncio.run(ready())


def _in_columns(workload: Workload, live: OpenSystem, market: LoadedMarket) -> Callable[[], Answer]:
    worked = work_out(live, market)
    trades = trades_of(worked.plans, worked.decisions)
    return lambda: _counted(workload, Teller(worked, trades).records())


def _by_engine(workload: Workload, live: OpenSystem, market: LoadedMarket, kind: DriverKind) -> Callable[[], Answer]:
    records = MemoryRecords()
    asyncio.run(driver_on(live, market, Scribe(records, Unwatched()), kind).run())
    return lambda: _counted(workload, records.records())


def _counted(workload: Workload, records: Iterable[Record]) -> Answer:
    closed = [record for record in records if isinstance(record, PositionClosed)]
    rules = [trade.rule for trade in closed]
    counts = {
        "trades": len(closed) - rules.count("end"),
        "stops": rules.count("stop"),
        "targets": rules.count("target"),
    }
    lines = "".join(
        f"{t.symbol} {t.opened_at} {t.ts} {t.entry_price:.8f} {t.exit_price:.8f} {t.net:.2f}\n" for t in closed
    )
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    return {name: counts[name] for name in workload.expected}, digest


def _combinations(workload: Workload, store: Path) -> Work:
    """Return the work of a sweep in one process: profile, composition and run of every combination."""
    path = store / f"{workload.name}.toml"
    path.write_text(workload.profile(store), encoding="utf-8")
    whole = BarStore(store).bars(SeriesKey("benchmark", "M1", parse_timeframe("1m")))
    end = to_datetime(int(whole.available_at[(workload.last_bar or len(whole)) - 1]))
    fixed = (("universe.end", f'"{end:%Y-%m-%dT%H:%M}"'),)
    texts, metrics = {str(path.resolve()): path.read_text(encoding="utf-8")}, metrics_of_trials("sharpe")
    bench = Workbench.of(Assignment(token="", profile=str(path), texts=texts, base="", fixed=fixed, metrics=metrics))
    tasks = [Task(number=number, settings=_settings(*pair)) for number, pair in enumerate(workload.sweep)]
    bench.reach(tasks[0])

    def work() -> Callable[[], Answer]:
        trials = [bench.trial(task) for task in tasks]
        return lambda: _counted_trials(bench, tasks, trials)

    return work


def _settings(fast: int, slow: int) -> tuple[tuple[str, str], ...]:
    parts = ("scanner.sma-cross", "exit.sma-cross")
    return tuple(pair for part in parts for pair in ((f"{part}.fast", str(fast)), (f"{part}.slow", str(slow))))


def _counted_trials(bench: Workbench, tasks: Sequence[Task], trials: Sequence[Trial]) -> Answer:
    """Count the trades but those that the end of the data closed: they are the last ones of their trials."""
    ended = 0
    for task in tasks:
        run = run_trial(compose(bench.profile(task), Mode.BACKTEST), bench.histories)
        _, end = bench.span(task)
        ended += int((run.results.trades.closed_at > end).sum())
    total = sum(int(trial.figures["trades"] or 0) for trial in trials)
    lines = "".join(f"{trial.figures['net_profit']!r} {trial.figures['trades']}\n" for trial in trials)
    return {"trades": total - ended}, hashlib.sha256(lines.encode()).hexdigest()[:16]


def _labels(store: Path) -> Work:
    """Return the work of all five timeframes, asked of a loaded market as scanners ask it."""
    _, market = opened_market(W1, store)

    def work() -> Callable[[], Answer]:
        labelled = [label_bars(market.data.bars("M1", text)) for text in LABELLED]
        return lambda: _counted_labels(market.data.base("M1"), labelled)

    return work


def _counted_labels(bars: Bars, labelled: Sequence[LabelledBars]) -> Answer:
    """Count buckets with data, and bars: a bucket that begins before the data or ends after them makes none."""
    buckets = 0
    for text in LABELLED:
        ends = UTC_GRID.ends(parse_timeframe(text), bars.opened_at)
        buckets += int(np.count_nonzero(np.diff(ends))) + 1
    total = hashlib.sha256(b"".join(np.ascontiguousarray(one.label).tobytes() for one in labelled))
    return {"buckets": buckets, "bars": sum(map(len, labelled))}, total.hexdigest()[:16]


if __name__ == "__main__":
    main(*sys.argv[1:])
