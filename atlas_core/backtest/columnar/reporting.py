"""The report of a run that was worked out in columns: that of its records, without telling them first."""

from __future__ import annotations

import hashlib
from collections import Counter

from atlas_core.backtest.columnar.closed import END_REASON, ClosedTrades
from atlas_core.backtest.columnar.ends import SignalEnds
from atlas_core.backtest.columnar.results import WorkedColumns, worked_curve
from atlas_core.backtest.columnar.tables import exit_cells, trade_cells
from atlas_core.backtest.columnar.telling import Teller
from atlas_core.report.column_rows import ColumnRows, kept_cells
from atlas_core.report.fill_counts import FillCounts
from atlas_core.report.signals import refusals, signal_rows, state_counts, sum_sentence
from atlas_core.report.summary import Report, figures_of, results_of_columns
from atlas_core.report.trades import closed_trades


def worked_report(teller: Teller, closed: ClosedTrades, fills: FillCounts, risk_free: float = 0.0) -> Report:
    """Return the report; its rows are made of the records when somebody looks at one."""
    worked, curve, cash = teller.worked, worked_curve(teller), teller.final_cash
    started, signals = worked.live.started(worked.market.start), SignalEnds(closed)
    results = results_of_columns(started, WorkedColumns(closed), curve, cash, risk_free)
    cells = trade_cells(closed)
    trades = ColumnRows(len(closed), kept_cells(cells), lambda: closed_trades(teller.told))
    states = state_counts(end.state for end in signals.ends)
    return Report(
        **figures_of(started, trades, curve, cash, results),
        started=started,
        ended_at=teller.last_event,
        finished=END_REASON,
        sessions=1,
        crashes=0,
        trades=trades,
        exits=ColumnRows(
            len(closed),
            kept_cells(exit_cells(cells)),
            lambda: [leg for trade in closed_trades(teller.told) for leg in trade.legs],
        ),
        open_positions=(),
        signals=ColumnRows(len(signals), kept_cells(signals.cells()), lambda: signal_rows(teller.told)),
        states=states,
        sum_line=sum_sentence(states),
        refusals=refusals(Counter((end.state, end.by, end.reason) for end in signals.ends)),
        price_decimals=signals.price_decimals(),
        failures=(),
        fills=fills,
    )


def worked_digest(closed: ClosedTrades) -> str:
    """Return what `trades_digest` gives of the records."""
    prices, money = 12, 8
    columns = zip(
        [closed.found.keys[place] for place in closed.signals.tolist()],
        closed.opened_at.tolist(),
        closed.closed_at.tolist(),
        closed.prices(closed.entry).texts(prices),
        closed.exit_price.texts(prices),
        closed.quantity.texts(prices),
        closed.net.texts(money),
        closed.fees.texts(money),
        closed.slippage.texts(money),
        closed.rules,
        strict=True,
    )
    made = hashlib.sha256()
    for row in columns:
        made.update((" ".join(map(str, row)) + "\n").encode())
    return made.hexdigest()
