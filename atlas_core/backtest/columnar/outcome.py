"""A back-test in columns from its profile: opened, loaded, worked out and told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

from attrs import field, frozen

from atlas_core.backtest.columnar.closed import END_REASON, ClosedTrades
from atlas_core.backtest.columnar.reporting import worked_digest, worked_report
from atlas_core.backtest.columnar.run import Worked, work_out
from atlas_core.backtest.columnar.simple import expect_simple_parts
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.backtest.columnar.trades import Trades, trades_of
from atlas_core.backtest.markets import traded_market
from atlas_core.compose import System, opened
from atlas_core.loading import load
from atlas_core.model.records import PositionClosed, Record
from atlas_core.report.fill_counts import FillCounts
from atlas_core.report.summary import Report
from atlas_core.runs import COLUMNS, RunSummary
from atlas_core.watching import Watch


@frozen(eq=False)
class Outcome:
    """What a run came to, its report and the summary; there is no journal yet, and no digest of one.

    Nothing of it shows columns: the event loop writes its result down when it ends.
    """

    closed: ClosedTrades = field(repr=False)
    teller: Teller = field(repr=False)
    summary: RunSummary
    fills: FillCounts

    @property
    def records(self) -> list[Record]:
        """Return the records that the results could be made from as well."""
        return self.teller.told

    @property
    def digest(self) -> str:
        """Return what `trades_digest` gives of the records."""
        return worked_digest(self.closed)

    def report(self, risk_free: float = 0.0) -> Report:
        """Return the report of the run."""
        return worked_report(self.teller, self.closed, self.fills, risk_free)


def run_in_columns(system: System, watch: Watch) -> Outcome:
    """Work a composed back-test out in columns.

    Raises NotSimple where the engine has to decide, before anything is opened where that can be known, and what
    opening and loading raise.
    """
    expect_simple_parts(system)
    return asyncio.run(_run(system, watch))


async def _run(system: System, watch: Watch) -> Outcome:
    async with opened(system) as live:
        market = await load(live)
        watch.loaded(traded_market(live, market))
        return outcome_of(work_out(live, market))


def outcome_of(worked: Worked) -> Outcome:
    """Return what was worked out as an outcome."""
    teller = Teller(worked, trades_of(worked.plans, worked.decisions))
    closed = ClosedTrades(worked, teller.trades)
    summary = RunSummary(
        signals=len(closed.found),
        trades=len(closed),
        open_positions=0,
        net=closed.net.total(),
        equity=teller.final_cash,
        digest="",
        reason=END_REASON,
        driver=COLUMNS,
    )
    return Outcome(closed, teller, summary, _fills(teller.trades, closed))


def _fills(trades: Trades, closed: ClosedTrades) -> FillCounts:
    """Count the fills: each entry is decided by a print, and each exit that is not at a level."""
    return FillCounts(
        total=2 * len(trades),
        inside_bar=int((~trades.is_print).sum()),
        unclear=int(closed.is_ambiguous.sum()),
    )


def trades_digest(records: Iterable[Record]) -> str:
    """Return a SHA-256 over the closed trades: what must be equal in the columns of a run and in its journal."""
    made = hashlib.sha256()
    for record in records:
        if isinstance(record, PositionClosed):
            prices = f"{record.entry_price:.12f} {record.exit_price:.12f} {record.quantity:.12f}"
            money = f"{record.net:.8f} {record.fees:.8f} {record.slippage:.8f}"
            made.update(f"{record.signal_key} {record.opened_at} {record.ts} {prices} {money} {record.rule}\n".encode())
    return made.hexdigest()
