"""One year of one-minute bars of ten symbols, with STRAT on five timeframes: `python tests/benchmarks/bench_year.py`.

The bars are made with numpy and handed to a provider in memory. Prints the seconds and the greatest memory of the whole
process (its bars included) and of the back-test, its trades, and the hash of its trades: speed never changes an answer.
`--driver skipping` and `--driver plain` write the journal with the run; columns have it written when it is asked for.
The whole command, with its report and tables, is measured by `bench_year_whole.py`.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import resource
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from attrs import frozen

from atlas_core import components as offer
from atlas_core.backtest.driver import DriverKind, run_backtest
from atlas_core.backtest.foretelling import run_foretold
from atlas_core.clock import Stopwatch
from atlas_core.components import NoOptions
from atlas_core.compose import System, compose
from atlas_core.contracts import Capability, Context, HistoryRequest, Provider
from atlas_core.hookspecs import hookimpl
from atlas_core.journal import Journal
from atlas_core.model.bars import Bars
from atlas_core.model.events import BarClosed
from atlas_core.model.instrument import Instrument, InstrumentKind
from atlas_core.model.records import PositionClosed, Record
from atlas_core.model.timeframe import DAY, MINUTE, Timeframe
from atlas_core.plugins import Registry
from atlas_core.profile import load_profile
from atlas_core.runs import COLUMNS, Mode, RunSummary
from atlas_core.testing import registry_of

PROFILE = Path(__file__).with_name("year.toml")
START = 1_735_689_600_000_000_000  # 2025-01-01 00:00 UTC
KEPT = {(10, 365): "7a12c14213b3f97f", (3, 45): "b105c986990a4d80"}
"""The trades of this version, by symbols and days; a change of speed must leave them alone."""


def bars_of(number: int, symbol: str, days: int, timeframe: Timeframe) -> Bars:
    """Return a random walk of one-minute bars whose unrest comes and goes, as that of a coin does: 3 % a day."""
    random = np.random.default_rng((20_250_101, number))
    count = days * 1_440
    unrest = np.repeat(np.exp(np.cumsum(random.normal(0, 0.05, days * 24)) * 0.3).clip(0.4, 2.5), 60)
    close = 1_000 * np.exp(np.cumsum(random.normal(0, 0.0008, count) * unrest))
    first = np.concatenate([[1_000.0], close[:-1]])
    reach = np.abs(random.normal(0, 0.0003, (2, count))) * unrest
    high, low = np.maximum(first, close) * (1 + reach[0]), np.minimum(first, close) * (1 - reach[1])
    opened_at = START + np.arange(count, dtype=np.int64) * MINUTE
    prices = [np.round(column, 2) for column in (first, high, low, close)]
    return Bars(symbol, timeframe, opened_at, opened_at + MINUTE, *prices, volume=random.uniform(50, 500, count))


class MadeProvider(Provider):
    """Delivers bars that were made before."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._bars: dict[str, Bars] = {}

    def make(self, symbols: Sequence[str], timeframe: Timeframe) -> None:
        """Make the bars of every symbol."""
        self._bars = {symbol: bars_of(n, symbol, self._days, timeframe) for n, symbol in enumerate(symbols)}

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Return perpetuals of which a thousandth can be traded."""
        from decimal import Decimal

        return {
            symbol: Instrument(
                symbol,
                kind=InstrumentKind.PERP,
                lot_size=Decimal("0.001"),
                max_leverage=Decimal(10),
                maintenance_margin_pct=Decimal(5),
            )
            for symbol in symbols
        }

    async def history(self, request: HistoryRequest) -> Mapping[str, Bars]:
        """Return the bars that were made."""
        return {symbol: self._bars[symbol] for symbol in request.symbols}

    async def stream(self, request: HistoryRequest) -> AsyncIterator[BarClosed]:
        """Yield nothing: only back-tests are measured."""
        return
        yield


def registry(provider: MadeProvider) -> Registry:
    """Return the shipped parts and the provider `made`."""
    from types import ModuleType

    import atlas_basics.plugin
    import atlas_sim.plugin
    import atlas_strat.plugin

    def make(_options: NoOptions, _context: Context) -> Provider:
        """Hand out the bars that were made."""
        return provider

    def offered() -> list[object]:
        return [offer.provider("made", make, capabilities=[Capability.HISTORY, Capability.STREAM, Capability.PERP])]

    module = ModuleType("made.plugin")
    vars(module)["atlas_data_providers"] = hookimpl(offered)
    return registry_of(atlas_sim.plugin, atlas_basics.plugin, atlas_strat.plugin, module)


def peak_megabytes() -> float:
    """Return the greatest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def trades_hash(records: Iterable[Record]) -> str:
    """Return the hash of what was traded, when, at which prices and with which result."""
    digest = hashlib.sha256()
    for record in records:
        if isinstance(record, PositionClosed):
            facts = (record.symbol, record.pattern, record.opened_at, record.ts, record.exit_price, record.net)
            digest.update(repr([str(fact) for fact in facts]).encode())
    return digest.hexdigest()[:16]


@frozen
class Measured:
    """What a back-test took (wall and CPU seconds, MiB), and what came of it."""

    seconds: float
    cpu: float
    memory: float
    summary: RunSummary
    events: int
    digest: str


def measured(system: System, driver: str) -> Measured:
    """Run a back-test once: in columns without a journal, else with one in a file."""
    if driver == COLUMNS:
        gc.disable()  # as `atlas backtest` does
        watch, cpu = Stopwatch(), process_time()
        spared = run_foretold(system)
        took = watch.seconds(), process_time() - cpu, peak_megabytes()
        return Measured(*took, spared.summary, len(spared.kept), trades_hash(spared.kept))
    with TemporaryDirectory() as folder, Journal.create(Path(folder) / "journal.db") as journal:
        watch, cpu = Stopwatch(), process_time()
        summary = run_backtest(system, journal, None, DriverKind(driver))
        took = watch.seconds(), process_time() - cpu, peak_megabytes()
        return Measured(*took, summary, journal.count(), trades_hash(journal.records()))


def main() -> None:
    """Run the work once and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--driver", choices=[COLUMNS, *(kind.value for kind in DriverKind)], default=COLUMNS)
    asked = parser.parse_args()
    symbols = [f"C{number}" for number in range(asked.symbols)]
    provider = MadeProvider(asked.days)
    overrides = [("universe.symbols", json.dumps(symbols))]
    profile = load_profile(PROFILE, registry(provider), overrides=overrides)
    provider.make(symbols, profile.universe.base_timeframe)
    made = peak_megabytes()
    run = measured(compose(profile, Mode.BACKTEST), asked.driver)
    bars, summary = asked.symbols * asked.days * (DAY // MINUTE), run.summary
    counts = f"{bars:,} bars, {summary.signals:,} signals, {summary.trades:,} trades"
    print(f"{counts}, {run.events:,} records kept by {asked.driver}")
    print(f"{run.seconds:.2f} s, {run.cpu:.2f} s of CPU, {run.memory:.0f} MiB ({made:.0f} MiB of them before the run)")
    print(
        f"trades {run.digest}, kept {KEPT.get((asked.symbols, asked.days), 'nothing')}, journal {summary.digest[:16]}"
    )


if __name__ == "__main__":
    main()
