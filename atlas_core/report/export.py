"""Tables and figures of a run as CSV and JSON: the same run gives the same bytes.

CSV: one header line, the columns in the order of `TRADE_COLUMNS`, `EXIT_COLUMNS`, `SIGNAL_COLUMNS`, `ORDER_COLUMNS` and
`EQUITY_COLUMNS` (new columns are only ever added at the end), times in ISO 8601 UTC, plain decimals without exponent,
empty for none, lines end with `\\n`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from atlas_core.clock import NANOSECONDS_PER_SECOND, to_datetime
from atlas_core.report.account_metrics import CURVE_NAMES
from atlas_core.report.catalogue import metric_values
from atlas_core.report.column_rows import ColumnRows, Teller
from atlas_core.report.costs import CostSplit
from atlas_core.report.equity import EquityPoint
from atlas_core.report.groups import Group
from atlas_core.report.legs import ExitLeg
from atlas_core.report.orders import OrderRow
from atlas_core.report.peers import peer_figures
from atlas_core.report.signals import SignalRow
from atlas_core.report.summary import Report, notes_of
from atlas_core.report.trades import OpenRow, TradeRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRADE_COLUMNS = (
    "trade_id", "symbol", "timeframe", "setup", "family", "side", "quantity", "leverage", "opened_at", "closed_at",
    "entry_price", "exit_price", "stop", "target", "gross", "fees", "slippage", "funding", "net", "r_multiple",
    "rule", "reason", "highest", "lowest", "ambiguous", "signal_key", "multiplier", "initial_risk", "score",
    "mae_pct", "mfe_pct", "mae_r", "mfe_r", "spread", "impact", "liquidation_fee", "total_costs", "exits",
)  # fmt: skip
EXIT_COLUMNS = ("trade_id", "symbol", "ts", "rule", "reason", "quantity", "price", "gross", "fee")
SIGNAL_COLUMNS = (
    "key", "scanner", "symbol", "timeframe", "setup", "family", "side", "entry", "detected_at", "setup_at",
    "trigger", "stop", "target", "score", "state", "by", "reason", "value", "threshold", "ended_at", "trade_id",
)  # fmt: skip
ORDER_COLUMNS = (
    "client_order_id", "signal_key", "symbol", "role", "attempt", "action", "kind", "quantity", "limit_price",
    "stop_price", "reduce_only", "intended_at", "changed_at", "status", "filled_quantity", "average_price", "fee",
    "slippage", "reason", "spread", "impact",
)  # fmt: skip
REFUSED_COLUMNS = (
    "key", "outcome", "by", "symbol", "timeframe", "setup", "side", "stopped_at", "ending", "entered_at", "entry",
    "ended_at", "exit", "change", "r_multiple",
)  # fmt: skip
METRIC_COLUMNS = ("name", "title", "unit", "value", "buy_and_hold")
ORDERS_NAME = "orders.csv"
EQUITY_COLUMNS = ("ts", "equity", "exposure")
FILL_COLUMNS = (
    "ts", "client_order_id", "trade_id", "symbol", "role", "action", "quantity", "price", "fee", "slippage",
    "liquidity", "ambiguous", "spread", "impact", "basis",
)  # fmt: skip
DAY_COLUMNS = ("ts", "equity", "exposure", "change", "share", "drawdown", "closed_trades", "closed_net")
OPEN_COLUMNS = tuple(attribute.name for attribute in attrs.fields(OpenRow))
QUOTE = '"'
_TO_QUOTE = (QUOTE, ",", "\r", "\n")
PIECE = 1 << 14
"""Rows of a table that are told at a time: the memory that they take does not grow with the table."""

_TIMES = frozenset(
    {
        "opened_at",
        "closed_at",
        "detected_at",
        "setup_at",
        "ended_at",
        "intended_at",
        "changed_at",
        "ts",
        "stopped_at",
        "entered_at",
    }
)


def iso(ts: int) -> str:
    """Return nanoseconds UTC as `2026-04-05T18:00:00Z`, with as many digits of the second as it needs."""
    seconds, rest = divmod(ts, NANOSECONDS_PER_SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return to_datetime(seconds * NANOSECONDS_PER_SECOND).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def decimal_text(value: Decimal) -> str:
    """Return an exact decimal without exponent and without a negative zero."""
    return format(value if value else abs(value), "f")


def _cell(name: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124  (NaN)
        return ""
    if name in _TIMES:
        return iso(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value) if isinstance(value, Enum) else str(value)


def csv_text(columns: Sequence[str], rows: Iterable[object]) -> str:
    """Return objects as CSV, one attribute a column."""
    return "".join(csv_pieces(columns, rows))


def csv_pieces(columns: Sequence[str], rows: Iterable[object]) -> Iterator[str]:
    """Yield objects as CSV, one attribute a column: the header, then so many lines at a time."""
    yield ",".join(columns) + "\n"
    for made in pieces_of(columns, rows if isinstance(rows, ColumnRows) else list(rows)):
        lines = map(",".join, zip(*map(_quoted, made), strict=True))
        yield "\n".join((*lines, ""))


def _quoted(cells: Sequence[str]) -> Sequence[str]:
    """Return cells as they stand between commas; most columns hold nothing that has to be quoted."""
    joined = "".join(cells)
    if not any(mark in joined for mark in _TO_QUOTE):
        return cells
    return [
        f'"{cell.replace(QUOTE, QUOTE * 2)}"' if any(mark in cell for mark in _TO_QUOTE) else cell for cell in cells
    ]


def pieces_of(columns: Sequence[str], rows: Sequence[object]) -> Iterator[list[Sequence[str]]]:
    """Yield the cells of each column as their texts in CSV, of so many rows at a time."""
    for first in range(0, len(rows), PIECE):
        piece = slice(first, first + PIECE)
        tell = rows.piece(piece) if isinstance(rows, ColumnRows) else _teller(rows[piece])
        yield [tell(name) for name in columns]


def cells_of(name: str, rows: Sequence[object]) -> Sequence[str]:
    """Return one attribute of every row as its text in CSV."""
    return (rows.piece(slice(None)) if isinstance(rows, ColumnRows) else _teller(rows))(name)


def _teller(rows: Sequence[object]) -> Teller:
    return lambda name: _cells(name, [getattr(row, name) for row in rows])


def _cells(name: str, values: list[Any]) -> Sequence[str]:
    """Return the cells of a column; where all are of one type they are written without asking each what it is."""
    kinds = set(map(type, values))
    if name in _TIMES and kinds == {int}:
        return times_text(values)
    if kinds == {str}:
        return values
    if kinds == {Decimal}:
        return list(map(decimal_text, values))
    if kinds and all(issubclass(kind, Enum) for kind in kinds):
        written = {value: str(value.value) for value in set(values)}
        return [written[value] for value in values]
    return [_cell(name, value) for value in values]


def times_text(values: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Return nanoseconds UTC as `iso` writes them."""
    stamps = np.array(values, dtype=np.int64)
    if (stamps % NANOSECONDS_PER_SECOND).any():
        return list(map(iso, stamps.tolist()))
    seconds = np.datetime_as_string((stamps // NANOSECONDS_PER_SECOND).astype("datetime64[s]"))
    return [f"{text}Z" for text in seconds.tolist()]


def trades_csv(rows: Iterable[TradeRow]) -> str:
    """Return closed trades as CSV."""
    return csv_text(TRADE_COLUMNS, rows)


def exits_csv(legs: Iterable[ExitLeg]) -> str:
    """Return the exits of closed trades as CSV, one row for each order that closed some of a trade."""
    return csv_text(EXIT_COLUMNS, legs)


def signals_csv(rows: Iterable[SignalRow]) -> str:
    """Return signals with their verdicts as CSV."""
    return csv_text(SIGNAL_COLUMNS, rows)


def orders_csv(rows: Iterable[OrderRow]) -> str:
    """Return orders as CSV."""
    return csv_text(ORDER_COLUMNS, rows)


def equity_csv(points: Iterable[EquityPoint]) -> str:
    """Return the daily curve as CSV."""
    return csv_text(EQUITY_COLUMNS, points)


def json_rows(columns: Sequence[str], rows: Iterable[object]) -> list[dict[str, Any]]:
    """Return objects as JSON values: times as ISO text, decimals as text, numbers and truth values as such."""
    return [{name: _json_value(name, getattr(row, name)) for name in columns} for row in rows]


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int | float) and name not in _TIMES):
        return None if value != value else value  # noqa: PLR0124  (NaN)
    return None if value is None else _cell(name, value)


