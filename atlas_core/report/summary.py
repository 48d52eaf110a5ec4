"""One run in figures: totals that equal the sum of their rows, groups, key figures and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen

from atlas_core.errors import NotFound
from atlas_core.model.records import ComponentFailed, Record, RunFinished, RunStarted, SessionPaused, SessionResumed
from atlas_core.report import groups, metrics
from atlas_core.report.benchmark import benchmark_results
from atlas_core.report.bootstrap import Interval
from atlas_core.report.catalogue import metric_values
from atlas_core.report.costs import CostSplit
from atlas_core.report.equity import (
    Drawdown,
    EquityPoint,
    deepest_fall,
    equity_curve,
    periods_per_year,
)
from atlas_core.report.fill_counts import FillCounts, fill_counts, fills_sentence
from atlas_core.report.groups import Group, group_of, grouped
from atlas_core.report.legs import ExitLeg
from atlas_core.report.results import Results, TradeColumns, curve_columns
from atlas_core.report.signals import (
    Refusal,
    SignalRow,
    ends_of,
    refusals,
    signal_rows,
    state_counts,
    sum_sentence,
)
from atlas_core.report.trades import OpenRow, TradeRow, closed_trades, open_positions, price_decimals
from atlas_core.report.writing import percent

NOT_FINISHED = "not finished"
_LIMITS_OF_SESSIONS = (RunStarted, SessionResumed, SessionPaused, RunFinished)


@frozen(kw_only=True)
class KeyFigures:
    """The figures of a run; `None` is "does not exist". Fractions are not in percent."""

    starting_cash: Decimal
    equity: Decimal
    net: Decimal
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: Drawdown
    closed_drawdown: Drawdown
    trades: metrics.TradeFigures
    long_trades: int
    short_trades: int
    expectancy_r: float | None
    sqn: float | None
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    costs: CostSplit
    days: float
    returns: int
    periods: int
    risk_free: float
    interval: Interval | None


@frozen(kw_only=True)
class Report:
    """Everything that the screens and exports show of one run; `metric_values(report.results)` has every metric.

    `benchmark` is buy and hold of the same universe, None where the run kept none.
    """

    started: RunStarted
    ended_at: int
    finished: str
    sessions: int
    crashes: int
    trades: Sequence[TradeRow]
    exits: Sequence[ExitLeg]
    open_positions: tuple[OpenRow, ...]
    signals: Sequence[SignalRow]
    states: dict[str, int]
    sum_line: str
    refusals: tuple[Refusal, ...]
    curve: tuple[EquityPoint, ...]
    results: Results
    figures: KeyFigures
    total: Group
    by_setup: tuple[Group, ...]
    by_timeframe: tuple[Group, ...]
    by_symbol: tuple[Group, ...]
    by_side: tuple[Group, ...]
    by_exit: tuple[Group, ...]
    price_decimals: dict[str, int]
    failures: tuple[str, ...]
    fills: FillCounts
    benchmark: Results | None = None

    def beside(self, benchmark: Sequence[EquityPoint]) -> Report:
        """Return this report beside the daily curve of buy and hold; itself where there is none."""
        if not benchmark:
            return self
        return evolve(self, benchmark=benchmark_results(benchmark, self.results.periods, self.results.risk_free))


def report_of(records: Sequence[Record], *, risk_free: float = 0.0) -> Report:
    """Return the report of a run; raises NotFound when the records hold no run."""
    started = next((record for record in records if isinstance(record, RunStarted)), None)
    if started is None:
        raise NotFound("expected the journal of a run, found no record of its start")
    ending = next((record for record in reversed(records) if isinstance(record, _LIMITS_OF_SESSIONS)), started)
    finished = ending if isinstance(ending, RunFinished) else None
    trades, signals = closed_trades(records), signal_rows(records)
    curve, states = equity_curve(records), state_counts(row.state for row in signals)
    columns = TradeColumns(trades)
    equity = _ending_equity(started, columns, curve, finished)
    results = results_of_columns(started, columns, curve, equity, risk_free)
    return Report(
        **figures_of(started, trades, curve, equity, results),
        started=started,
        ended_at=records[-1].ts,
        finished=_told(ending),
        sessions=1 + sum(isinstance(record, SessionResumed) for record in records),
        crashes=sum(isinstance(record, SessionResumed) and record.crashed for record in records),
        trades=trades,
        exits=[leg for trade in trades for leg in trade.legs],
        open_positions=open_positions(records),
        signals=signals,
        states=states,
        sum_line=sum_sentence(states),
        refusals=refusals(ends_of(signals)),
        price_decimals=price_decimals(records),
        failures=failures(records),
        fills=fill_counts(records),
    )


def figures_of(
    started: RunStarted,
    trades: Sequence[TradeRow],
    curve: tuple[EquityPoint, ...],
    ending_equity: Decimal,
    results: Results,
) -> dict[str, Any]:
    """Return those fields of a report that say what a run earned."""
    columns = results.trades
    return {
        "curve": curve,
        "results": results,
        "figures": key_figures(started, ending_equity, results),
        "total": group_of("all", trades, columns),
        "by_setup": grouped(trades, groups.SETUP, columns),
        "by_timeframe": grouped(trades, groups.TIMEFRAME, columns),
        "by_symbol": grouped(trades, groups.SYMBOL, columns),
        "by_side": grouped(trades, groups.DIRECTION, columns),
        "by_exit": grouped(trades, groups.EXIT, columns),
    }


def _told(ending: Record) -> str:
    if isinstance(ending, RunFinished):
        return ending.reason
    return f"paused: {ending.reason}" if isinstance(ending, SessionPaused) else NOT_FINISHED


def failures(records: Sequence[Record]) -> tuple[str, ...]:
    """Return the first fault of each component that failed, and how often it did after that."""
    faults: dict[str, list[str]] = {}
    for record in records:
        if isinstance(record, ComponentFailed):
            faults.setdefault(record.component, []).append(record.error)
    return tuple(
        first + (f" (and {len(later)} more of {component})" if later else "")
        for component, (first, *later) in faults.items()
    )


def run_results(records: Sequence[Record], *, risk_free: float = 0.0) -> Results:
    """Return what the metrics of a run are computed from; raises NotFound when the records hold no run."""
    started = next((record for record in records if isinstance(record, RunStarted)), None)
    if started is None:
        raise NotFound("expected the journal of a run, found no record of its start")
    finished = records[-1] if isinstance(records[-1], RunFinished) else None
    columns, curve = TradeColumns(closed_trades(records)), equity_curve(records)
    equity = _ending_equity(started, columns, curve, finished)
    return results_of_columns(started, columns, curve, equity, risk_free)


def _ending_equity(
    started: RunStarted, trades: TradeColumns, curve: Sequence[EquityPoint], finished: RunFinished | None
) -> Decimal:
    """Return the equity at the end, which is the last one known."""
    if finished is not None:
        return finished.equity
    return curve[-1].equity if len(curve) > 1 else started.starting_cash + trades.total("net")


def results_of_columns(
    started: RunStarted,
    trades: TradeColumns,
    curve: Sequence[EquityPoint],
    ending_equity: Decimal,
    risk_free: float = 0.0,
) -> Results:
    """Return what the metrics of a run are computed from, of trades that are columns already."""
    marked_at, marked, exposure = curve_columns(curve)
    return Results(
        starting_cash=float(started.starting_cash),
        ending_equity=float(ending_equity),
        marked_at=marked_at,
        equity=marked,
        exposure=exposure,
        trades=trades,
        periods=periods_per_year(curve),
        risk_free=risk_free,
        seed=started.seed,
    )


_SHOWN = ("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "expectancy_r", "sqn")


def key_figures(started: RunStarted, ending_equity: Decimal, results: Results) -> KeyFigures:
    """Return the figures of a run, its money to the last digit."""
    trades = results.trades
    figures = trades.figures()
    return KeyFigures(
        **metric_values(results, _SHOWN),
        starting_cash=started.starting_cash,
        equity=ending_equity,
        net=figures.net,
        drawdown=deepest_fall(results.marked_at, results.equity),
        closed_drawdown=deepest_fall(results.closed_at, results.closed_equity),
        trades=figures,
        long_trades=int((trades.sign > 0).sum()),
        short_trades=int((trades.sign < 0).sum()),
        fees=trades.total("fees"),
        slippage=trades.total("slippage"),
        funding=trades.total("funding"),
        costs=trades.costs(),
        days=results.days,
        returns=len(results.returns),
        periods=results.periods,
        risk_free=results.risk_free,
        interval=results.interval,
    )


def notes_of(report: Report) -> tuple[str, ...]:
    """Return what a reader should know before believing a run."""
    cut = "the run did not finish: this is what it wrote until it stopped"
    notes = [cut] if report.finished == NOT_FINISHED else []
    if report.sessions > 1:
        crashed = f", {report.crashes} of them after a crash" if report.crashes else ""
        notes.append(f"{report.sessions} sessions wrote this journal, one after the other{crashed}")
    told = honesty(report.figures, report.fills, report.started.fill_model)
    return (*notes, *report.failures, *told, *_compared(report))


def _compared(report: Report) -> list[str]:
    """Return what stands behind the interval, and whether holding the universe would have earned more."""
    notes, results, held = [], report.results, report.benchmark
    if results.block > 1:
        notes.append(f"trades were open at the same time: the interval draws {results.block} neighbours together")
    if held is not None and held.ending_equity > results.ending_equity:
        more, own = (percent(one.ending_equity / one.starting_cash - 1, sign=True) for one in (held, results))
        notes.append(f"buying and holding the universe earned more: {more} against {own}")
    return notes


def honesty(figures: KeyFigures, fills: FillCounts, fill_model: str = "") -> tuple[str, ...]:
    """Return what a reader should know before believing the figures."""
    notes = []
    count, interval = figures.trades.count, figures.interval
    if count == 0:
        notes.append("no trade was closed: nothing is shown about the system")
    elif interval is None:
        notes.append("one trade shows nothing about the system")
    else:
        few = f"{count} trades are few: " if count < metrics.FEW_TRADES else f"{count} trades: "
        span = f"{interval.low:+,.2f} to {interval.high:+,.2f}"
        notes.append(f"{few}95 % interval of expectancy {span}, {interval.verdict}")
    decided = fills_sentence(fills, fill_model)
    if decided:
        notes.append(decided)
    if figures.days < metrics.CAGR_MINIMUM_DAYS:
        notes.append(f"{figures.days:.1f} days: figures per year are shown from {metrics.CAGR_MINIMUM_DAYS} days")
    return tuple(notes)
