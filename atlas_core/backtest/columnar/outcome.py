"""A back-test in columns from its profile: opened, loaded, worked out and told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence

from attrs import field, frozen

from atlas_core.backtest.columnar.run import work_out
from atlas_core.backtest.columnar.simple import expect_simple_parts
from atlas_core.backtest.columnar.telling import END_REASON, Teller
from atlas_core.backtest.columnar.trades import Trades, trades_of
from atlas_core.backtest.markets import traded_market
from atlas_core.compose import System, opened
from atlas_core.loading import load
from atlas_core.model.instrument import ZERO
from atlas_core.model.records import PositionClosed, Record
from atlas_core.report.fill_counts import FillCounts
from atlas_core.runs import COLUMNS, RunSummary
from atlas_core.watching import Watch


@frozen
class Outcome:
    """The records that results are made from, and the summary; there is no journal yet, and no digest of one."""

    records: list[Record] = field(repr=False)  # the event loop writes its result down when it ends
    summary: RunSummary
    fills: FillCounts


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
        worked = work_out(live, market)
        trades = trades_of(worked.plans, worked.decisions)
        teller = Teller(worked, trades)
        records = teller.records()
    watch.records(records)
    closed = [record for record in records if isinstance(record, PositionClosed)]
    summary = RunSummary(
        signals=sum(len(table) for _, table in worked.tables),
        trades=len(closed),
        open_positions=0,
        net=sum((trade.net for trade in closed), ZERO),
        equity=teller.final_cash,
        digest="",
        reason=END_REASON,
        driver=COLUMNS,
    )
    return Outcome(records, summary, _fills(trades, closed))


def _fills(trades: Trades, closed: Sequence[PositionClosed]) -> FillCounts:
    """Count the fills: each entry is decided by a print, and each exit that is not at a level."""
    return FillCounts(
        total=2 * len(trades),
        inside_bar=int((~trades.is_print).sum()),
        unclear=sum(trade.ambiguous for trade in closed),
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