def summary_of(report: Report) -> dict[str, Any]:
    """Return the figures of a run as JSON values; the mode and whether the market is synthetic come first."""
    started = report.started
    return {
        "profile": started.profile,
        "mode": started.mode,
        "synthetic": started.synthetic,
        "seed": started.seed,
        "quote": started.quote,
        "symbols": list(started.symbols),
        "started_at": iso(started.ts),
        "ended_at": iso(report.ended_at),
        "finished": report.finished,
        "figures": _figures(report),
        "metrics": metric_values(report.results),
        "benchmark": None if report.benchmark is None else metric_values(report.benchmark, CURVE_NAMES),
        "terms": _terms(report),
        "signals": {"total": len(report.signals), "by_outcome": report.states, "sum": report.sum_line},
        "refusals": [attrs.asdict(refusal) for refusal in report.refusals],
        "open_positions": json_rows(OPEN_COLUMNS, report.open_positions),
        "by_setup": group_rows(report.by_setup),
        "by_timeframe": group_rows(report.by_timeframe),
        "by_symbol": group_rows(report.by_symbol),
        "by_side": group_rows(report.by_side),
        "by_exit": group_rows(report.by_exit),
        "notes": list(notes_of(report)),
    }


def _figures(report: Report) -> dict[str, Any]:
    figures = report.figures
    exact: Mapping[str, Decimal | None] = {
        "starting_cash": figures.starting_cash, "equity": figures.equity, "net": figures.net, "fees": figures.fees,
        "slippage": figures.slippage, "funding": figures.funding, "gross_profit": figures.trades.gross_profit,
        "gross_loss": figures.trades.gross_loss, "profit_factor": figures.trades.profit_factor,
        "expectancy": figures.trades.expectancy, "average_win": figures.trades.average_win,
        "average_loss": figures.trades.average_loss,
    }  # fmt: skip
    return {
        **{name: None if value is None else decimal_text(value) for name, value in exact.items()},
        "trades": figures.trades.count, "wins": figures.trades.wins, "losses": figures.trades.losses,
        "flats": figures.trades.flats, "win_rate": figures.trades.win_rate, "long_trades": figures.long_trades,
        "short_trades": figures.short_trades, "expectancy_r": figures.expectancy_r, "sqn": figures.sqn,
        "total_return": figures.total_return, "cagr": figures.cagr, "volatility": figures.volatility,
        "sharpe": figures.sharpe, "sortino": figures.sortino, "calmar": figures.calmar,
        "max_drawdown": figures.drawdown.depth, "closed_trade_drawdown": figures.closed_drawdown.depth,
        "expectancy_interval_95": None if figures.interval is None else [figures.interval.low, figures.interval.high],
        "days": figures.days, "daily_returns": figures.returns, "periods_per_year": figures.periods,
        "risk_free": figures.risk_free,
        "costs": {name: decimal_text(value) for name, value in _costs(figures.costs).items()},
        "fills": attrs.asdict(report.fills),
    }  # fmt: skip


def _terms(report: Report) -> dict[str, Any]:
    """Return what the metrics were computed on; the names of `metrics` are those of docs/metrics.md."""
    figures, started = report.figures, report.started
    return {
        "daily_returns": figures.returns, "periods_per_year": figures.periods, "risk_free": figures.risk_free,
        "cost_model": started.cost_model, "fill_model": started.fill_model,
    }  # fmt: skip


def compat_of(report: Report, peers: Sequence[str]) -> dict[str, Any]:
    """Return what other systems would have reported under their names, nothing when none is asked for."""
    made = {peer: dict(peer_figures(report.results, peer).values) for peer in peers}
    return {"metrics_compat": made} if made else {}


def _costs(costs: CostSplit) -> dict[str, Decimal]:
    return costs.parts | {"total": costs.total}


def group_rows(groups: Iterable[Group]) -> list[dict[str, Any]]:
    """Return groups of trades as JSON values; what does not exist is null."""
    return [
        {
            "name": group.name,
            "trades": group.figures.count,
            "wins": group.figures.wins,
            "win_rate": group.figures.win_rate,
            "net": decimal_text(group.net),
            "profit_factor": _text_or_none(group.figures.profit_factor),
            "expectancy": _text_or_none(group.figures.expectancy),
            "r_total": group.r_total,
            "expectancy_r": group.expectancy_r,
            "mae_r": group.mae_r,
            "mfe_r": group.mfe_r,
            "mae_pct": group.mae_pct,
            "mfe_pct": group.mfe_pct,
        }
        for group in groups
    ]


def _text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def json_text(value: object) -> str:
    """Return strict JSON in a stable layout, ending with a new line."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def manifest_of(report: Report, run_id: str, journal_digest: str, version: str) -> dict[str, Any]:
    """Return what a run was made of; two equal runs differ in `run_id` alone."""
    started = report.started
    return {
        "run_id": run_id,
        "atlas": version,
        "profile": started.profile,
        "profile_digest": started.profile_digest,
        "mode": started.mode,
        "synthetic": started.synthetic,
        "seed": started.seed,
        "base_timeframe": started.base_timeframe,
        "symbols": list(started.symbols),
        "components": list(started.components),
        "journal_digest": journal_digest,
        "signals": len(report.signals),
        "trades": len(report.trades),
        "open_positions": len(report.open_positions),
        "net": decimal_text(report.figures.net),
        "equity": decimal_text(report.figures.equity),
        "finished": report.finished,
    }


def table_files(report: Report, orders: Sequence[OrderRow] | None) -> dict[str, str]:
    """Return every table of a run as CSV, by file name; that of the orders only where they are known."""
    return {name: "".join(pieces) for name, pieces in _tables(report, orders).items()}


def _tables(report: Report, orders: Sequence[OrderRow] | None) -> dict[str, Iterable[str]]:
    return {
        "trades.csv": csv_pieces(TRADE_COLUMNS, report.trades),
        "exits.csv": csv_pieces(EXIT_COLUMNS, report.exits),
        "signals.csv": csv_pieces(SIGNAL_COLUMNS, report.signals),
        **({} if orders is None else {ORDERS_NAME: csv_pieces(ORDER_COLUMNS, orders)}),
        "equity.csv": csv_pieces(EQUITY_COLUMNS, report.curve),
    }


def export_files(
    report: Report, orders: Sequence[OrderRow] | None, manifest: Mapping[str, Any]
) -> dict[str, Iterable[str]]:
    """Return the files that a run leaves beside its journal, by name, each in the pieces that it is written in."""
    return {
        **_tables(report, orders),
        "summary.json": [json_text(summary_of(report))],
        "manifest.json": [json_text(dict(manifest))],
    }
